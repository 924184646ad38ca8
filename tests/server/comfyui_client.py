"""A client that speaks ComfyUI's protocol to the letter, as its users' scripts do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from tests.server.service import Service

Message = tuple[str, dict[str, Any]]


@dataclass
class ComfyClient:
    """One session: its socket, and everything heard."""

    service: Service
    socket: ClientWebSocketResponse
    name: str
    heard: list[Message] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)

    async def prompt(self, prompt: dict[str, Any], **more: object) -> tuple[int, dict[str, Any]]:
        body = {"prompt": prompt, "client_id": self.name, **more}
        answer = await self.service.post("/prompt", json.dumps(body))
        return answer.status, answer.json

    async def until(self, kind: str, **wanted: object) -> list[Message]:
        """Listen up to a message of this kind with these fields. Returns all heard since the last call."""
        since: list[Message] = []
        while True:
            message = await self.socket.receive(timeout=60)
            if message.type == WSMsgType.BINARY:
                self.pictures.append(message.data)
                continue
            assert message.type == WSMsgType.TEXT, message
            data = json.loads(message.data)
            since.append((data["type"], data["data"]))
            self.heard.append(since[-1])
            if data["type"] == kind and wanted.items() <= data["data"].items():
                return since

    async def finished(self, prompt_id: str) -> list[Message]:
        return await self.until("executing", node=None, prompt_id=prompt_id)

    async def history(self, prompt_id: str) -> dict[str, Any]:
        entry: dict[str, Any] = (await self.service.get(f"/history/{prompt_id}")).json
        return entry


@asynccontextmanager
async def connected(
    service: Service, name: str = "tester", flags: dict[str, object] | None = None
) -> AsyncIterator[ComfyClient]:
    url = f"http://127.0.0.1:{service.port}/ws?clientId={name}"
    async with service.session.ws_connect(url) as socket:
        client = ComfyClient(service, socket, name)
        if flags is not None:
            await socket.send_str(json.dumps({"type": "feature_flags", "data": flags}))
            await client.until("feature_flags")
        yield client
