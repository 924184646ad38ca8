"""`latentgraph serve`: the service on the loopback address."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import Sequence

from aiohttp import web

from graph.errors import InputError, Problem
from graph.values import Values
from nodes.catalogue import load_catalogue
from server.cli.options import add_places, places
from server.http.app import create_app
from server.http.security import LOOPBACK, Doorkeeper
from server.workspace import Workspace


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="latentgraph serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8188, help="port (default: 8188); 0 takes a free one")
    add_places(parser)
    options = parser.parse_args(arguments)
    if options.host not in LOOPBACK:
        hint = "Put a proxy that asks for a password in front of it."
        raise InputError(
            [Problem("not_loopback", f"the service answers on this machine only, not on {options.host}", hint=hint)]
        )
    with Workspace(places(options)) as workspace:
        asyncio.run(_serve(options.host, options.port, workspace))
    return 0


async def _serve(host: str, port: int, workspace: Workspace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        listening = _listen(host, port)
        stack.callback(listening.close)
        bound = listening.getsockname()[1]
        app = create_app(load_catalogue(), workspace, workspace.cache(Values()), Doorkeeper(bound))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listening).start()
        print(f"latentgraph answers on http://{f'[{host}]' if ':' in host else host}:{bound}", flush=True)
        await stop.wait()


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that the port is known before the application that checks it is made."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        hint = "Choose another with --port, or 0 for any free one."
        raise InputError([Problem("port", f"cannot listen on {host}:{port}: {error}", hint=hint)]) from None
    return made
