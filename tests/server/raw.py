"""Requests byte by byte: what a client library would tidy or refuse to send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RawAnswer:
    """What came back; status 0 when the connection was closed without a word."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - tests look into it freely
        return json.loads(self.body)


async def send(port: int, request: bytes, *, patience: float = 30.0) -> RawAnswer:
    """Write these bytes, read one answer. A request without `Connection: close` is answered and then left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(patience):
            sending = asyncio.create_task(_write(writer, request))
            answer = await _answer(reader)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            return answer
    finally:
        writer.close()


async def ask(
    port: int,
    method: str,
    target: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    host: str | None = None,
) -> RawAnswer:
    """A request whose target goes out as it is written here, with a `Host` that fits unless one is given."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {f'127.0.0.1:{port}' if host is None else host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape")
    return await send(port, head + body)


async def _write(writer: asyncio.StreamWriter, request: bytes) -> None:
    for start in range(0, len(request), 2**16):
        writer.write(request[start : start + 2**16])
        await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> RawAnswer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return RawAnswer(0, {}, b"")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    try:
        if headers.get("transfer-encoding") == "chunked":
            body = await _chunks(reader)
        elif "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            body = b""
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        body = getattr(error, "partial", b"")
    return RawAnswer(int(first.split(" ")[1]), headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    return b"".join(parts)
