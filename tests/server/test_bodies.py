"""Bodies of requests: what a large one asks for is not done on the event loop, whether its size was announced or not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from server.http.bodies import SMALL, json_body, without_blocking
from server.http.service import SERVICE, Bounds, Service


async def told_of(body: bytes, *, announced: bool) -> dict[str, Any]:
    """Whether the service worked on this body on the thread of its event loop, and what length was announced to it."""

    async def handler(request: web.Request) -> web.Response:
        await json_body(request)
        thread = await without_blocking(request, threading.get_ident)
        return web.json_response({"on_loop": thread == threading.get_ident(), "announced": request.content_length})

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    app = web.Application()
    app[SERVICE] = cast("Service", SimpleNamespace(bounds=Bounds()))
    app.router.add_post("/", handler)
    async with TestServer(app) as server, ClientSession() as session:
        data: Any = body if announced else pieces()
        async with session.post(server.make_url("/"), data=data) as response:
            answer: dict[str, Any] = await response.json()
            return answer


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize(("size", "on_loop"), [(10, True), (SMALL + 1, False), (1_000_000, False)])
def test_a_large_body_is_worked_on_beside_the_loop(size: int, on_loop: bool, announced: bool) -> None:
    body = json.dumps("x" * size).encode()
    told = asyncio.run(told_of(body, announced=announced))
    assert told == {"on_loop": on_loop, "announced": len(body) if announced else None}
