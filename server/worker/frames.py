"""What the service and a worker say to each other: frames over a socket, each a JSON object and bytes beside it.

The worker never opens the database: it is handed jobs and hands back what happened, so that the store has one writer, a
dead worker leaves no lock behind, and the death of either end is seen by the other at once, as the end of the stream.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from typing import Final

from graph.json import JsonObject

_HEAD: Final = struct.Struct(">II")


def pack(message: JsonObject, blob: bytes = b"") -> bytes:
    """One frame: the lengths of both parts, then both parts."""
    text = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _HEAD.pack(len(text), len(blob)) + text + blob


async def read_frame(reader: asyncio.StreamReader) -> tuple[JsonObject, bytes]:
    """The next frame. Raises `asyncio.IncompleteReadError` at the end of the stream, ConnectionError if it broke."""
    text_length, blob_length = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    message: JsonObject = json.loads(await reader.readexactly(text_length))
    return message, await reader.readexactly(blob_length)


class Channel:
    """The worker's end. Sending is safe from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: JsonObject, blob: bytes = b"") -> None:
        """Raises OSError when the other end is gone."""
        with self._lock:
            self._connection.sendall(pack(message, blob))

    def receive(self) -> JsonObject | None:
        """The next message, None at the end of the stream."""
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        text_length, blob_length = _HEAD.unpack(head)
        text = self._file.read(text_length + blob_length)
        if len(text) < text_length + blob_length:
            return None
        message: JsonObject = json.loads(text[:text_length])
        return message
