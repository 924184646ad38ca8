"""ComfyUI's API route by route: each at its path and below `/api`, with the statuses and shapes its clients know."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pytest
from aiohttp import ClientSession
from safetensors.numpy import save_file

from tests.server.service import Service, running, working


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


SOUND = {"1": node("WriteText", value=3, name="x")}


@dataclass(frozen=True)
class Row:
    """A request, the status it is answered with, and what holds of the JSON that comes back (None: an empty body)."""

    method: str
    path: str
    status: int
    holds: Callable[[Any], bool] | None
    body: object = None
    once: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def keys(*names: str) -> Callable[[Any], bool]:
    return lambda data: data.keys() == set(names)


def is_list(data: object) -> bool:
    return isinstance(data, list)


ROWS = (
    Row("GET", "/embeddings", 200, lambda data: data == ["look"]),
    Row("GET", "/models", 200, lambda data: {"checkpoints", "loras", "vae", "embeddings"} <= set(data)),
    Row("GET", "/models/loras", 200, lambda data: data == ["sub/a.safetensors"]),
    Row("GET", "/models/unheard", 404, None),
    Row("GET", "/models/input", 404, None),
    Row("GET", "/experiment/models", 200, lambda data: data[0].keys() == {"name", "folders"}),
    Row("GET", "/experiment/models", 200, lambda data: "configs" not in {one["name"] for one in data}),
    Row(
        "GET",
        "/experiment/models/loras",
        200,
        lambda data: data[0].keys() == {"name", "pathIndex", "modified", "created", "size"} and data[0]["pathIndex"] == 0,
    ),
    Row("GET", "/experiment/models/unheard", 404, None),
    Row("GET", "/experiment/models/preview/loras/0/sub%2Fa.safetensors", 404, None),
    Row("GET", "/experiment/models/preview/loras/9/sub/a.safetensors", 404, None),
    Row("GET", "/view_metadata/loras?filename=gone.safetensors", 404, None),
    Row("GET", "/view_metadata/loras", 404, None),
    Row("GET", "/view_metadata/unheard?filename=sub/a.safetensors", 404, None),
    Row("GET", "/extensions", 200, is_list),
    Row("POST", "/upload/image", 400, None, b"no form"),
    Row("POST", "/upload/mask", 400, None, b"no form"),
    Row("GET", "/view", 400, None),
    Row("GET", "/view?filename=gone.png", 404, None),
    Row("GET", "/system_stats", 200, keys("system", "devices")),
    Row(
        "GET",
        "/system_stats",
        200,
        lambda data: {"os", "ram_total", "ram_free", "comfyui_version", "required_frontend_version", "python_version",
                      "installed_templates_version", "required_templates_version", "pytorch_version", "embedded_python",
                      "argv"} <= data["system"].keys(),
    ),
    Row("GET", "/features", 200, lambda data: data["supports_preview_metadata"] and data["max_upload_size"] > 0),
    Row("GET", "/prompt", 200, lambda data: data == {"exec_info": {"queue_remaining": 0}}),
    Row("POST", "/prompt", 400, lambda data: data["error"]["type"] == "no_prompt", {}),
    Row("POST", "/prompt", 400, keys("error", "node_errors"), {"prompt": {}}),
    Row("GET", "/object_info", 200, lambda data: data["KSampler"]["name"] == "KSampler"),
    Row("GET", "/object_info/KSampler", 200, keys("KSampler")),
    Row("GET", "/object_info/Unheard", 200, lambda data: data == {}),
    Row("GET", "/history", 200, lambda data: data == {}),
    Row("GET", "/history/unheard", 200, lambda data: data == {}),
    Row("GET", "/history?max_items=x", 400, lambda data: data == {"error": "max_items must be an integer"}),
    Row("GET", "/history?offset=x", 400, lambda data: data == {"error": "offset must be an integer"}),
    Row("POST", "/history", 200, None, {"clear": True}),
    Row("POST", "/history", 200, None, {"delete": ["unheard"]}),
    Row("GET", "/queue", 200, lambda data: data == {"queue_running": [], "queue_pending": []}),
    Row("POST", "/queue", 200, None, {"clear": True}),
    Row("POST", "/queue", 200, None, {"delete": ["unheard"]}),
    Row("POST", "/interrupt", 200, None),
    Row("POST", "/interrupt", 200, None, {"prompt_id": "unheard"}),
    Row("POST", "/interrupt", 200, None, b"no JSON"),
    Row("POST", "/free", 200, None, {"unload_models": True, "free_memory": True}),
    Row("GET", "/userdata", 400, None),
    Row("GET", "/userdata?dir=..", 403, None),
    Row("GET", "/userdata?dir=gone", 404, None),
    Row("GET", "/userdata?dir=workflows", 200, lambda data: data == ["one.json"]),
    Row("GET", "/userdata?dir=workflows&recurse=true", 200, lambda data: data == ["deep/two.json", "one.json"]),
    Row(
        "GET",
        "/userdata?dir=workflows&recurse=true&split=true",
        200,
        lambda data: data == [["deep/two.json", "deep", "two.json"], ["one.json", "one.json"]],
    ),
    Row(
        "GET",
        "/userdata?dir=workflows&full_info=true",
        200,
        lambda data: data[0].keys() == {"path", "size", "modified", "created"},
    ),
    Row("GET", "/v2/userdata?path=gone", 404, None),
    Row("GET", "/v2/userdata?path=..", 403, None),
    Row(
        "GET",
        "/v2/userdata?path=workflows",
        200,
        lambda data: [(one["name"], one["path"], one["type"]) for one in data]
        == [("deep", "workflows/deep", "directory"), ("one.json", "workflows/one.json", "file")],
    ),
    Row("GET", "/userdata/workflows%2Fone.json", 200, lambda data: data == {}),
    Row("GET", "/userdata/gone.json", 404, None),
    Row("GET", "/userdata/..%2Fjobs.sqlite", 403, None),
    Row("POST", "/userdata/new.json", 200, lambda data: data == "new.json", b"{}"),
    Row("POST", "/userdata/new.json?overwrite=false", 409, None, b"{}"),
    Row("POST", "/userdata/new.json?full_info=true", 200, keys("path", "size", "modified", "created"), b"{}"),
    Row("POST", "/userdata/new.json/move/moved.json", 200, lambda data: data == "moved.json"),
    Row("POST", "/userdata/gone.json/move/moved.json", 404, None),
    Row("POST", "/userdata/moved.json/move/workflows%2Fone.json?overwrite=false", 409, None),
    Row("DELETE", "/userdata/moved.json", 204, None),
    Row("DELETE", "/userdata/moved.json", 404, None),
    Row("GET", "/settings", 200, lambda data: isinstance(data, dict)),
    Row("POST", "/settings", 200, None, {"a.b": 1}),
    Row("GET", "/settings/a.b", 200, lambda data: data == 1),
    Row("POST", "/settings/a.b", 200, None, [2]),
    Row("GET", "/settings/unheard", 200, lambda data: data is None),
    Row("GET", "/users", 200, lambda data: data == {"storage": "server", "migrated": True}),
    Row("POST", "/users", 200, lambda data: data.startswith("ann_"), {"username": "ann"}),
    Row("POST", "/users", 400, lambda data: data == {"error": "Duplicate username."}, {"username": "ann"}),
    Row("GET", "/workflow_templates", 200, lambda data: data == {}),
    Row("GET", "/i18n", 200, lambda data: data == {}),
    Row("GET", "/global_subgraphs", 200, lambda data: data == {}),
    Row("GET", "/node_replacements", 200, lambda data: data == {}),
    Row("GET", "/internal/logs", 200, lambda data: isinstance(data, str), once=True),
    Row("GET", "/internal/logs/raw", 200, keys("entries", "size"), once=True),
    Row("PATCH", "/internal/logs/subscribe", 200, None, {"clientId": "me", "enabled": True}, once=True),
    Row("GET", "/internal/folder_paths", 200, lambda data: is_list(data["checkpoints"]), once=True),
    Row("GET", "/internal/files/input", 200, is_list, once=True),
    Row("GET", "/internal/files/etc", 400, lambda data: data == {"error": "Invalid directory type"}, once=True),
    Row("GET", "/api/jobs", 200, lambda data: data["jobs"] == [] and data["pagination"]["total"] == 0, once=True),
    Row("GET", "/api/jobs?status=unheard", 400, keys("error"), once=True),
    Row("GET", "/api/jobs?limit=x", 400, keys("error"), once=True),
    Row("GET", "/api/jobs?offset=-3&limit=2", 200, lambda data: data["pagination"]["offset"] == 0, once=True),
    Row("GET", "/api/jobs/unheard", 404, lambda data: data == {"error": "Job not found"}, once=True),
    Row("POST", "/api/jobs/cancel", 400, keys("error"), {"job_ids": 3}, once=True),
    Row("POST", "/api/jobs/cancel", 400, lambda data: data["invalid_ids"] == ["a", "b"], {"job_ids": ["a", "b"]}, once=True),
)  # fmt: skip


def furnish(folder: Path) -> None:
    """Models and user files that the rows ask for."""
    loras = folder / "models" / "loras" / "sub"
    loras.mkdir(parents=True)
    save_file({"a": numpy.zeros(1, numpy.float32)}, loras / "a.safetensors", {"note": "hello"})
    (folder / "models" / "embeddings").mkdir()
    (folder / "models" / "embeddings" / "look.safetensors").write_bytes(b"x")
    deep = folder / "user" / "default" / "workflows" / "deep"
    deep.mkdir(parents=True)
    (deep / "two.json").write_text("{}")
    (deep.parent / "one.json").write_text("{}")


async def ask(session: ClientSession, port: int, row: Row, prefix: str) -> None:
    sent = row.body if isinstance(row.body, bytes | None) else json.dumps(row.body)
    async with session.request(row.method, f"http://127.0.0.1:{port}{prefix}{row.path}", data=sent) as answer:
        content = await answer.read()
        assert answer.status == row.status, (str(row), prefix, content)
        if row.holds is not None:
            assert answer.content_type == "application/json", (str(row), answer.content_type)
            assert row.holds(json.loads(content)), (str(row), prefix, content[:500])
        elif row.status in (200, 204):
            assert content == b"", (str(row), content)
        else:
            assert answer.content_type != "application/problem+json"


def do(folder: Path, act: Callable[[Service], Awaitable[None]], *, workers: bool = False) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), working(folder) if workers else running(folder) as service:
            await act(service)

    asyncio.run(run())


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_every_route_answers_in_its_shape(tmp_path: Path, prefix: str) -> None:
    furnish(tmp_path)

    async def act(service: Service) -> None:
        for row in ROWS:
            if not (prefix and row.once):
                await ask(service.session, service.port, row, prefix)

    do(tmp_path, act)


def test_head_and_options_are_answered_where_get_is(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for path in ("/queue", "/api/object_info/KSampler", "/api/v1/jobs", "/"):
            url = f"http://127.0.0.1:{service.port}{path}"
            async with service.session.head(url) as answer:
                assert (answer.status, await answer.read()) == (200, b"")
            async with service.session.options(url) as answer:
                assert (answer.status, await answer.read()) == (200, b"")
                assert not [name for name in answer.headers if name.lower().startswith("access-control")]

    do(tmp_path, act)


def test_the_list_of_jobs_pages_sorts_and_cancels(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async def send(name: str, workflow: str | None = None) -> None:
            drawn = {"extra_pnginfo": {"workflow": {"id": workflow}}} if workflow else {}
            prompt = {"1": node("Steps", value=len(name)), "2": node("WriteText", value=["1", 0], name=f"{name}.png")}
            body = {"prompt": prompt, "prompt_id": name, "extra_data": drawn}
            assert (await service.post("/prompt", json.dumps(body))).status == 200

        for name in ("a", "b", "c"):
            await send(name, "flow" if name == "b" else None)
        listed = (await service.get("/api/jobs?sort_order=asc&limit=2")).json
        assert [one["id"] for one in listed["jobs"]] == ["a", "b"]
        assert listed["pagination"] == {"offset": 0, "limit": 2, "total": 3, "has_more": True}
        only = (await service.get("/api/jobs?workflow_id=flow")).json["jobs"]
        assert [(one["id"], one["workflow_id"], one["status"]) for one in only] == [("b", "flow", "pending")]
        told = (await service.get("/api/jobs/b")).json
        assert told["workflow"]["prompt"]["2"] == node("WriteText", value=["1", 0], name="b.png")
        assert (await service.post("/api/jobs/a/cancel", b"")).json == {"cancelled": True}
        assert (await service.post("/api/jobs/a/cancel", b"")).json == {"cancelled": False}
        assert (await service.post("/api/jobs/cancel", b'{"job_ids": ["b", "c"]}')).json == {"cancelled": True}
        states = (await service.get("/api/jobs?status=cancelled")).json
        assert states["pagination"]["total"] == 3

    do(tmp_path, act)


def test_the_log_is_sent_to_clients_that_subscribe(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        url = f"http://127.0.0.1:{service.port}"
        async with (
            service.session.ws_connect(f"{url}/ws?clientId=me") as mine,
            service.session.ws_connect(f"{url}/ws?clientId=other") as other,
        ):
            body = json.dumps({"clientId": "me", "enabled": True})
            async with service.session.patch(f"{url}/internal/logs/subscribe", data=body) as answer:
                assert answer.status == 200
            logging.getLogger("latentgraph.test").warning("something to hear")
            heard = [await mine.receive_json() for _ in range(2)]
            assert heard[1]["type"] == "logs"
            assert heard[1]["data"]["entries"][0]["m"] == "something to hear\n"
            assert (await other.receive_json())["type"] == "status"
            assert "something to hear" in (await service.get("/internal/logs")).json

    do(tmp_path, act)


@pytest.mark.parametrize("name", ["it's ü/%2F [1]", "0", "../x", "__proto__", "a" * 500])
def test_prompt_ids_have_any_characters(tmp_path: Path, name: str) -> None:
    async def act(service: Service) -> None:
        body = {"prompt": SOUND, "prompt_id": name}
        assert (await service.post("/prompt", json.dumps(body))).json["prompt_id"] == name
        assert (await service.get("/queue")).json["queue_pending"][0][1] == name

    do(tmp_path, act)


FAULTS: list[tuple[str, dict[str, Any], str, str, set[str]]] = [
    ("missing", {"o": node("WriteText", value=1)}, "o", "required_input_missing", {"input_name"}),
    (
        "bad link",
        {"o": node("WriteText", value=["2", 0, 1], name="x")},
        "o",
        "bad_linked_input",
        {"input_name", "input_config", "received_value"},
    ),
    (
        "types",
        {"o": node("WriteText", value=["w", 0], name="x"), "w": node("Word")},
        "o",
        "return_type_mismatch",
        {"input_name", "input_config", "received_type", "linked_node"},
    ),
    (
        "output linked to nothing",
        {"o": node("WriteText", value=["gone", 0], name="x")},
        "o",
        "exception_during_validation",
        {"exception_type", "traceback"},
    ),
    (
        "inner node linked to nothing",
        {"o": node("WriteText", value=["m", 0], name="x"), "m": node("Add", a=["gone", 0])},
        "m",
        "exception_during_inner_validation",
        {"input_name", "input_config", "exception_message", "exception_type", "traceback"},
    ),
    (
        "kind",
        {"o": node("WriteText", value="many", name="x")},
        "o",
        "invalid_input_type",
        {"input_name", "input_config", "exception_message"},
    ),
    (
        "too small",
        {"o": node("Show", value=["r", 0]), "r": node("Real", value=-99)},
        "r",
        "value_smaller_than_min",
        {"input_name", "input_config"},
    ),
    (
        "choice",
        {"o": node("Show", value=["k", 0]), "k": node("Knobs", mode="fluid")},
        "k",
        "value_not_in_list",
        {"input_name", "input_config"},
    ),
    (
        "circle",
        {"o": node("Show", value=["a", 0]), "a": node("Add", a=["b", 0]), "b": node("Add", a=["a", 0])},
        "a",
        "dependency_cycle",
        {"node_id", "cycle_nodes"},
    ),
]


@pytest.mark.parametrize(("length", "status"), [(1000, 200), (1001, 400)])
def test_the_id_of_a_prompt_is_no_longer_than_an_id(tmp_path: Path, length: int, status: int) -> None:
    async def act(service: Service) -> None:
        body = {"prompt": {"1": SOUND["1"]}, "prompt_id": "x" * length}
        answer = await service.post("/prompt", json.dumps(body))
        assert answer.status == status
        assert (answer.json["error"]["type"] if status == 400 else "invalid_prompt_id") == "invalid_prompt_id"

    do(tmp_path, act)


@pytest.mark.parametrize(
    ("prompt", "where", "kind", "facts"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_a_faulty_node_is_told_with_its_facts(
    tmp_path: Path, prompt: dict[str, Any], where: str, kind: str, facts: set[str]
) -> None:
    async def act(service: Service) -> None:
        answer = await service.post("/prompt", json.dumps({"prompt": prompt}))
        assert (answer.status, answer.json["error"]["type"]) == (400, "prompt_outputs_failed_validation")
        told = answer.json["node_errors"]
        assert list(told) == [where]
        assert told[where]["dependent_outputs"] == ["o"]
        assert told[where]["class_type"] == prompt[where]["class_type"]
        error = told[where]["errors"][0]
        assert error["type"] == kind
        assert error["extra_info"].keys() - {"received_value", "linked_node"} == facts - {
            "received_value",
            "linked_node",
        }
        beside = await service.post("/prompt", json.dumps({"prompt": prompt | {"fine": SOUND["1"]}}))
        assert (beside.status, list(beside.json["node_errors"])) == (200, [where])

    do(tmp_path, act)
