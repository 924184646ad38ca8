"""The Python client against a running service: submit, follow, fetch, cancel, upload, and what it says when refused."""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from PIL import Image

from server.client import AsyncClient, Client, JobFailedError, ServiceError, UnreachableError
from server.http.security import Gate
from server.http.serving import Door
from server.tokens import Tokens
from tests.server.service import running, working


def work(value: int = 1, **steps: int) -> dict[str, Any]:
    return {
        "format": "latentgraph/1",
        "nodes": {
            "work": {"type": "Steps", "inputs": {"value": value, **steps}},
            "save": {"type": "WriteText", "inputs": {"value": {"from": ["work", "out"]}, "name": f"v{value}"}},
        },
        "parameters": [{"name": "value", "binds": [["work", "value"]]}],
    }


def with_client(folder: Path, act: Callable[[Client], None]) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), working(folder) as service:
            await asyncio.to_thread(act, Client(f"http://127.0.0.1:{service.port}"))

    asyncio.run(run())


def test_a_job_from_submission_to_file(tmp_path: Path) -> None:
    def act(client: Client) -> None:
        job = client.submit(work(7), {"value": 42})
        done = client.result(job, 60)
        assert (done.state, done.texts) == ("done", {"save": ["42"]})
        (output,) = done.outputs
        assert (output.node, output.name, client.fetch(output)) == ("save", "v7.txt", b"42")
        here = tmp_path / "here"
        assert client.save(output, here) == here / "v7.txt"
        (here / "v7.txt").write_text("mine")
        assert [client.save(output, here).name for _ in range(2)] == ["v7 (1).txt", "v7 (2).txt"]
        assert ((here / "v7.txt").read_text(), (here / "v7 (2).txt").read_text()) == ("mine", "42")
        assert client.save(output, here, overwrite=True).read_text() == "42"
        assert [one.id for one in client.jobs("done")] == [job.id]
        assert client.job(job.id) == done
        assert client.plan(work(42))["run"] == 1

    with_client(tmp_path, act)


def test_events_are_followed_to_the_end_and_from_the_middle(tmp_path: Path) -> None:
    def act(client: Client) -> None:
        job = client.submit(work(1, count=5, milliseconds=60))
        heard = list(client.events(job))
        kept = [one for one in heard if one.sequence is not None]
        assert [one.sequence for one in kept] == list(range(1, len(kept) + 1))
        assert (kept[0].type, kept[-1].type) == ("queued", "done")
        assert {one.data["maximum"] for one in heard if one.type == "progress"} == {5}
        assert [one.sequence for one in client.events(job, after=3)] == [one.sequence for one in kept[3:]]
        assert list(client.events(job, after=len(kept))) == []

    with_client(tmp_path, act)


def test_one_key_is_one_job_and_pages_are_walked(tmp_path: Path) -> None:
    def act(client: Client) -> None:
        first, again = client.submit(work(1), key="k"), client.submit(work(1), key="k")
        assert first.id == again.id
        with pytest.raises(ServiceError) as refused:
            client.submit(work(2), key="k")
        assert (refused.value.status, refused.value.code) == (409, "idempotency_key_reused")
        ids = {client.submit(work(number)).id for number in range(60)}
        assert ids <= {one.id for one in client.jobs()}

    with_client(tmp_path, act)


def test_ends_other_than_done_are_raised(tmp_path: Path) -> None:
    def act(client: Client) -> None:
        endless = client.submit(work(1, count=100_000))
        with pytest.raises(TimeoutError):
            client.result(endless, 0)
        assert client.cancel(endless).id == endless.id
        with pytest.raises(JobFailedError) as cancelled:
            client.result(endless, 30)
        assert (cancelled.value.code, cancelled.value.job.state) == ("cancelled", "cancelled")
        bad = {"format": "latentgraph/1", "nodes": {"x": {"type": "Boom"}, "s": {"type": "Show"}}}
        bad["nodes"]["s"]["inputs"] = {"value": {"from": ["x", "out"]}}  # type: ignore[index]
        with pytest.raises(JobFailedError, match="boom"):
            client.result(client.submit(bad), 30)

    with_client(tmp_path, act)


def test_a_retry_has_the_time_limit_of_its_job_or_another(tmp_path: Path) -> None:
    def act(client: Client) -> None:
        job = client.cancel(client.submit(work(1, count=100_000), time_limit=50))
        assert client.wait(job, 30).raw["time_limit"] == 50
        assert client.cancel(client.submit(work(1, count=100_000), time_limit=math.inf)).raw["time_limit"] is None
        for given, limit in (({}, 50), ({"time_limit": 20.0}, 20), ({"time_limit": math.inf}, None)):
            again = client.cancel(client.retry(job, **given))
            assert again.raw["time_limit"] == limit
        short = client.retry(job, time_limit=0.2)
        with pytest.raises(JobFailedError) as ended:
            client.result(short, 60)
        assert ended.value.job.error is not None
        assert ended.value.job.error["code"] == "time_limit"

    with_client(tmp_path, act)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 1.2])
def test_an_unfinished_job_is_waited_for_as_long_as_said(tmp_path: Path, seconds: float) -> None:
    def act(client: Client) -> None:
        endless = client.submit(work(1, count=100_000))
        began = time.monotonic()
        assert not client.wait(endless, seconds).ended
        assert time.monotonic() - began >= seconds
        client.cancel(endless)
        assert client.wait(endless, 60).state == "cancelled"

    with_client(tmp_path, act)


def test_parameters_may_have_any_name(tmp_path: Path) -> None:
    named = work(1)
    named["parameters"] = [
        {"name": "name", "binds": [["work", "value"]]},
        {"name": "key", "binds": [["work", "count"]]},
        {"name": "self", "binds": [["work", "milliseconds"]]},
    ]
    file = tmp_path / "user/default/workflows/named.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(named))

    def act(client: Client) -> None:
        done = client.result(client.run("named", name=42, key=2, self=1), 60)
        assert done.texts == {"save": ["42"]}
        first, again = (client.submit_saved("named", {"name": 5}, key="k", time_limit=50) for _ in range(2))
        assert first.raw["time_limit"] == 50
        assert first.id == again.id

    with_client(tmp_path, act)


class Restarting(BaseHTTPRequestHandler):
    """A service whose stream ends in the middle and that is gone for two requests after it."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if len(self.asked) in (2, 3):
            return  # no answer
        self.send_response(200)
        self.end_headers()
        if "/events" in self.path:
            kind, number = ("running", 1) if len(self.asked) == 1 else ("done", 2)
            told = {"type": kind, "data": {}, "sequence": number, "time": 0.0}
            self.wfile.write(f"data: {json.dumps(told)}\n\n".encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it has there
        pass


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[Client]:
    """A client of a service that is none."""
    with HTTPServer(("127.0.0.1", 0), handler) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Client(f"127.0.0.1:{service.server_port}")
        finally:
            service.shutdown()
            thread.join()


def test_events_go_on_after_a_restart() -> None:
    with answering(Restarting) as client:
        heard = list(client.events("j"))
    assert [one.type for one in heard] == ["running", "done"]
    events = "/api/v1/jobs/j/events?after="
    assert Restarting.asked == [f"{events}0", "/api/v1/jobs/j", f"{events}1", f"{events}1"]


def test_refusals_name_every_problem(tmp_path: Path) -> None:
    def act(client: Client) -> None:
        wrong = work()
        wrong["nodes"]["work"]["inputs"] |= {"value": "many", "count": []}
        with pytest.raises(ServiceError) as refused:
            client.submit(wrong)
        assert (refused.value.status, len(refused.value.problems)) == (422, 2)
        assert {one.code for one in client.validate(wrong)} == {one.code for one in refused.value.problems}
        assert client.validate(work()) == []
        with pytest.raises(ServiceError) as unknown:
            client.job("none")
        assert (unknown.value.status, unknown.value.code) == (404, "unknown_job")

    with_client(tmp_path, act)


def test_saved_workflows_and_uploads(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    (tmp_path / "mine.png").write_bytes(buffer.getvalue())

    def act(client: Client) -> None:
        assert "text_to_image" in client.workflows()
        assert "prompt" in client.workflow("text_to_image")["parameters"]["properties"]  # type: ignore[index,call-overload,operator]
        with pytest.raises(ServiceError) as refused:
            client.run("text_to_image", promt="a fox")
        assert refused.value.problems[0].code == "unknown_parameter"
        assert str(refused.value) == "the workflow has no parameter 'promt'. Did you mean 'prompt'?"
        assert client.upload(tmp_path / "mine.png").name == "mine.png"
        assert client.upload(buffer.getvalue(), "sub/theirs.png").name == "sub/theirs.png"
        with pytest.raises(ServiceError) as nameless:
            client.upload(b"x")
        assert nameless.value.code == "file_name"

    with_client(tmp_path, act)


def test_a_token_is_sent(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    _, secret = tokens.create("tester")

    async def run() -> None:
        async with running(tmp_path / "service", door=Door(gate=Gate(tokens))) as service:
            url = f"http://127.0.0.1:{service.port}"
            assert "text_to_image" in await asyncio.to_thread(Client(url, token=secret).workflows)
            async with AsyncClient(url, token=secret) as client:
                with pytest.raises(ServiceError) as unknown:
                    await client.job("none")
            assert unknown.value.status == 404
            with pytest.raises(ServiceError) as refused:
                await asyncio.to_thread(Client(url).workflows)
            assert refused.value.status == 401

    asyncio.run(run())


def test_nobody_there_is_said_plainly() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError, match=r"does not answer: .*\. Is the service started\?$"):
        Client(f"http://127.0.0.1:{port}").workflows()


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"{}", b"\xff"])
def test_what_is_no_service_of_ours_is_said_plainly(body: bytes) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name it has there
            pass

    with answering(Other) as client, pytest.raises(UnreachableError, match="not what it is asked for") as raised:
        client.workflows()
    assert raised.value.code == "not_latentgraph"


@pytest.mark.parametrize("name", [name for name in vars(Client) if not name.startswith("_")])
def test_the_client_for_asyncio_has_every_call(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(one, name)) for one in (AsyncClient, Client))
    assert [str(one) for one in ours.parameters.values()] == [str(one) for one in theirs.parameters.values()]


def test_jobs_are_submitted_followed_and_fetched_from_asyncio(tmp_path: Path) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), working(tmp_path) as service:
            address = f"http://127.0.0.1:{service.port}"
            async with AsyncClient(address) as client:
                jobs = await asyncio.gather(*(client.submit(work(value)) for value in range(8)))
                told = [event.type async for event in client.events(jobs[0])]
                assert (told[0], told[-1]) == ("queued", "done")
                ended = await asyncio.gather(*(client.result(one, 60) for one in jobs))
                assert [one.texts["save"] for one in ended] == [[str(value)] for value in range(8)]
                path = await client.save(ended[3].outputs[0], tmp_path / "here")
                assert path.read_text() == "3"
                assert (await client.cancel(jobs[0])).state == "done"
                assert {one.id async for one in client.jobs("done")} == {one.id for one in jobs}
                assert (await client.wait(await client.retry(jobs[0]), 60)).state == "done"
                assert await client.fetch(ended[5].outputs[0]) == b"5"
                assert await client.validate(work()) == []
                assert (await client.plan(work(10**6)))["run"] == 1
                assert "text_to_image" in await client.workflows()
                assert "document" in await client.workflow("text_to_image")
                saved = await client.submit_saved("text_to_image", {"seed": 1})
                assert (await client.cancel(saved)).id == saved.id
                with pytest.raises(ServiceError):
                    await client.submit({"format": "latentgraph/1", "nodes": {"a": {"type": "Gone"}}})

    asyncio.run(run())
