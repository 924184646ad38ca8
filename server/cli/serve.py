"""`latentgraph serve`: the service on the loopback address, with a worker for each device."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from graph.errors import InputError, Problem
from nodes.catalogue import load_catalogue
from server.http.security import LOOPBACK
from server.http.serving import Setup, serving
from server.options import Parser, add_places, places
from server.workspace import GIB, Places, Workspace


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    if options.host not in LOOPBACK:
        hint = "Put a proxy that asks for a password in front of it."
        raise InputError(
            [Problem("not_loopback", f"the service answers on this machine only, not on {options.host}", hint=hint)]
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    where = places(options)
    user = options.user or Path(os.environ.get("LATENTGRAPH_USER") or "user")
    devices = options.device or ["auto"]
    with Workspace(where) as workspace:
        workers = {device: worker_command(device, options.precision, where) for device in devices}
        setup = Setup(load_catalogue(), workspace, user, workers, previews=options.previews)
        asyncio.run(_serve(options.host, options.port, setup))
    return 0


def parser() -> argparse.ArgumentParser:
    made = Parser(prog="latentgraph serve", description=__doc__)
    made.add_argument("--host", default="127.0.0.1", help="a loopback address (default: 127.0.0.1)")
    made.add_argument("--port", type=int, default=8188, help="port (default: 8188); 0 takes a free one")
    made.add_argument("--user", type=Path, metavar="DIR", help="where jobs and what clients keep lie (default: ./user)")
    made.add_argument(
        "--device", action="append", metavar="auto|cpu|cuda[:N]", help="a worker for this device; may be repeated"
    )
    made.add_argument("--precision", default="auto", choices=["auto", "fp32", "bf16", "fp16"])
    made.add_argument("--previews", action="store_true", help="send previews to all of ComfyUI's clients")
    add_places(made)
    return made


def worker_command(device: str, precision: str, where: Places) -> list[str]:
    """How a worker for this device is started."""
    command = [sys.executable, "-m", "server.worker", "--device", device, "--precision", precision]
    chosen: Mapping[str, Path | None] = {
        "--models": where.models,
        "--input": where.inputs,
        "--output": where.output,
        "--cache": where.cache,
    }
    for flag, path in chosen.items():
        command += [flag, str(path.absolute())] if path else []
    return [*command, "--cache-size", str(where.cache_bytes / GIB)]


async def _serve(host: str, port: int, setup: Setup) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _listen(host, port) as listening:
        bound = listening.getsockname()[1]
        async with serving(setup, listening):
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
