"""Tickets: a page that has a token gets a word that opens one WebSocket, since browsers send no token with an upgrade."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.http.security import Tickets

TICKETS: Final = web.AppKey("tickets", Tickets)


async def give(request: web.Request) -> web.Response:
    """A ticket that opens one WebSocket within half a minute, as `?ticket=`."""
    return web.json_response({"ticket": request.app[TICKETS].give()}, status=201)
