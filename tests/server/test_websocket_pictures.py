"""`SaveImageWebsocket`, to a client that speaks as ComfyUI's example `websockets_api_example_ws_images.py` does."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import torch
from aiohttp import ClientSession, WSMsgType

from nodes.pictures import encode_png
from tests.server.program import Program, started

SENDER = "save_image_websocket_node"
SIDE, COUNT = 16, 3


def prompt() -> dict[str, Any]:
    colour = {"width": SIDE, "height": SIDE, "batch_size": COUNT, "color": 0x336699}
    return {
        "1": {"class_type": "EmptyImage", "inputs": colour},
        SENDER: {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}},
    }


async def pictures_of(program: Program, flags: dict[str, object] | None) -> tuple[list[bytes], list[str], list[str]]:
    """The binary messages that come while the node executes, which nodes execute, and the kinds of all that is told."""
    async with ClientSession() as session, session.ws_connect(f"http://{program.address}/ws?clientId=script") as socket:
        if flags is not None:
            await socket.send_str(json.dumps({"type": "feature_flags", "data": flags}))
        body = {"prompt": prompt(), "client_id": "script"}
        async with session.post(f"http://{program.address}/prompt", json=body) as answer:
            prompt_id = (await answer.json())["prompt_id"]
        found: list[bytes] = []
        executing, kinds = [""], [""]
        while True:
            message = await socket.receive(timeout=60)
            if message.type == WSMsgType.BINARY:
                assert executing[-1] == SENDER
                found.append(message.data)
                continue
            told = json.loads(message.data)
            kinds.append(told["type"])
            if told["type"] == "executing" and told["data"]["prompt_id"] == prompt_id:
                if told["data"]["node"] is None:
                    return found, executing[1:], kinds
                executing.append(told["data"]["node"])


def test_pictures_come_over_the_socket_as_often_as_they_are_asked_for(tmp_path: Path) -> None:
    colour = torch.tensor([0x33, 0x66, 0x99]) / 255.0
    png = encode_png(colour.expand(SIDE, SIDE, 3), {})
    with started(tmp_path) as program:
        for ran in (["1", SENDER], [SENDER]):
            found, executing, kinds = asyncio.run(pictures_of(program, None))
            assert found == [struct.pack(">II", 1, 2) + png] * COUNT
            assert (executing, kinds.count("progress")) == (ran, COUNT)
            assert kinds.index("execution_start") < kinds.index("executing")
        found, _, _ = asyncio.run(pictures_of(program, {"supports_preview_metadata": True}))
        assert [one[:4] + one[-len(png) :] for one in found] == [struct.pack(">I", 4) + png] * COUNT
        assert list((tmp_path / "output").rglob("*.png")) == []
