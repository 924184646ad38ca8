"""Bodies of requests: what a large one asks for is not done on the event loop, whether its size was announced or not."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from graph.errors import InputError
from graph.json import JsonObject
from server.http.bodies import SMALL, conforming, json_body, without_blocking
from server.http.service import SERVICE, Bounds, Service
from tests.server.service import running


def test_a_compressed_body_is_refused_unread(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        async with running(tmp_path) as service:
            for body in (gzip.compress(b'{"workflow": {}}'), b"no gzip at all" * 10_000):
                refused = await service.post("/api/v1/jobs", body, {"Content-Encoding": "gzip"})
                assert (refused.status, refused.json["code"]) == (415, "content_encoding")
            assert (await service.get("/health/live")).status == 200

    asyncio.run(act())
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


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


_LONG = "x" * SMALL
_WORKFLOW = {"format": "latentgraph/1", "description": _LONG, "nodes": {"n": {"type": "Show", "inputs": {"value": 1}}}}
_PROMPT = {"n": {"class_type": "Show", "inputs": {"value": _LONG}}}


@pytest.mark.parametrize(
    ("method", "path", "body", "functions"),
    [
        (
            "POST",
            "/api/v1/jobs",
            {"workflow": _WORKFLOW},
            ["submitting.conforming", "submitting.requested", "submitting.to_keep"],
        ),
        ("POST", "/api/v1/batches", {"jobs": [{"workflow": _WORKFLOW}]}, ["bodies.conforming", "submitting.to_keep"]),
        ("PUT", "/api/v1/workflows/mine", _WORKFLOW, ["versions.import_workflow"]),
        ("POST", "/api/v1/convert/comfyui", _WORKFLOW, ["nodes.read", "nodes.written"]),
        ("POST", "/prompt", {"prompt": _PROMPT}, ["comfyui.prompt.check", "comfyui.prompt._submission"]),
    ],
)
def test_what_a_large_body_asks_for_is_not_done_on_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: dict[str, Any], functions: list[str]
) -> None:
    threads: dict[str, bool] = {}

    def watched(name: str, act: Callable[..., object]) -> Callable[..., object]:
        def called(*given: object, **named: object) -> object:
            threads[name] = threading.current_thread() is threading.main_thread()
            return act(*given, **named)

        return called

    for name in functions:
        module, _, function = f"server.http.{name}".rpartition(".")
        monkeypatch.setattr(f"{module}.{function}", watched(name, getattr(import_module(module), function)))

    async def act() -> int:
        async with running(tmp_path) as service:
            url = f"http://127.0.0.1:{service.port}{path}"
            async with service.session.request(method, url, data=json.dumps(body)) as response:
                return response.status

    assert asyncio.run(act()) < 300
    assert threads == dict.fromkeys(functions, False)


def test_of_very_many_faults_the_first_are_looked_for() -> None:
    schema: JsonObject = {"type": "array", "items": {"type": "string"}}
    with pytest.raises(InputError) as refused:
        conforming(list(range(5000)), schema)
    assert len(refused.value.problems) == 200
