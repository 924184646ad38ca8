"""Many small messages in few packets: each packet wakes up who reads, and that is most of what sending costs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

from aiohttp import web

_CORK: Final[int | None] = getattr(socket, "TCP_CORK", None)


class Corking:
    """What is sent on a connection in one turn of the event loop leaves together at its end. Does nothing but on Linux."""

    def __init__(self, request: web.Request) -> None:
        transport = request.transport
        self._socket: socket.socket | None = transport.get_extra_info("socket") if transport is not None else None
        self._held = False

    def hold(self) -> None:
        """To be called before something is sent."""
        if self._held or self._socket is None or _CORK is None:
            return
        self._held = True
        self._set(1)
        asyncio.get_running_loop().call_soon(self._let_go)

    def _let_go(self) -> None:
        self._held = False
        self._set(0)

    def _set(self, value: int) -> None:
        if self._socket is not None and _CORK is not None:
            with contextlib.suppress(OSError):  # closed meanwhile, or no TCP
                self._socket.setsockopt(socket.IPPROTO_TCP, _CORK, value)
