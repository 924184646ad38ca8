"""Foreign pages and hostile sockets (rows G of the suite of bad input)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from server.http.service import Bounds
from server.http.serving import Door
from tests.server.raw import ask, send
from tests.server.service import Service, running, working

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
PROMPT = b'{"prompt": {"1": {"class_type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}'
SOCKETS = ("/ws?clientId=a", "/api/ws?clientId=a", "/api/v1/events")


def do(folder: Path, act: Callable[[Service], Awaitable[None]], **options: Any) -> None:  # noqa: ANN401 - of `running`
    async def run() -> None:
        async with asyncio.timeout(100), running(folder, **options) as service:
            await act(service)

    asyncio.run(run())


def origins(port: int) -> list[tuple[dict[str, str], int]]:
    """Headers of pages, and how they are answered."""
    return [
        ({"Origin": "http://evil.test"}, 403),  # G-01
        ({"Origin": "null"}, 403),  # G-02
        ({"Origin": f"http://localhost.evil.test:{port}"}, 403),  # G-05
        ({"Origin": "http://127.0.0.1:9"}, 403),
        ({"Origin": f"http://127.0.0.1.evil.test:{port}"}, 403),
        ({"Origin": f"http://127.0.0.1:{port}@evil.test"}, 403),
        ({"Origin": f"http://evil.test#127.0.0.1:{port}"}, 403),
        ({"Origin": f"file://127.0.0.1:{port}"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": f"http://127.0.0.1:{port}/"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),  # G-06
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": f"http://127.0.0.1:{port}"}, 200),
        ({"Origin": f"http://localhost:{port}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({}, 200),
    ]


@pytest.mark.row("G-01", "G-02", "G-05", "G-06", "G-08")
def test_pages_of_other_sites_are_refused(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for headers, status in origins(service.port):
            for path in ("/queue", "/api/v1/jobs", "/view?filename=x.png", "/no/such/path"):
                answer = await ask(service.port, "GET", path, headers=headers)
                assert answer.status == status or (status == 200 and answer.status in (400, 404)), (path, headers)
                assert not [name for name in answer.headers if name.startswith("access-control")]
            for path in SOCKETS:  # G-08
                answer = await ask(service.port, "GET", path, headers=UPGRADE | headers)
                assert answer.status == (101 if status == 200 else status), (path, headers)

    do(tmp_path, act)


@pytest.mark.row("G-03", "G-04")
def test_only_our_own_names_are_answered(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        port = service.port
        for host, status in (
            ("evil.test", 421), ("localhost.evil.test", 421), (f"127.0.0.1.evil.test:{port}", 421),
            (f"localhost:{port}@evil.test", 421), (f"evil.test@localhost:{port}", 421), (f"LOCALHOST.:{port}", 421),
            (f"0.0.0.0:{port}", 421), (f"[::ffff:127.0.0.1]:{port}", 421), (f"2130706433:{port}", 421),
            (f"0x7f.1:{port}", 421), ("127.0.0.1", 421), ("127.0.0.1:1", 421), (f"127.0.0.1:{port}/x", 421), ("", 421),
            (f"localhost:{port}", 200), (f"LOCALHOST:{port}", 200), (f"[::1]:{port}", 200), (f"127.0.0.1:{port}", 200),
        ):  # fmt: skip
            answer = await ask(port, "GET", "/queue", host=host)
            assert answer.status in (status, 400 if status == 421 else status), (host, answer.status)
        twice = f"GET /queue HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
        assert (await send(port, twice.encode())).status in (400, 421)
        without = b"GET /queue HTTP/1.1\r\nConnection: close\r\n\r\n"
        assert (await send(port, without)).status in (400, 421)
        absolute = "GET http://evil.test/queue HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
        assert (await send(port, absolute.encode())).status in (400, 421)
        rebound = await ask(port, "POST", "/prompt", b"{}", {"Origin": "http://evil.test"}, "evil.test")
        assert rebound.status == 421

    do(tmp_path, act)


@pytest.mark.row("G-07")
def test_a_preflight_is_told_nothing(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        asked = {
            "Origin": "http://evil.test",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Private-Network": "true",
        }
        answer = await ask(service.port, "OPTIONS", "/prompt", headers=asked)
        assert answer.status == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]

    do(tmp_path, act)


def test_sites_and_names_of_ones_own_are_let_in(tmp_path: Path) -> None:
    door = Door(named=frozenset({"pictures.example", "other.example:8443"}), origins=frozenset({"https://app.example"}))

    async def act(service: Service) -> None:
        for host, status in (("pictures.example", 200), ("other.example:8443", 200), ("other.example", 421)):
            assert (await ask(service.port, "GET", "/queue", host=host)).status == status
        page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
        answer = await ask(service.port, "GET", "/queue", headers=page)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
        preflight = await ask(service.port, "OPTIONS", "/prompt", headers=page)
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert (
            await ask(service.port, "GET", "/queue", headers={"Origin": "https://app.example.evil.test"})
        ).status == 403

    do(tmp_path, act, door=door)


@pytest.mark.row("G-16")
def test_every_answer_tells_browsers_to_keep_out(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for path in ("/", "/queue", "/api/v1/jobs", "/api/v1/jobs/none", "/no/such/path", "/view?filename=gone.png"):
            answer = await ask(service.port, "GET", path)
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["cross-origin-opener-policy"] == "same-origin", path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"] == "no-referrer", path

    do(tmp_path, act)


@pytest.mark.row("G-09")
@pytest.mark.parametrize("client", ["x" * 6000, "%00", "%ff", "__proto__", "constructor", "a&clientId=b", "[1]", ""])
def test_a_client_has_any_name(tmp_path: Path, client: str) -> None:
    async def act(service: Service) -> None:
        for path in (f"/ws?clientId={client}", f"/api/v1/events?client={client}"):
            answer = await ask(service.port, "GET", path, headers=UPGRADE)
            assert answer.status in (101, 400, 422), path[:80]
        assert (await ask(service.port, "GET", "/queue")).status == 200

    do(tmp_path, act)


def frame(code: int, payload: bytes, *, compressed: bool = False) -> bytes:
    """A masked frame of a client; the mask is zeros."""
    head = bytes([0x80 | (0x40 if compressed else 0) | code])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 2**16:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + b"\0\0\0\0" + payload


def bomb() -> bytes:
    """Sixteen megabytes of zeros, as the deflate extension sends it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"\0" * 16 * 2**20) + packer.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4]


HOSTILE: dict[str, tuple[bytes, set[int]]] = {
    "invalid UTF-8": (frame(1, b"\xff\xfe\xfd"), {1007}),
    "a frame of 100 MB": (frame(1, b"")[:1] + b"\xff" + struct.pack(">Q", 100_000_000) + b"\0" * 4, {1009}),
    "a frame a little too long": (frame(1, b"x" * 70_000), {1009}),
    "a deflate bomb": (frame(1, bomb(), compressed=True), {1009}),
    "a reserved code": (frame(3, b"x"), {1002}),
    "20,000 empty frames": (frame(1, b"") * 20_000, {1008}),
}
NOT_UNPACKED = {"a deflate bomb": {1002}}
"""How `/ws` refuses what it has not agreed to unpack."""


async def closed_with(port: int, path: str, sent: bytes, *, deflate: bool) -> int:
    """The code with which the socket is closed after these bytes; 0 for a connection that is just gone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    lines += ["Sec-WebSocket-Extensions: permessage-deflate"] if deflate else []
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    try:
        async with asyncio.timeout(30):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            while True:
                head = await reader.readexactly(2)
                size = head[1] & 127
                if size == 126:
                    size = struct.unpack(">H", await reader.readexactly(2))[0]
                payload = await reader.readexactly(size)
                if head[0] & 15 == 8:
                    return int(struct.unpack(">H", payload[:2])[0])
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0
    finally:
        writer.close()


@pytest.mark.row("G-10")
@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_sockets_are_closed_and_others_hear_on(tmp_path: Path, which: str) -> None:
    async def act(service: Service) -> None:
        sent, codes = HOSTILE[which]
        async with service.session.ws_connect(f"http://127.0.0.1:{service.port}/ws?clientId=good") as good:
            await good.receive_json(timeout=10)
            expected = {"/ws?clientId=bad": NOT_UNPACKED.get(which, codes), "/api/v1/events": codes | {1008}}
            for path, allowed in expected.items():
                code = await closed_with(service.port, path, sent, deflate="deflate" in which)
                assert code in allowed, (path, code)
            await service.post("/prompt", PROMPT)
            assert (await good.receive_json(timeout=10))["type"] == "status"

    do(tmp_path, act)


@pytest.mark.row("G-10")
@pytest.mark.parametrize(
    "text", ["[]", "3", "null", "no JSON", '{"type": "unheard"}', '{"type": ["feature_flags"]}', "[" * 5000]
)
def test_what_a_client_says_may_make_no_sense(tmp_path: Path, text: str) -> None:
    async def act(service: Service) -> None:
        async with service.session.ws_connect(f"http://127.0.0.1:{service.port}/ws") as socket:
            await socket.receive_json(timeout=10)
            await socket.send_str(text)
            await socket.send_bytes(b"\0\1\2")
            await service.post("/prompt", PROMPT)
            assert (await socket.receive_json(timeout=10))["type"] == "status"

    do(tmp_path, act)


@pytest.mark.row("G-11")
def test_sockets_are_counted_and_let_go(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        url = f"http://127.0.0.1:{service.port}/ws"
        before = len(os.listdir("/proc/self/fd"))
        sockets = [await service.session.ws_connect(url) for _ in range(20)]
        for path in SOCKETS:
            assert (await ask(service.port, "GET", path, headers=UPGRADE)).status == 503
        for socket in sockets:
            await socket.close()
        opened = 0
        while opened < 200:
            try:
                async with service.session.ws_connect(url):
                    opened += 1
            except WSServerHandshakeError as error:  # the service has not seen yet that the last ones have gone
                if error.status != 503:
                    raise
                await asyncio.sleep(0.01)
        while len(os.listdir("/proc/self/fd")) > before + 5:  # noqa: ASYNC110 - the service notices when it does
            await asyncio.sleep(0.02)

    do(tmp_path, act, bounds=Bounds(sockets=20))


@pytest.mark.row("G-13")
@pytest.mark.parametrize("path", ["/ws?clientId=twice", "/api/v1/events?client=twice"])
def test_one_name_on_two_sockets_is_heard_on_the_one_that_stays(tmp_path: Path, path: str) -> None:
    async def act(service: Service) -> None:
        url = f"http://127.0.0.1:{service.port}{path}"
        first = await service.session.ws_connect(url)
        async with service.session.ws_connect(url) as second:
            await first.close()
            await service.post("/prompt", json.dumps(json.loads(PROMPT) | {"client_id": "twice"}))
            heard = ""
            while "queued" not in heard and '"queue_remaining": 1' not in heard:
                heard = await second.receive_str(timeout=30)

    do(tmp_path, act)


@pytest.mark.row("G-14", "G-15")
def test_events_are_asked_for_by_number(tmp_path: Path) -> None:
    work = {"format": "latentgraph/1", "nodes": {"s": {"type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}

    async def act() -> None:
        async with asyncio.timeout(60), working(tmp_path) as service:
            done = (await service.post("/api/v1/jobs?wait=60", json.dumps({"workflow": work}))).json
            assert done["state"] == "done"
            kept = (await service.get(done["events"])).json["events"]
            for after in ("x", "-1", "1.5", "9" * 30, "%00"):
                for path in (f"{done['events']}?after={after}", f"/api/v1/events?job={done['id']}&after={after}"):
                    assert (await ask(service.port, "GET", path, headers=UPGRADE)).status == 400, path
            for last in (len(kept), len(kept) + 1000):
                stream = await service.get(f"{done['events']}?after={last}", {"Accept": "text/event-stream"})
                assert stream.body == b""
                url = f"http://127.0.0.1:{service.port}/api/v1/events?job={done['id']}&after={last}"
                async with service.session.ws_connect(url) as socket:
                    assert [one async for one in socket] == []
            for path in (
                "/api/v1/events?job=none",
                "/api/v1/jobs/none/events",
                f"/api/v1/jobs/{done['id'][:-1]}/events",
            ):
                assert (await ask(service.port, "GET", path, headers=UPGRADE)).status == 404

    asyncio.run(act())
