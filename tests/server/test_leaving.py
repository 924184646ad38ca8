"""Clients that leave, stall or crawl: nothing of a job is missed, nothing of theirs is kept, and no fault is counted."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from nodes.catalogue import ByType, load_catalogue
from server.http import bodies
from server.http.service import Bounds, Service
from server.http.serving import Setup, serving
from server.http.stream import followed
from server.jobs.job import Happening, JobEvent, Submission
from server.jobs.store import Limits
from server.worker.hub import MOST_WAITING
from server.workspace import Workspace
from tests.server.raw import ask
from tests.server.toy_worker import toy_places

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
STREAMS = {
    "server-sent events": "GET /api/v1/jobs/{job}/events HTTP/1.1\r\nAccept: text/event-stream\r\n",
    "a WebSocket": f"GET /api/v1/events?job={{job}} HTTP/1.1\r\n{UPGRADE}",
    "a WebSocket of ComfyUI": f"GET /ws?clientId={{job}} HTTP/1.1\r\n{UPGRADE}",
}


@asynccontextmanager
async def opened(
    folder: Path, bounds: Bounds | None = None, limits: Limits | None = None
) -> AsyncIterator[tuple[Service, int]]:
    """The service itself and its port, with nobody who works."""
    with Workspace(toy_places(folder)) as workspace, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        setup = Setup(
            ByType(load_catalogue()),
            workspace,
            folder / "user",
            {},
            Limits(),
            previews=False,
            bounds=bounds or Bounds(),
        )
        async with serving(setup, listening) as service:
            yield service, listening.getsockname()[1]


def do(
    folder: Path,
    act: Callable[[Service, int], Awaitable[None]],
    *,
    bounds: Bounds | None = None,
    limits: Limits | None = None,
) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), opened(folder, bounds, limits) as (service, port):
            await act(service, port)

    asyncio.run(run())


async def accept(service: Service, job: str) -> None:
    await service.desk.do(service.desk.store.accept, Submission(job, "{}", "x"))


async def end(service: Service) -> None:
    claim = await service.desk.do(service.desk.store.claim, "w")
    assert claim is not None
    told = [Happening("started", {"nodes": 1, "cached": [], "outputs": {}})]
    await service.desk.do(service.desk.store.finish, claim.id, claim.fence, "done", {"nodes": {"ran": 1}}, told)


async def settled(what: Callable[[], bool]) -> None:
    """Until it is so; a test that waits for ever fails."""
    while not what():  # noqa: ASYNC110 - what is waited for says nothing by itself
        await asyncio.sleep(0.05)


def slow_reader(port: int, request: str) -> socket.socket:
    """A client that has asked, and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.send(f"{request}Host: 127.0.0.1:{port}\r\n\r\n".encode())
    return client


def large(job: str, number: int, client: str | None = None) -> JobEvent:
    return JobEvent(job, 100 + number, 0.0, "node_failed", json.dumps({"node": "a", "x": "y" * 2**20}), client)


async def faults(port: int) -> str:
    figures = (await ask(port, "GET", "/metrics")).body.decode()
    return next(line for line in figures.splitlines() if line.startswith("latentgraph_internal_errors_total")).split()[
        1
    ]


def test_a_job_that_ends_while_its_events_are_read_is_told_to_the_end(tmp_path: Path) -> None:
    async def act(service: Service, _: int) -> None:
        await accept(service, "a")
        with service.hub.listening(lambda job, _: job == "a", lambda job, _: job == "a") as listener:
            notices = followed(service, listener, "a", 0)
            heard = [await anext(notices)]
            await end(service)
            heard += [one async for one in notices]
        assert heard == await service.desk.do(service.desk.store.events, "a")
        assert [one.type for one in heard if isinstance(one, JobEvent)] == ["queued", "running", "started", "done"]

    do(tmp_path, act)


@pytest.mark.parametrize("kind", STREAMS)
def test_nobody_listens_for_a_client_that_has_left_in_the_middle(kind: str, tmp_path: Path) -> None:
    """Also without the collector, which a service rarely runs."""

    async def act(service: Service, port: int) -> None:
        before = service.hub.listeners
        await accept(service, "a")
        client = slow_reader(port, STREAMS[kind].format(job="a"))
        await settled(lambda: service.hub.listeners > before)
        for number in range(12):
            service.hub.publish([large("a", number, "a")])
            await asyncio.sleep(0.01)
        client.close()
        await settled(lambda: service.hub.listeners == before)
        assert await faults(port) == "0.0"

    gc.disable()
    try:
        do(tmp_path, act)
    finally:
        gc.enable()


def test_a_stream_that_nobody_reads_is_ended(tmp_path: Path) -> None:
    async def act(service: Service, port: int) -> None:
        before = service.hub.listeners
        await accept(service, "a")
        with slow_reader(port, STREAMS["server-sent events"].format(job="a")):
            await settled(lambda: service.hub.listeners > before)
            for number in range(60):
                service.hub.publish([large("a", number)])
                await asyncio.sleep(0.01)
            await settled(lambda: service.hub.listeners == before)
            assert service.hub.dropped == 1

    do(tmp_path, act)


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/prompt", "/upload/image", "/api/v1/uploads?name=a.png"])
def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_fault(path: str, tmp_path: Path) -> None:
    form = "multipart/form-data; boundary=x" if "image" in path else "application/json"
    begun = (
        b"--x\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\n\x89PNG" if "image" in path else b"{"
    )

    async def act(_service: Service, port: int) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {form}\r\nContent-Length: 5000\r\n\r\n"
        writer.write(head.encode() + begun)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
        await asyncio.sleep(0.2)
        assert await faults(port) == "0.0"

    do(tmp_path, act)


def test_who_has_stopped_waiting_for_a_job_takes_nobodys_place(tmp_path: Path) -> None:
    async def act(service: Service, port: int) -> None:
        await accept(service, "a")
        before = service.hub.listeners
        for _ in range(25):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /api/v1/jobs/a?wait=600 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.close()
        await settled(lambda: service.hub.listeners == before)

    do(tmp_path, act, bounds=Bounds(sockets=20))


def test_a_long_queue_that_is_cleared_throws_no_listener_off(tmp_path: Path) -> None:
    """Each of its jobs is an event, and more than a listener may have waiting."""

    async def act(service: Service, port: int) -> None:
        for number in range(MOST_WAITING + 1000):
            await service.desk.do(service.desk.store.accept, Submission(f"j{number}", "{}", "x"))
        async with ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/ws") as socket:
            cleared = asyncio.create_task(ask(port, "POST", "/queue", b'{"clear": true}'))
            async for message in socket:
                told = json.loads(message.data)
                if told["type"] == "status" and told["data"]["status"]["exec_info"]["queue_remaining"] == 0:
                    break
            assert (await cleared).status == 200
        assert service.hub.dropped == 0
        assert (await ask(port, "POST", "/history", b'{"clear": true}')).status == 200
        assert await service.desk.do(service.desk.store.newest, ["cancelled"], limit=1) == []

    do(tmp_path, act, limits=Limits(queued=2 * MOST_WAITING))


PART = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"
ENDLESS = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "chunk", "status"),
    [(b"", PART, 400), (ENDLESS, b"z" * 2**16, 413), (ENDLESS, b"z", 408)],
    ids=["one part after another", "a field without end", "a field byte by byte"],
)
def test_a_form_that_never_ends_is_refused(
    first: bytes, chunk: bytes, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_PATIENCE", 0.3)

    async def act(_service: Service, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        kind = "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked"
        writer.write(f"POST /upload/image HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{kind}\r\n\r\n".encode())
        answer = asyncio.create_task(reader.readline())
        for data in (first, *[chunk] * 1000):
            if answer.done():
                break
            if data:
                writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await asyncio.sleep(0.02)
        assert (await answer).split()[1] == str(status).encode()
        writer.close()

    do(tmp_path, act)
