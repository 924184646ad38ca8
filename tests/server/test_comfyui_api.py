"""ComfyUI's API as its clients use it: routes, shapes, messages and their order."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from server.jobs.queries import Queries
from tests.server.comfyui_client import Message, connected
from tests.server.service import Service, running, working


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def prompt(value: int = 1, **steps: int) -> dict[str, Any]:
    """Work and a file of it."""
    return {"1": node("Steps", value=value, **steps), "2": node("WriteText", value=["1", 0], name=f"v{value}")}


def do(
    folder: Path, act: Callable[[Service], Awaitable[None]], *, workers: bool = True, previews: bool = False
) -> None:
    async def run() -> None:
        opened = working(folder, previews=previews) if workers else running(folder)
        async with asyncio.timeout(100), opened as service:
            await act(service)

    asyncio.run(run())


def kinds(messages: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [kind for kind, _ in messages if kind != "progress_state"]


def test_one_prompt_from_queue_to_history(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service) as client:
            greeting = await client.until("status", sid="tester")
            assert greeting[0][1]["status"] == {"exec_info": {"queue_remaining": 0}}
            status, accepted = await client.prompt(prompt(7, count=2, milliseconds=60), prompt_id="my id/ü")
            assert (status, accepted) == (200, {"prompt_id": "my id/ü", "number": 1, "node_errors": {}})
            assert isinstance(accepted["number"], int)
            heard = await client.finished("my id/ü")
            assert kinds(heard) == [
                "status", "status", "execution_start", "execution_cached", "executing", "progress", "progress",
                "executing", "executed", "execution_success", "status", "executing",
            ]  # fmt: skip
            data = dict(heard)
            output = {"images": [{"filename": "v7.txt", "subfolder": "", "type": "output"}], "text": ["7"]}
            assert data["executed"] == {"node": "2", "display_node": "2", "output": output, "prompt_id": "my id/ü"}
            assert data["progress"] == {"value": 2, "max": 2, "prompt_id": "my id/ü", "node": "1"}
            states = data["progress_state"]["nodes"]
            assert {name: one["state"] for name, one in states.items()} == {"1": "finished", "2": "finished"}
            assert states["1"].keys() == {
                "value", "max", "state", "node_id", "prompt_id", "display_node_id", "parent_node_id", "real_node_id",
            }  # fmt: skip
            entry = (await client.history("my%20id%2F%C3%BC"))["my id/ü"]
            assert entry["outputs"] == {"2": output}
            assert entry["prompt"] == [
                1.0,
                "my id/ü",
                prompt(7, count=2, milliseconds=60),
                {"client_id": "tester"},
                ["2"],
            ]
            assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("success", True)
            assert [kind for kind, _ in entry["status"]["messages"]] == [
                "execution_start", "execution_cached", "execution_success",
            ]  # fmt: skip

    do(tmp_path, act)


def test_cached_outputs_are_told_again(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service) as client:
            heard: list[Message] = []
            for name in ("first", "second"):
                await client.prompt(prompt(3), prompt_id=name)
                heard = await client.finished(name)
            assert dict(heard)["execution_cached"]["nodes"] == ["1", "2"]
            assert dict(heard)["executed"]["output"]["text"] == ["3"]
            assert (await client.history("second"))["second"]["outputs"]["2"]["text"] == ["3"]

    do(tmp_path, act)


@pytest.mark.parametrize(("chosen", "again"), [({}, ["executing", "status"]), ({"prompt_id": "known"}, ["status"])])
def test_the_end_of_a_brief_prompt_is_told_again_to_who_may_have_missed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, object], again: list[str]
) -> None:
    """A client that learns the id from the answer may hear what happens before it knows whose it is, and waits for ever."""
    monkeypatch.setattr("server.http.comfyui.socket.AGAIN", 3.0)

    async def act(service: Service) -> None:
        async with connected(service) as client:
            await client.prompt(prompt(3), prompt_id="first")
            await client.finished("first")
            _, accepted = await client.prompt(prompt(3), **chosen)
            ended = await client.finished(accepted["prompt_id"])
            repeated = await client.until("status")
            assert kinds(repeated) == again
            assert [one for one in repeated if one[0] == "executing"] == ended[-1:] * (len(again) - 1)
            await service.post("/prompt", json.dumps({"prompt": prompt(4)}))
            for _ in ("queued", "running"):
                assert kinds(await client.until("status")) == again

    do(tmp_path, act)


def test_a_prompt_that_neither_waits_nor_runs_is_over(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service) as client:
            for name in map(str, range(200)):
                await client.prompt(prompt(3), prompt_id=name)
                while name in [one[1] for part in (await service.get("/queue")).json.values() for one in part]:
                    pass
                assert (await client.history(name))[name]["status"]["completed"], name

    do(tmp_path, act)


def test_a_prompt_leaves_the_queue_when_its_client_has_been_told_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that an older word on the queue sends looking, and that finds its prompt over, listens no more."""
    monkeypatch.setattr("server.http.comfyui.answering.GRACE", 0.5)

    async def act(service: Service) -> None:
        async with connected(service) as client:
            await client.prompt(prompt(3), prompt_id="first")
            await client.finished("first")
            _, accepted = await client.prompt(prompt(3))
            listening = asyncio.create_task(client.finished(accepted["prompt_id"]))
            while accepted["prompt_id"] in str((await service.get("/queue")).json):
                pass
            await client.history(accepted["prompt_id"])  # where such a client looks next
            assert listening.done()

    do(tmp_path, act)


@pytest.mark.parametrize(
    ("flags", "previews"), [(None, False), (None, True), ({"supports_preview_metadata": True}, False)]
)
def test_previews_come_in_the_form_asked_for(tmp_path: Path, flags: dict[str, object] | None, previews: bool) -> None:
    async def act(service: Service) -> None:
        async with connected(service, flags=flags) as client:
            await client.prompt(prompt(5, count=3, milliseconds=400), prompt_id="p")
            await client.finished("p")
            if flags is None and not previews:
                assert client.pictures == []
                return
            picture = client.pictures[-1]
            kind, second = struct.unpack(">II", picture[:8])
            if flags is None:
                assert (kind, second, picture[8:10]) == (1, 1, b"\xff\xd8")
                return
            about = json.loads(picture[8 : 8 + second])
            assert (kind, picture[8 + second :][:2]) == (4, b"\xff\xd8")
            assert about == {
                "node_id": "1", "display_node_id": "1", "parent_node_id": None, "real_node_id": "1",
                "prompt_id": "p", "image_type": "image/jpeg",
            }  # fmt: skip

    do(tmp_path, act, previews=previews)


def test_a_prompt_is_private_to_its_client(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service, "mine") as mine, connected(service, "other") as other:
            await mine.prompt(prompt(1), prompt_id="p")
            await mine.finished("p")
            answer = await service.post("/prompt", json.dumps({"prompt": prompt(2)}))
            await mine.prompt(prompt(3), prompt_id="q")
            await mine.finished("q")
            assert answer.status == 200
            assert all(data.get("prompt_id") in (None, "p", "q") for _, data in mine.heard)
            await service.post("/prompt", json.dumps({"prompt": prompt(4), "client_id": "other", "prompt_id": "r"}))
            assert set(kinds(await other.finished("r"))) >= {"status", "execution_success"}
            assert all(data.get("prompt_id") in (None, "r") for _, data in other.heard)

    do(tmp_path, act)


def test_a_failing_node_is_told_and_ends_the_prompt(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service) as client:
            failing = {"1": node("Boom", value=4), "2": node("WriteText", value=["1", 0], name="x")}
            await client.prompt(failing, prompt_id="p")
            heard = await client.finished("p")
            error = dict(heard)["execution_error"]
            assert kinds(heard)[-3:] == ["execution_error", "status", "executing"]
            assert error.keys() == {
                "prompt_id", "timestamp", "node_id", "node_type", "exception_message", "exception_type", "traceback",
                "current_inputs", "current_outputs", "executed",
            }  # fmt: skip
            assert (error["node_id"], error["node_type"], error["exception_type"]) == ("1", "Boom", "RuntimeError")
            assert "boom 4" in error["exception_message"]
            status = (await client.history("p"))["p"]["status"]
            assert (status["status_str"], status["messages"][-1][0]) == ("error", "execution_error")
            assert status["messages"][-1][1]["node_type"] == "Boom"

    do(tmp_path, act)


def test_a_socket_that_is_opened_by_no_client_of_sockets_says_what_it_is(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        answer = await service.get("/ws")
        assert (answer.status, b"is a WebSocket" in answer.body) == (426, True)

    do(tmp_path, act, workers=False)


@pytest.mark.parametrize("body", [b"", b'{"prompt_id": "p"}'])
def test_interrupt_ends_what_runs(tmp_path: Path, body: bytes) -> None:
    async def act(service: Service) -> None:
        async with connected(service) as client:
            long = {"1": node("Steps", count=1), "2": node("Steps", value=["1", 0], count=10_000)}
            long["3"] = node("WriteText", value=["2", 0], name="p")
            await client.prompt(long, prompt_id="p")
            await client.prompt(prompt(2), prompt_id="q")
            await client.until("progress", node="2")
            assert (await service.post("/interrupt", b'{"prompt_id": "q"}')).status == 200
            assert (await service.post("/interrupt", body)).status == 200
            heard = dict(await client.finished("p"))["execution_interrupted"]
            assert "execution_success" in kinds(await client.finished("q"))
            status = (await client.history("p"))["p"]["status"]
            assert (status["status_str"], status["messages"][-1][0]) == ("error", "execution_interrupted")
            told = status["messages"][-1][1]
            assert (told["node_id"], told["node_type"], told["executed"]) == ("2", "Steps", ["1"])
            assert {name: told[name] for name in heard} == heard
            listed = (await service.get("/api/jobs/p")).json["execution_status"]
            assert listed == status

    do(tmp_path, act)


def test_the_queue_is_ordered_and_can_be_emptied(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async def send(name: str, more: dict[str, object]) -> None:
            body = json.dumps({"prompt": prompt(1), "prompt_id": name, "client_id": "c", **more})
            assert (await service.post("/prompt", body)).status == 200

        async def pending() -> list[str]:
            return [item[1] for item in (await service.get("/queue")).json["queue_pending"]]

        places: dict[str, dict[str, object]] = {"a": {}, "b": {}, "c": {"front": True}, "d": {"number": 1.5}}
        for name, more in places.items():
            await send(name, more)
        assert await pending() == ["c", "a", "d", "b"]
        first = (await service.get("/api/queue")).json["queue_pending"][0]
        assert first == [-3.0, "c", prompt(1), {"client_id": "c"}, ["2"]]
        assert (await service.get("/prompt")).json == {"exec_info": {"queue_remaining": 4}}
        assert (await service.post("/queue", b'{"delete": ["a", "unknown"]}')).status == 200
        assert await pending() == ["c", "d", "b"]
        await service.post("/queue", b'{"clear": true}')
        assert await pending() == []
        assert (await service.get("/prompt")).json == {"exec_info": {"queue_remaining": 0}}
        assert (await service.get("/history")).json == {}

    do(tmp_path, act, workers=False)


def test_a_long_queue_is_read_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    whole = Queries.with_requests

    def counted(self: Queries, jobs: Sequence[str]) -> Any:  # noqa: ANN401 - the store's own
        read.append(len(jobs))
        return whole(self, jobs)

    monkeypatch.setattr(Queries, "with_requests", counted)

    async def act(service: Service) -> None:
        names = [f"p{index}" for index in range(120)]
        for name in names:
            body = json.dumps({"prompt": prompt(1), "prompt_id": name})
            assert (await service.post("/prompt", body)).status == 200
        told = (await service.get("/queue")).json
        assert told["queue_running"] == []
        assert [item[1] for item in told["queue_pending"]] == names

    do(tmp_path, act, workers=False)
    assert read == [50, 50, 20]


def test_history_is_paged_and_forgotten(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async def ids(query: str = "") -> list[str]:
            return list((await service.get(f"/history{query}")).json)

        async with connected(service) as client:
            for name in "abc":
                await client.prompt(prompt(1), prompt_id=name)
                await client.finished(name)
        assert await ids() == ["a", "b", "c"]
        assert await ids("?max_items=2") == ["b", "c"]
        assert await ids("?offset=1") == ["b", "c"]
        assert await ids("?offset=0&max_items=2") == ["a", "b"]
        refused = await service.get("/history?max_items=x")
        assert (refused.status, refused.json) == (400, {"error": "max_items must be an integer"})
        await service.post("/history", b'{"delete": ["b"]}')
        assert await ids() == ["a", "c"]
        await service.post("/history", b'{"clear": true}')
        assert await ids() == []
        assert (await service.get("/history/a")).json == {}

    do(tmp_path, act)


SOUND = node("WriteText", value=3, name="x")
BAD_PROMPTS: list[tuple[object, str, dict[str, str]]] = [
    ({}, "no_prompt", {}),
    (None, "invalid_json", {}),
    ({"prompt": {}}, "prompt_no_outputs", {}),
    ({"prompt": []}, "invalid_prompt", {}),
    ({"prompt": {"1": {"inputs": {}}}}, "invalid_prompt", {}),
    ({"prompt": {"1": node("Unheard")}}, "invalid_prompt", {}),
    ({"prompt": {"1": node("Steps")}}, "prompt_no_outputs", {}),
    ({"prompt": {"1": SOUND}, "partial_execution_targets": []}, "prompt_no_outputs", {}),
    ({"prompt": {"1": SOUND}, "number": "high"}, "invalid_number", {}),
    (
        {"prompt": {"1": node("WriteText", value=1)}},
        "prompt_outputs_failed_validation",
        {"1": "required_input_missing"},
    ),
    (
        {"prompt": {"1": node("WriteText", value=["7", 0], name="x")}},
        "prompt_outputs_failed_validation",
        {"1": "exception_during_validation"},
    ),
    (
        {"prompt": {"1": node("WriteText", value=["2", 0, 1], name="x")}},
        "prompt_outputs_failed_validation",
        {"1": "bad_linked_input"},
    ),
    (
        {"prompt": {"1": node("WriteText", value=["2", 0], name="x"), "2": node("Word")}},
        "prompt_outputs_failed_validation",
        {"1": "return_type_mismatch"},
    ),
    (
        {"prompt": {"1": node("Show", value=["2", 0]), "2": node("Real", value=99.0)}},
        "prompt_outputs_failed_validation",
        {"2": "value_bigger_than_max"},
    ),
    (
        {"prompt": {"1": node("Show", value=["2", 0]), "2": node("Knobs", mode="fluid")}},
        "prompt_outputs_failed_validation",
        {"2": "value_not_in_list"},
    ),
    (
        {"prompt": {"1": node("Show", value=["2", 0]), "2": node("Add", a=["2", 0])}},
        "prompt_outputs_failed_validation",
        {"2": "dependency_cycle"},
    ),
]


@pytest.mark.parametrize(("body", "error", "nodes"), BAD_PROMPTS)
def test_a_bad_prompt_is_refused_in_their_words(
    tmp_path: Path, body: object, error: str, nodes: dict[str, str]
) -> None:
    async def act(service: Service) -> None:
        text = "{" if body is None else json.dumps(body)
        answer = await service.post("/prompt", text)
        assert (answer.status, answer.json["error"]["type"]) == (400, error), answer.json
        assert answer.json["error"].keys() == {"type", "message", "details", "extra_info"}
        told = answer.json["node_errors"]
        assert {name: one["errors"][0]["type"] for name, one in told.items()} == nodes
        for one in told.values():
            assert one["dependent_outputs"] == ["1"]
            assert one["errors"][0].keys() == {"type", "message", "details", "extra_info"}
        assert (await service.get("/prompt")).json["exec_info"]["queue_remaining"] == 0

    do(tmp_path, act, workers=False)


def test_what_is_sound_runs_beside_what_is_not(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service) as client:
            status, accepted = await client.prompt({**prompt(8), "3": node("WriteText", name="y")}, prompt_id="p")
            assert (status, list(accepted["node_errors"])) == (200, ["3"])
            await client.finished("p")
            entry = (await client.history("p"))["p"]
            assert (entry["prompt"][4], list(entry["outputs"])) == (["2"], ["2"])

    do(tmp_path, act)


def test_a_prompt_sent_twice_is_one_job(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        body = json.dumps({"prompt": prompt(1), "prompt_id": "p"})
        first, again = await service.post("/prompt", body), await service.post("/prompt", body)
        assert first.json == again.json
        other = await service.post("/prompt", json.dumps({"prompt": prompt(2), "prompt_id": "p"}))
        assert (other.status, other.json["error"]["type"]) == (400, "invalid_prompt_id")
        assert (await service.get("/prompt")).json["exec_info"]["queue_remaining"] == 1

    do(tmp_path, act, workers=False)


READ: dict[str, Callable[[Any], bool]] = {
    "/object_info/KSampler": lambda data: data["KSampler"]["input"]["required"]["seed"][0] == "INT",
    "/object_info/Unheard": lambda data: data == {},
    "/models": lambda data: "checkpoints" in data and "input" not in data,
    "/models/checkpoints": lambda data: "tiny-sd-128.safetensors" in data,
    "/embeddings": lambda data: data == [],
    "/features": lambda data: data["supports_preview_metadata"] is True and data["max_upload_size"] > 0,
    "/system_stats": lambda data: data["system"]["ram_total"] > data["system"]["ram_free"] > 0,
    "/users": lambda data: data == {"storage": "server", "migrated": True},
    "/settings": lambda data: data == {},
    "/extensions": lambda data: data == [],
}


def test_what_clients_ask_of_a_server(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for path, holds in READ.items():
            for prefix in ("", "/api"):
                answer = await service.get(prefix + path)
                assert answer.status == 200, path
                assert holds(answer.json), path

    do(tmp_path, act, workers=False)


def test_two_sockets_of_one_client_both_hear(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async with connected(service, "twin") as second:
            async with connected(service, "twin") as first:
                await first.prompt(prompt(1), prompt_id="p")
                await first.finished("p")
            await second.finished("p")
            await second.prompt(prompt(2), prompt_id="q")
            assert "execution_success" in kinds(await second.finished("q"))

    do(tmp_path, act)
