"""Requests that are hardly HTTP (rows A of the suite of bad input), byte by byte."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.server.raw import RawAnswer, ask, send
from tests.server.service import Service, running

GOOD = b'{"prompt": {"1": {"class_type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}'
CHUNKS = b"1\r\n \r\n" * 200_000 + b"0\r\n\r\n"


def do(folder: Path, act: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(200), running(folder) as service:
            await act(service)
            assert (await ask(service.port, "POST", "/prompt", GOOD)).status == 200

    asyncio.run(run())


def head(port: int, *lines: str, target: str = "/prompt", method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines, "", ""]).encode("latin-1")


@pytest.mark.row("A-01", "A-03", "A-04", "A-05", "A-07", "A-14", "A-15", "A-16")
def test_bodies_that_are_not_what_they_say(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        port = service.port
        cases: list[tuple[str, bytes, set[int]]] = [
            ("A-01 no body", head(port, "Content-Length: 0"), {400}),
            ("A-01 no length", head(port), {400, 411}),
            ("A-03 100 GB announced", head(port, "Content-Length: 99999999999"), {413}),
            ("A-03 no number", head(port, "Content-Length: x"), {400}),
            ("A-03 negative", head(port, "Content-Length: -1"), {400}),
            ("A-03 twice", head(port, "Content-Length: 5", "Content-Length: 6") + b"12345", {400}),
            ("A-04 both", head(port, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n", {400}),
            ("A-05 chunks of one byte", head(port, "Transfer-Encoding: chunked") + CHUNKS, {400, 413}),
            ("A-05 a chunk that is no chunk", head(port, "Transfer-Encoding: chunked") + b"zz\r\n", {400}),
            ("A-07 10,000 headers", head(port, *(f"X-{i}: y" for i in range(10_000))), {0, 400, 431}),
            ("A-07 a header of a megabyte", head(port, "X-A: " + "y" * 2**20), {0, 400, 431}),
            ("A-07 a target of a megabyte", head(port, target="/" + "y" * 2**20, method="GET"), {0, 400, 414}),
            ("A-14 a name that is none", head(port, "X A: y"), {400}),
            ("A-15 no method", b"\0\1\2\3\r\n\r\n", {0, 400}),
            ("A-16 another host in the target", head(port, target="http://evil.test/queue", method="GET"), {400, 404, 421}),
            ("another protocol", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400, 505}),
        ]  # fmt: skip
        for name, sent, statuses in cases:
            answer = await send(port, sent)
            assert answer.status in statuses, (name, answer.status, answer.body[:200])

    do(tmp_path, act)


@pytest.mark.row("A-09", "A-10", "A-12", "A-13", "A-14")
def test_kinds_of_body(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        async def told(body: bytes, **headers: str) -> RawAnswer:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await ask(service.port, "POST", "/api/v1/jobs", body, named)

        packed = gzip.compress(b" " * 10_000_000)
        assert (await told(packed, **{"Content-Encoding": "gzip"})).status == 415
        assert (await told(packed, **{"Content-Encoding": "br"})).status in (400, 415)
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=b",
        ):
            answer = await told(b"x" * 65_536, Content_Type=kind, Sec_Fetch_Site="same-origin")
            assert answer.status == 415, kind
        work = json.dumps({"format": "latentgraph/1", "nodes": {}})
        for text in (
            work.encode("utf-16"),
            work.encode("utf-7").replace(b"{", b"+AHs-"),
            b"\xff" + work.encode(),
        ):
            assert (await told(text, Content_Type="application/json; charset=utf-7")).status in (400, 422)
        assert (await told(b"\xef\xbb\xbf" + work.encode())).status == 422, "a BOM is skipped; the graph is empty"

    do(tmp_path, act)


@pytest.mark.row("A-15", "A-17")
def test_methods_and_queries(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for method in ("TRACE", "CONNECT", "PROPFIND", "DELETE", "PUT"):
            answer = await ask(service.port, method, "/api/v1/jobs")
            assert answer.status in (400, 404, 405, 421, 501), method
        kept = await ask(service.port, "GET", "/api/v1/jobs", headers={"X-HTTP-Method-Override": "DELETE"})
        assert kept.status == 200
        for query in ("limit=abc", "limit=-5", "limit=1e9", "limit=%00", "before=x", "state=%ff"):
            assert (await ask(service.port, "GET", f"/api/v1/jobs?{query}")).status == 400, query
        many = "&".join(f"a{number}=1" for number in range(600))
        assert (await ask(service.port, "GET", f"/api/v1/jobs?{many}")).status == 400, "fields that it does not take"
        assert (await ask(service.port, "GET", f"/queue?{many}")).status == 200
        too_many = "&".join(f"a{number}=1" for number in range(20_000))
        assert (await ask(service.port, "GET", f"/api/v1/jobs?{too_many}")).status in (0, 400, 414)

    do(tmp_path, act)


async def crawl(port: int, start: bytes, more: bytes) -> RawAnswer:
    """Send a little, again and again, until there is an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    answer = asyncio.create_task(reader.readline())
    async with asyncio.timeout(30):
        while not answer.done():
            writer.write(more)
            await asyncio.sleep(0.05)
    writer.close()
    return RawAnswer(int((await answer).split()[1]), {}, b"")


FORM = "multipart/form-data; boundary=x"
PART = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"


@pytest.mark.row("A-11")
@pytest.mark.parametrize(("path", "statuses"), [("/upload/image", {400}), ("/api/v1/jobs", {415})])
def test_a_form_of_very_many_parts_is_refused(tmp_path: Path, path: str, statuses: set[int]) -> None:
    async def act(service: Service) -> None:
        about = {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin"}
        one_more = PART.replace(b"name=a", b"name=%06d")
        body = b"".join(one_more % index for index in range(100_000)) + b"--x--\r\n"
        assert (await ask(service.port, "POST", path, body, about)).status in statuses

    do(tmp_path, act)


UPLOADS = [
    ("/api/v1/uploads?name=a.png", "image/png", b"\x89PNG"),
    ("/upload/image", FORM, b"--x\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\n\x89PNG"),
    ("/upload/image", FORM, b"--x\r\nContent-Disposition: form-data; name=type\r\n\r\ninp"),
    ("/upload/image", FORM, b"--x\r\nContent-Dispo"),
]


@pytest.mark.row("A-02", "A-06", "A-08")
def test_a_body_that_stops_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.http.bodies._PATIENCE", 0.3)
    monkeypatch.setattr("server.http.connections.PATIENCE", 0.4)

    async def act(service: Service) -> None:
        port = service.port
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
        for _, writer in slow:
            writer.write(head(port)[:-2] + b"X-Slow: ")
        assert (await ask(port, "GET", "/queue")).status == 200
        stopped = await send(port, head(port, "Content-Length: 100") + b"{")
        assert stopped.status in (400, 408)
        for start in UPLOADS:
            path, kind, sent = start
            about = (f"Content-Type: {kind}", "Content-Length: 5000")
            assert (await send(port, head(port, *about, target=path) + sent)).status == 408, start
        assert [one.name for one in (tmp_path / "input").rglob("*")] == []  # noqa: ASYNC240
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head(port, "Content-Length: 100") + b"{")
        writer.close()  # shorter than announced, and gone
        for client, one in slow:  # none of them ever came to the end of its head
            assert await client.read() == b""
            one.close()
        crawling = head(port, "Transfer-Encoding: chunked") + b"1\r\n \r\n"
        assert (await crawl(port, crawling, b"1\r\n \r\n")).status == 408
        del reader

    do(tmp_path, act)
