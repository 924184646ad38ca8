"""How a refusal is told: a stable code, the place, a sentence in the words of who sent it, and what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from graph.errors import InputError, Problem
from graph.json import Json
from graph.schema import structural_problems
from server.http.bodies import Schema, conforming
from server.http.facts import TOKENS
from server.http.jobs import MOVE
from server.http.queue import BATCH
from server.http.service import Bounds
from server.http.submitting import RUN, SUBMIT
from tests.server.service import running

PARAMETERS_GO = 'Values of the workflow\'s parameters go into `parameters`: {"parameters": {"NAME": VALUE}}.'
A_WORKFLOW = (
    "A workflow of any form: ours, ComfyUI's canvas or API prompt; "
    "a saved one is run by POST /api/v1/workflows/NAME/jobs."
)
NO_CONTROLS = r"(the pattern is ^(?![\s\S]*[\u0000-\u001f]))"
PLACES = "It takes after, before, front, number, priority."


@dataclass(frozen=True)
class Told:
    """A body, and how it is refused."""

    schema: Schema
    body: Json
    code: str
    path: str
    message: str
    hint: str | None


BODIES = (
    Told(RUN, {"prompt": "a red fox"}, "body_additionalProperties", "$", "there is no field 'prompt' here", PARAMETERS_GO),
    Told(RUN, {"a": 1, "b": 2}, "body_additionalProperties", "$", "there are no fields 'a', 'b' here", PARAMETERS_GO),
    Told(RUN, {"parameter": {}}, "body_additionalProperties", "$", "there is no field 'parameter' here",
         "Did you mean 'parameters'?"),
    Told(RUN, {"parameters": []}, "body_type", "$.parameters", "expects an object, not a list",
         "Values of the workflow's parameters, by name."),
    Told(RUN, {"priority": 5000}, "body_maximum", "$.priority", "5000 is above the maximum 1000",
         "Higher runs first, whatever the numbers; 0 is usual."),
    Told(RUN, {"priority": 1.5}, "body_type", "$.priority", "expects a whole number, not 1.5",
         "Higher runs first, whatever the numbers; 0 is usual."),
    Told(RUN, {"time_limit": 0}, "body_exclusiveMinimum", "$.time_limit", "0 is not above 0",
         "Seconds that an attempt may run before it fails."),
    Told(RUN, {"client": "x" * 300}, "body_maxLength", "$.client", "has 300 characters; at most 200",
         "Who asks; events can be had by it."),
    Told(RUN, {"client": "a\n"}, "body_pattern", "$.client", '"a\\n" has characters that are not taken ' + NO_CONTROLS,
         "Who asks; events can be had by it."),
    Told(MOVE, {"front": 1}, "body_const", "$.front", "expects true, not 1",
         "True, for a place before all that wait (or all of a `priority`); leave it out for another."),
    Told(MOVE, {"front": False}, "body_const", "$.front", "expects true, not false",
         "True, for a place before all that wait (or all of a `priority`); leave it out for another."),
    Told(MOVE, {}, "body_minProperties", "$", "has too few fields: 1 at least", PLACES),
    Told(MOVE, {"place": 1}, "body_additionalProperties", "$", "there is no field 'place' here", PLACES),
    Told(SUBMIT, {}, "body_required", "$", "the field 'workflow' is missing",
         A_WORKFLOW),
    Told(SUBMIT, {"workflow": {}, "targets": []}, "body_minItems", "$.targets", "has 0 entries; at least 1", None),
    Told(SUBMIT, 3, "body_type", "$", "expects an object, not 3", PARAMETERS_GO),
    Told(BATCH, {"jobs": [{"workflow": "x" * 99}]}, "body_type", "$.jobs[0].workflow",
         'expects an object, not "' + "x" * 56 + "...", A_WORKFLOW),
    Told(TOKENS, {"text": "a", "checkpoint": 3}, "body_type", "$.checkpoint", "expects a text or null, not 3",
         "Whose tokenizer; null for CLIP's."),
    Told(TOKENS, {}, "body_required", "$", "the field 'text' is missing", "It takes checkpoint, text."),
)  # fmt: skip


@pytest.mark.parametrize("row", BODIES, ids=lambda row: f"{row.path} {row.code}")
def test_a_body_is_refused_in_a_sentence(row: Told) -> None:
    with pytest.raises(InputError) as refused:
        conforming(row.body, row.schema)
    assert refused.value.problems == (Problem(row.code, row.message, path=row.path, hint=row.hint),)


def test_places_that_exclude_each_other_are_named() -> None:
    with pytest.raises(InputError) as refused:
        conforming({"front": True, "before": "x"}, MOVE)
    together = {(one.code, one.path, one.message, one.hint) for one in refused.value.problems}
    assert together == {
        ("body_not", "$.before", "does not go together with 'front'", "Leave one of them out."),
        ("body_not", "$.front", "does not go together with 'before'", "Leave one of them out."),
    }


def with_input(value: Json) -> dict[str, Any]:
    return {"nodes": {"a": {"type": "X", "inputs": {"i": value}}}}


@pytest.mark.parametrize(
    ("document", "path", "message", "hint"),
    [
        ({"format": "latentgraph/1"}, "$", "the field 'nodes' is missing", None),
        ({"nodes": {"a": {"type": "X", "mode": "muted"}}}, "$.nodes.a.mode", '"muted" is not one of on, mute, bypass',
         "Did you mean 'mute'?"),
        ({"nodes": {"a": {"type": "X", "input": {}}}}, "$.nodes.a", "there is no field 'input' here",
         "Did you mean 'inputs'?"),
        ({"nodes": {"a": {"type": ""}}}, "$.nodes.a.type", "has 0 characters; at least 1",
         "A node type, or `subgraph:NAME`."),
        ({"nodes": {"a": 3}}, "$.nodes.a", "expects an object, not 3", None),
        ({"nodes": {"": {"type": "X"}}}, "$.nodes", 'the name "" has 0 characters; at least 1', None),
        (with_input({"from": ["b", "o"], "value": 1}), "$.nodes.a.inputs.i", "has too many fields: 1 at most",
         "It takes from, value."),
        (with_input({"from": ["b", "o", "p"]}), "$.nodes.a.inputs.i.from", "has 3 entries; at most 2", None),
        (with_input({"from": ["b"]}), "$.nodes.a.inputs.i.from", "has 1 entry; at least 2", None),
    ],
)  # fmt: skip
def test_a_document_is_refused_in_a_sentence(
    document: dict[str, Any], path: str, message: str, hint: str | None
) -> None:
    [found] = structural_problems({"format": "latentgraph/1"} | document)
    assert (found.code, found.path, found.message) == ("document_structure", path, message)
    assert hint is None or found.hint == hint


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "says"),
    [
        ("GET", "/api/v1/job", 404, "unknown_path", "Did you mean '/api/v1/jobs'?"),
        ("GET", "/api/v1/jobs/", 404, "unknown_path", "Did you mean '/api/v1/jobs'?"),
        ("GET", "/api/v1/jobs/7f/output", 404, "unknown_path", "Did you mean '/api/v1/jobs/{id}/outputs'?"),
        ("GET", "/api/v1/workflow/text_to_image/versions", 404, "unknown_path", "'/api/v1/workflows/{name}/versions'"),
        ("GET", "/nowhere/at/all", 404, "unknown_path", "/api/v1/openapi.json lists what there is"),
        ("GET", "/" + "x" * 5000, 404, "unknown_path", "/api/v1/openapi.json lists what there is"),
        ("POST", "/health/live", 405, "method_not_allowed", "'/health/live' takes GET, HEAD"),
        ("GET", "/api/v1/batches", 405, "method_not_allowed", "'/api/v1/batches' takes POST"),
        ("GET", "/api/v1/workflows/text_to_imag", 404, "unknown_workflow", "Did you mean 'text_to_image'?"),
        ("POST", "/api/v1/workflows/text_to_imag/jobs", 404, "unknown_workflow", "Did you mean 'text_to_image'?"),
        ("GET", "/api/v1/workflows/zzz", 404, "unknown_workflow", "GET /api/v1/workflows lists those that are here"),
        ("GET", "/api/v1/jobs/7f", 404, "unknown_job", "GET /api/v1/jobs lists those that are kept"),
        ("GET", "/api/v1/blobs/7f", 404, "unknown_blob", "SHA-256"),
        ("GET", f"/api/v1/blobs/{'0' * 64}", 404, "unknown_blob", "outputs of a job"),
        ("GET", "/assets/gone.js", 404, "unknown_file", "gone.js"),
        ("GET", "/templates/gone.png", 404, "unknown_file", "gone.png"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    tmp_path: Path, method: str, path: str, status: int, code: str, says: str
) -> None:
    async def act() -> None:
        async with running(tmp_path) as service:
            answer = await (service.get(path) if method == "GET" else service.post(path, b""))
            assert (answer.status, answer.kind, answer.json["code"]) == (status, "application/problem+json", code)
            assert says in answer.json["detail"]

    asyncio.run(act())


@pytest.mark.parametrize(("path", "allowed"), [("/health/live", "GET, HEAD"), ("/api/v1/jobs", "GET, HEAD, POST")])
def test_a_method_that_is_not_taken_is_answered_with_those_that_are(tmp_path: Path, path: str, allowed: str) -> None:
    async def act() -> None:
        async with (
            running(tmp_path) as service,
            service.session.patch(f"http://127.0.0.1:{service.port}{path}", json={}) as answer,
        ):
            assert (answer.status, answer.headers["Allow"]) == (405, allowed)

    asyncio.run(act())


FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="workflow"\r\n\r\n{}\r\n--x--\r\n'
JPEG = b"\xff\xd8\xff\xe0" + bytes(16)


@dataclass(frozen=True)
class Asked:
    """A request, and how it is refused: `says` is in the detail, or in the first problem's hint."""

    method: str
    path: str
    status: int
    code: str
    says: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


SHIPPED = "/api/v1/workflows/text_to_image"
SEED = b'{"workflow": {"format": "latentgraph/1", "nodes": {"s": {"type": "KSampler", "inputs": {"seed": "randm"}}}}}'
REQUESTS = (
    Asked("GET", f"{SHIPPED}/jobs", 405, "method_not_allowed", "takes POST, not GET"),
    Asked("DELETE", f"{SHIPPED}/jobs", 405, "method_not_allowed", "takes POST, not DELETE"),
    Asked("PUT", f"{SHIPPED}/jobs", 405, "method_not_allowed", "takes POST, not PUT", b"{}"),
    Asked("PUT", f"{SHIPPED}/versions", 405, "method_not_allowed", "takes GET, HEAD, not PUT", b"{}"),
    Asked("DELETE", f"{SHIPPED}/versions/3", 405, "method_not_allowed", "takes GET, HEAD, not DELETE"),
    Asked("GET", f"{SHIPPED}/versions/3/restore", 405, "method_not_allowed", "takes POST, not GET"),
    Asked("PUT", "/api/v1/workflows/jobs", 422, "workflow_name", "'jobs' is a word of this interface", b"{}"),
    Asked("PUT", "/api/v1/workflows/jobs/mine", 422, "workflow_name", "'jobs' is a word of this interface", b"{}"),
    Asked("DELETE", SHIPPED, 409, "workflow_shipped", "comes with latentgraph"),
    Asked("GET", "/api/v1/workflows/gone/versions", 404, "unknown_workflow", "no saved workflow"),
    Asked("GET", "/api/v1/events", 426, "websocket", "is a WebSocket"),
    Asked("GET", "/api/v1/jobs", 421, "host", "--allow-host NAME", headers={"Host": "evil.example"}),
    Asked("GET", "/api/v1/jobs", 403, "origin", "--allow-origin URL", headers={"Origin": "http://evil.example"}),
    Asked("POST", "/api/v1/jobs", 422, "input_wrong", "POST /api/v1/workflows/NAME/jobs", b'{"workflow": "text_to_image"}'),
    Asked("POST", "/api/v1/uploads", 400, "file_name", "name= is missing", b"x"),
    Asked("POST", "/api/v1/uploads?name=a", 415, "upload_form", "the file itself", PART, {"Content-Type": FORM}),
    Asked("POST", "/api/v1/jobs", 400, "json_syntax", "JSON is wanted here, not a form", PART, {"Content-Type": FORM}),
    Asked("POST", "/api/v1/jobs", 400, "json_syntax", "JSON is wanted here, not a form", b"workflow=text_to_image&wait=5"),
    Asked("POST", "/api/v1/jobs", 400, "json_encoding", "POST it to /upload/workflow", JPEG),
    Asked("POST", "/api/v1/jobs", 413, "body_too_large", "--max-request", b"[" + b" " * 2000),
    Asked("POST", "/api/v1/uploads?name=a", 413, "body_too_large", "--max-upload", b"x" * 3000),
    Asked("POST", "/upload/workflow", 413, "body_too_large", "--max-upload", b"x" * 3000),
    Asked("POST", "/api/v1/jobs", 422, "input_wrong", "--max-nodes",
          b'{"format": "latentgraph/1", "nodes": {"a": {"type": "X"}, "b": {"type": "X"}}}'),
    Asked("GET", "/api/v1/nodes/KSamplr", 404, "unknown_type", "Did you mean 'KSampler'?"),
    Asked("POST", "/api/v1/jobs", 422, "input_wrong", 'or "random" for another at every run', SEED),
    Asked("POST", "/api/v1/jobs?waitt=5", 400, "query", "Did you mean 'wait'?", b"{}"),
    Asked("GET", "/api/v1/system?verbose=1", 400, "query", "It takes none."),
)  # fmt: skip


@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: f"{row.method} {row.path[:50]} {row.code}")
def test_a_refusal_says_what_to_do_instead(tmp_path: Path, row: Asked) -> None:
    async def act() -> None:
        async with (
            running(tmp_path, bounds=Bounds(body=1500, upload=2500, nodes=1)) as service,
            service.session.request(
                row.method, f"http://127.0.0.1:{service.port}{row.path}", data=row.body or None, headers=row.headers
            ) as answer,
        ):
            told = await answer.json(content_type="application/problem+json")
            assert (answer.status, told["code"]) == (row.status, row.code), told["detail"]
            hints = [str(one["hint"]) for one in told.get("problems", ())]
            assert row.says in "\n".join([told["detail"], *hints])

    asyncio.run(act())


def test_a_workflow_that_was_put_there_by_hand_has_no_versions(tmp_path: Path) -> None:
    folder = tmp_path / "user" / "default" / "workflows"
    folder.mkdir(parents=True)
    (folder / "hand.json").write_text("{}")

    async def act() -> None:
        async with running(tmp_path) as service:
            for name in ("hand", "text_to_image"):
                answer = await service.get(f"/api/v1/workflows/{name}/versions")
                assert (answer.status, answer.json) == (200, {"versions": []})

    asyncio.run(act())


def test_a_batch_tells_every_problem_of_every_job_where_it_is(tmp_path: Path) -> None:
    bad = {"format": "latentgraph/1", "nodes": {"work": {"type": "Steps", "inputs": {"value": "x"}}}}
    good = {"format": "latentgraph/1", "nodes": {"save": {"type": "WriteText", "inputs": {"value": 1, "name": "a"}}}}
    jobs = [{"workflow": good}, {"workflow": bad}, {"workflow": good, "parameters": {"a": 1}},
            {"workflow": good, "targets": ["nobody"]}]  # fmt: skip

    async def act() -> None:
        async with running(tmp_path) as service:
            refused = await service.post("/api/v1/batches", json.dumps({"jobs": jobs}))
            assert (refused.status, refused.json["code"]) == (422, "input_wrong")
            assert refused.json["detail"].startswith("job 1 of the batch (and 2 more) is refused")
            paths = [one["path"] for one in refused.json["problems"]]
            assert "$.jobs[1].workflow.nodes.work.inputs.value" in paths
            assert "$.jobs[2].parameters.a" in paths
            assert paths[-1].startswith("$.jobs[3]")

    asyncio.run(act())


def test_a_move_beside_a_job_that_is_not_there_says_so(tmp_path: Path) -> None:
    workflow = {
        "format": "latentgraph/1",
        "nodes": {"save": {"type": "WriteText", "inputs": {"value": 1, "name": "a"}}},
    }

    async def act() -> None:
        async with running(tmp_path) as service:
            job = (await service.post("/api/v1/jobs", json.dumps({"workflow": workflow}))).json["id"]
            refused = await service.post(f"/api/v1/jobs/{job}/move", '{"before": "7f"}')
            assert (refused.status, refused.json["code"]) == (404, "unknown_job")

    asyncio.run(act())
