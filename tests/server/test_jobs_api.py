"""Our API of jobs: accepted once, followed without gaps, ended on request, and refused in one shape."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType

from server.worker.hub import Hub
from tests.server.service import Service, running, working


def work(value: int = 1, **steps: int) -> dict[str, Any]:
    """A document of two nodes and a parameter."""
    return {
        "format": "latentgraph/1",
        "nodes": {
            "work": {"type": "Steps", "inputs": {"value": value, **steps}},
            "save": {"type": "WriteText", "inputs": {"value": {"from": ["work", "out"]}, "name": "file"}},
        },
        "parameters": [{"name": "value", "binds": [["work", "value"]], "help": "what to write"}],
    }


def do(folder: Path, act: Callable[[Service], Awaitable[None]], *, workers: bool = True) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), working(folder) if workers else running(folder) as service:
            await act(service)

    asyncio.run(run())


async def submit(
    service: Service, workflow: object = None, query: str = "", key: str | None = None, **more: object
) -> Any:  # noqa: ANN401 - tests look into it freely
    headers = {"Idempotency-Key": key} if key else {}
    body = json.dumps({"workflow": workflow or work(), **more})
    answer = await service.post(f"/api/v1/jobs{query}", body, headers)
    assert answer.status in (200, 202), answer.json
    return answer.json


PROMPT = {
    "1": {"class_type": "Steps", "inputs": {"value": 1}},
    "2": {"class_type": "WriteText", "inputs": {"value": ["1", 0], "name": "file"}},
}


@pytest.mark.parametrize("workflow", [work(), PROMPT])
@pytest.mark.parametrize("bare", [False, True])
def test_any_form_runs_and_its_file_can_be_fetched(tmp_path: Path, workflow: dict[str, Any], bare: bool) -> None:
    async def act(service: Service) -> None:
        body = workflow if bare else {"workflow": workflow}
        answer = await service.post("/api/v1/jobs?wait=60", json.dumps(body))
        job = answer.json
        assert (answer.status, job["state"], job["error"]) == (200, "done", None)
        assert job["nodes"] == {"ran": 2, "cached": 0, "skipped": 0, "failed": 0}
        assert [one["name"] for one in job["outputs"]] == ["file.txt"]
        assert (await service.get(job["outputs"][0]["url"])).body == b"1"
        part = await service.get(job["outputs"][0]["url"], {"Range": "bytes=0-0"})
        assert (part.status, part.body) == (206, b"1")
        assert (await service.get(f"/api/v1/jobs/{job['id']}/outputs")).json == job["outputs"]

    do(tmp_path, act)


@pytest.mark.parametrize("name", ["file.txt", None])
def test_an_output_is_served_as_it_was_saved(tmp_path: Path, name: str | None) -> None:
    """Also when another content has its name by now, or nothing has."""

    async def act(service: Service) -> None:
        job = await submit(service, query="?wait=60")
        path = tmp_path / "output" / "file.txt"
        path.unlink()
        if name is not None:
            (tmp_path / "output" / name).write_text("of somebody else")
        answer = await service.get(job["outputs"][0]["url"])
        assert (answer.status, answer.body) == (200, b"1")
        for blob in (tmp_path / "user" / "blobs").rglob("*"):
            if blob.is_file():
                blob.unlink()
        answer = await service.get(job["outputs"][0]["url"])
        assert (
            (answer.status, answer.body) == (200, b"of somebody else") if name else answer.json["code"] == "output_gone"
        )

    do(tmp_path, act)


def test_what_has_been_cancelled_is_not_being_cancelled(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        job = (await submit(service, work(1, count=10_000), "?wait=1"))["id"]
        await service.post(f"/api/v1/jobs/{job}/cancel", b"")
        ended = (await service.get(f"/api/v1/jobs/{job}?wait=60")).json
        assert (ended["state"], ended["cancelling"]) == ("cancelled", False)

    do(tmp_path, act)


def test_one_key_is_one_job(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        jobs = await asyncio.gather(*(submit(service, key="k") for _ in range(10)))
        assert len({job["id"] for job in jobs}) == 1
        other = await service.post("/api/v1/jobs", json.dumps({"workflow": work(2)}), {"Idempotency-Key": "k"})
        assert (other.status, other.json["code"]) == (409, "idempotency_key_reused")
        assert (await service.get("/api/v1/jobs")).json["counts"] == {"queued": 1}

    do(tmp_path, act, workers=False)


def test_jobs_are_listed_moved_and_cancelled(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        ids = [(await submit(service, work(value)))["id"] for value in range(5)]
        page = (await service.get("/api/v1/jobs?limit=2")).json
        rest = (await service.get(f"/api/v1/jobs?limit=3&before={page['next']}&state=queued")).json
        assert [job["id"] for job in (*page["jobs"], *rest["jobs"])] == ids[::-1]
        moved = await service.post(f"/api/v1/jobs/{ids[4]}/move", b'{"front": true}')
        assert moved.json["number"] < 1
        for _ in range(2):
            cancelled = await service.post(f"/api/v1/jobs/{ids[0]}/cancel", b"")
            assert (cancelled.status, cancelled.json["state"]) == (202, "cancelled")
        refused = await service.post(f"/api/v1/jobs/{ids[0]}/move", b'{"front": true}')
        assert (refused.status, refused.json["code"]) == (409, "job_not_waiting")
        again = await service.post(f"/api/v1/jobs/{ids[0]}/retry", b"")
        assert (again.status, again.json["state"]) == (202, "queued")
        assert again.json["id"] not in ids

    do(tmp_path, act, workers=False)


def test_who_waited_in_vain_is_told_how_the_job_stands_now(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        long = work(1, count=10_000)
        first = await service.post("/api/v1/jobs?wait=2", json.dumps({"workflow": long}), {"Idempotency-Key": "k"})
        assert (first.status, first.json["state"], first.json["attempts"]) == (202, "running", 1)
        job = first.json["id"]
        again = await service.post("/api/v1/jobs?wait=1", json.dumps({"workflow": long}), {"Idempotency-Key": "k"})
        got = await service.get(f"/api/v1/jobs/{job}?wait=1")
        for one in (again, got):
            assert (one.status, one.json["id"], one.json["state"]) == (200, job, "running")
        await service.post(f"/api/v1/jobs/{job}/cancel", b"")
        assert (await service.get(f"/api/v1/jobs/{job}?wait=60")).json["state"] == "cancelled"
        retried = await service.post(f"/api/v1/jobs/{job}/retry?wait=2", b"")
        assert (retried.status, retried.json["state"], retried.json["attempts"]) == (202, "running", 1)

    do(tmp_path, act)


def test_progress_comes_after_what_was_said_before_it(tmp_path: Path) -> None:
    """Of many nodes that tell of themselves as soon as they start, to our sockets, ComfyUI's, and a stream."""

    async def act(service: Service) -> None:
        url = f"http://127.0.0.1:{service.port}"
        names = [str(index) for index in range(6)]
        prompt = {
            name: {"class_type": "Steps", "inputs": {"value": 70 + int(name), "milliseconds": 1}} for name in names
        }
        prompt |= {
            f"w{name}": {"class_type": "WriteText", "inputs": {"value": [name, 0], "name": name}} for name in names
        }
        async with (
            service.session.ws_connect(f"{url}/api/v1/events") as ours,
            service.session.ws_connect(f"{url}/ws?clientId=me") as theirs,
        ):
            answer = await service.post("/prompt", json.dumps({"prompt": prompt, "client_id": "me"}))
            job = answer.json["prompt_id"]
            begun: set[str] = set()
            progressed = 0
            while (said := await _next_text(ours))["type"] != "done":
                if said["type"] == "node_started":
                    begun.add(said["data"]["node"])
                elif said["type"] == "progress":
                    progressed += 1
                    assert said["data"]["node"] in begun
            assert progressed > 0
            seen: set[str] = set()
            while (said := await _next_text(theirs))["type"] != "execution_success":
                if said["type"] == "executing":
                    seen.add(said["data"]["node"])
                elif said["type"] == "progress":
                    assert said["data"]["node"] in seen
            assert seen == begun
            assert (await service.get(f"/api/v1/jobs/{job}")).json["state"] == "done"

    do(tmp_path, act)


async def _next_text(socket: Any) -> Any:  # noqa: ANN401 - what was said
    while (message := await socket.receive(timeout=30)).type == WSMsgType.BINARY:
        length, _ = struct.unpack(">II", message.data[:8])
        if length > 2**16:
            continue  # a picture for ComfyUI's clients
        return json.loads(message.data[8 : 8 + length])
    return json.loads(message.data)


async def read_all(service: Service, query: str) -> list[dict[str, Any]]:
    """Everything the socket says until it closes."""
    heard: list[dict[str, Any]] = []
    async with service.session.ws_connect(f"http://127.0.0.1:{service.port}/api/v1/events?{query}") as socket:
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                length, _ = struct.unpack(">II", message.data[:8])
                heard.append(json.loads(message.data[8 : 8 + length]))
            else:
                heard.append(json.loads(message.data))
    return heard


def test_events_are_followed_and_replayed_without_gap(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        job = await submit(service, work(1, count=20))
        heard = await read_all(service, f"job={job['id']}")
        kept = [one for one in heard if "sequence" in one]
        assert [one["sequence"] for one in kept] == list(range(1, len(kept) + 1))
        assert (kept[0]["type"], kept[-1]["type"]) == ("queued", "done")
        assert {one["data"]["maximum"] for one in heard if one["type"] == "progress"} == {20}
        assert (await service.get(job["events"])).json["events"] == kept
        for after in range(len(kept) + 1):
            listed = (await service.get(f"{job['events']}?after={after}")).json["events"]
            assert listed == kept[after:]
            if after < len(kept):
                assert await read_all(service, f"job={job['id']}&after={after}") == kept[after:]
        stream = await service.get(job["events"], {"Accept": "text/event-stream", "Last-Event-ID": "2"})
        data = [json.loads(line[6:]) for line in stream.body.decode().splitlines() if line.startswith("data: ")]
        assert (stream.kind, data) == ("text/event-stream", kept[2:])

    do(tmp_path, act)


async def listeners(service: Service) -> int:
    """How many listen to what happens to jobs."""
    (told,) = (
        line.rpartition(" ")[2]
        for line in (await service.get("/metrics")).body.decode().splitlines()
        if line.startswith("latentgraph_listeners ")
    )
    return int(float(told))


def test_who_left_a_stream_is_listened_for_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.http.stream.BEAT", 0.02)

    async def act(service: Service) -> None:
        job = await submit(service)
        before = await listeners(service)
        url = f"http://127.0.0.1:{service.port}{job['events']}"
        async with service.session.get(url, headers={"Accept": "text/event-stream"}) as stream:
            read = b""
            while b"event: queued" not in read or b": still here" not in read:
                read += await stream.content.readany()
            assert await listeners(service) == before + 1
        while True:  # no worker: the job itself never says anything again
            await asyncio.sleep(0.01)
            if await listeners(service) == before:
                return

    do(tmp_path, act, workers=False)


def test_a_saved_workflow_is_an_endpoint(tmp_path: Path) -> None:
    folder = tmp_path / "user" / "default" / "workflows" / "mine"
    folder.mkdir(parents=True)
    (folder / "work.json").write_text(json.dumps(work()))

    async def act(service: Service) -> None:
        names = (await service.get("/api/v1/workflows")).json
        assert {"mine/work", "text_to_image"} <= set(names)
        schema = (await service.get("/api/v1/workflows/mine/work")).json["parameters"]
        assert schema["properties"]["value"] == {
            "type": "integer", "description": "what to write", "default": 1,
        }  # fmt: skip
        url = "/api/v1/workflows/mine/work/jobs?wait=60"
        job = (await service.post(url, b'{"parameters": {"value": 42}}')).json
        assert (job["state"], job["texts"]) == ("done", {"save": ["42"]})
        for parameters, code in (({"valeu": 1}, "unknown_parameter"), ({"value": "many"}, "wrong_type")):
            refused = await service.post(url, json.dumps({"parameters": parameters}))
            assert (refused.status, refused.json["problems"][0]["code"]) == (422, code)
        paths = (await service.get("/api/v1/openapi.json")).json["paths"]
        body = paths["/api/v1/workflows/mine/work/jobs"]["post"]["requestBody"]["content"]["application/json"]
        assert body["schema"]["properties"]["parameters"] == schema

    do(tmp_path, act)


def test_the_interface_is_described_as_it_is(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        described = (await service.get("/api/v1/openapi.json")).json
        assert described["openapi"] == "3.1.0"
        submission = described["paths"]["/api/v1/jobs"]["post"]
        required = submission["requestBody"]["content"]["application/json"]["schema"]["required"]
        assert (required, submission["summary"][:12]) == (["workflow"], "Accept a job")
        for path, operations in described["paths"].items():
            if "get" in operations and "{" not in path and path != "/api/v1/events":
                assert (await service.get(path)).status in (200, 503), path

    do(tmp_path, act, workers=False)


def test_ready_is_told_apart_from_alive(tmp_path: Path) -> None:
    async def without(service: Service) -> None:
        assert (await service.get("/health/live")).status == 200
        assert (await service.get("/health/ready")).status == 503

    async def with_worker(service: Service) -> None:
        while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the worker is starting
            await asyncio.sleep(0.02)

    do(tmp_path, without, workers=False)
    do(tmp_path, with_worker)


CHAIN = {"n0": {"type": "Integer"}} | {
    f"n{i}": {"type": "Add", "inputs": {"a": {"from": [f"n{i - 1}", "out"]}}} for i in range(1, 20_001)
}
BAD: list[tuple[str, bytes, int, str]] = [
    ("", b'{"workflow":', 400, "json_syntax"),
    ("", b"123", 422, "input_wrong"),
    ("", b"null", 422, "input_wrong"),
    ("", b"[" * 200_000, 400, "json_too_deep"),
    ("", b'{"workflow": {}, "workflow": {}}', 400, "json_duplicate_key"),
    ("", b'{"workflow": {}, "number": NaN}', 400, "json_number"),
    ("", b'{"workflow": {}, "number": 1e999}', 400, "json_number"),
    ("", b'{"workflow": {}, "number": ' + b"9" * 5000 + b"}", 400, "json_number"),
    ("", b'{"workflow": {"a": "\\ud800"}}', 400, "json_encoding"),
    ("", b'{"workflow": {}}', 422, "input_wrong"),
    ("", b'{"workflow": {"format": "latentgraph/1", "nodes": {}}}', 422, "input_wrong"),
    ("", json.dumps({"workflow": work(), "colour": 1}).encode(), 422, "input_wrong"),
    ("", json.dumps({"workflow": work(), "client": ["x"]}).encode(), 422, "input_wrong"),
    ("", json.dumps({"workflow": work(), "client": "a\0b"}).encode(), 422, "input_wrong"),
    ("", json.dumps({"workflow": work(), "targets": ["nobody"]}).encode(), 422, "input_wrong"),
    ("", json.dumps({"workflow": work(), "targets": []}).encode(), 422, "input_wrong"),
    ("", json.dumps({"workflow": {"format": "latentgraph/1", "nodes": CHAIN}}).encode(), 422, "input_wrong"),
    ("?wait=x", json.dumps({"workflow": work()}).encode(), 400, "query"),
    ("/unknown/cancel", b"", 404, "unknown_job"),
]


@pytest.mark.parametrize(("query", "listeners"), [("", 0), ("?wait=60", 1)])
def test_only_who_waits_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, listeners: int) -> None:
    counts, listening = [0], Hub.listening

    def counted(hub: Hub, *wanted: Any) -> Any:  # noqa: ANN401 - as it is
        counts[0] += 1
        return listening(hub, *wanted)

    async def act(service: Service) -> None:
        monkeypatch.setattr(Hub, "listening", counted)
        answer = await service.post(f"/api/v1/jobs{query}", json.dumps({"workflow": work()}))
        assert (answer.status, counts[0]) == (200 if query else 202, listeners)

    do(tmp_path, act)


def test_the_workflow_of_a_job_is_had_while_it_waits_with_the_values_that_were_set(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        job = await submit(service, parameters={"value": 7})
        told = (await service.get(f"/api/v1/jobs/{job['id']}")).json["state"]
        document = (await service.get(f"/api/v1/jobs/{job['id']}/workflow")).json["document"]
        assert (told, document["format"]) == ("queued", "latentgraph/1")
        assert document["nodes"]["work"]["inputs"]["value"] == 7
        assert document["nodes"]["save"]["inputs"]["value"] == {"from": ["work", "out"]}

    do(tmp_path, act, workers=False)


def test_the_workflow_of_a_prompt_is_had_in_our_form(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        job = await submit(service, PROMPT, "?wait=60")
        document = (await service.get(f"/api/v1/jobs/{job['id']}/workflow")).json["document"]
        assert sorted(one["type"] for one in document["nodes"].values()) == ["Steps", "WriteText"]

    do(tmp_path, act)


def test_bad_requests_are_refused_and_change_nothing(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for path, body, status, code in BAD:
            answer = await service.post(f"/api/v1/jobs{path}", body)
            said = (answer.status, answer.kind, answer.json["code"])
            assert said == (status, "application/problem+json", code), (path, body[:80], answer.json["detail"])
        for path in ("/api/v1/jobs?state=lost", "/api/v1/jobs?limit=0", "/api/v1/events?after=3"):
            assert (await service.get(path)).status == 400, path
        for path in (
            "/api/v1/jobs/x",
            "/api/v1/jobs/x/workflow",
            "/api/v1/jobs/x/outputs/0",
            "/api/v1/workflows/..%2Fx",
            "/api/v1/events?job=x",
        ):
            assert (await service.get(path)).status == 404, path
        assert (await service.get("/api/v1/jobs")).json["counts"] == {}

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize("path", ["/ws?clientId=a", "/api/v1/events"])
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}])
def test_foreign_pages_open_no_socket(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    async def act(service: Service) -> None:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
        assert (await service.get(path, upgrade | headers)).status in (403, 421)

    do(tmp_path, act, workers=False)
