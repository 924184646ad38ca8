"""`latentgraph serve`: the service, on this machine unless told otherwise, with a worker for each device."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from graph.errors import InputError, Problem
from nodes.memory.host import host_bytes, torch_version
from server.cli.greeting import greeting, own_names
from server.logs import set_up
from server.options import (
    DEVICES,
    MOST,
    Parser,
    add_places,
    add_precision,
    add_user,
    one_of,
    places,
    read_device,
    user_folder,
)
from server.tokens import FILE, LOOPBACK, Tokens
from server.worker.blobs import BLOBS
from server.worker.starting import Started, start
from server.workspace import GIB, Computing, Places, Workspace, expect_writable, folders_of, trim_previews

if TYPE_CHECKING:
    from server.http.service import Bounds
    from server.http.serving import Door, Setup


def main(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    _refuse_foreign(options.host)
    _refuse_strangers(options.host, Tokens(user_folder(options) / FILE))
    _refuse_no_origins(options.allow_origin)
    where = places(options)
    devices = options.device or ["auto"]
    _refuse_absent(devices)
    expect_writable(folders_of(where).root("output"))
    trim_previews(where)
    workers = {device: worker_command(device, options.precision, where, user_folder(options)) for device in devices}
    with listen(options.host, options.port) as listening:
        set_up(options.log_format)
        started = {device: start(command) for device, command in workers.items()}
        try:
            _serve(options, where, workers, started, listening)
        finally:
            for worker in started.values():  # those that were never taken over
                worker.connection.close()
    return 0


def _refuse_absent(devices: Sequence[str]) -> None:
    """Raise InputError for cards where torch was built without what computes on them. A worker says what else is missing."""
    for device in devices:
        if device.startswith("cuda") and torch_version().endswith("+cpu"):
            message = f"device {device!r} is not here: this torch ({torch_version()}) was built without CUDA"
            raise InputError(
                [Problem("device_unavailable", message, hint="Use cpu or auto, or install torch with CUDA.")]
            )


def _refuse_foreign(host: str) -> None:
    """Raise InputError for an address at which this machine cannot be reached."""
    try:
        with _socket(host) as tried:
            tried.bind((host, 0))
    except (OSError, UnicodeError) as error:  # a name may be longer than names can be
        said = "is neither an address nor a name that is known here"
        if isinstance(error, OSError) and not isinstance(error, socket.gaierror):
            said = f"is no address of this machine ({error.strerror or error})"
        hint = "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all of its addresses, or one of them."
        raise InputError([Problem("host", f"--host {host}: {host!r} {said}", hint=hint)]) from None


def _refuse_strangers(host: str, tokens: Tokens) -> None:
    """Raise InputError for a service that anybody on the network could use."""
    if host not in LOOPBACK and not tokens.all():
        hint = "Make one with `latentgraph token create NAME`; clients send it as `Authorization: Bearer TOKEN`."
        message = f"the service answers beyond this machine ({host}) only to those who have a token"
        raise InputError([Problem("no_token", message, hint=hint)])


def _refuse_no_origins(origins: Sequence[str]) -> None:
    """Raise InputError for an origin that is none."""
    for origin in origins:
        if not re.fullmatch(r"https?://[^/?#\s]+", origin):
            hint = "It is written as browsers send it: `https://name` or `http://name:port`, without a path."
            raise InputError([Problem("origin", f"{origin!r} is no origin", hint=hint)])


def _serve(
    options: argparse.Namespace,
    where: Places,
    workers: Mapping[str, Sequence[str]],
    started: Mapping[str, Started],
    listening: socket.socket,
) -> None:
    """Everything heavy is imported here, while the workers load torch."""
    from server.catalogue import LiveCatalogue
    from server.http.serving import Setup

    user = user_folder(options)
    door = _door(options, Tokens(user / FILE))
    computing = Computing(next(iter(workers)), options.precision)
    with Workspace(where) as workspace:
        catalogue = LiveCatalogue(workspace.cache_folder)
        setup = Setup(
            catalogue,
            workspace,
            user,
            workers,
            started=started,
            computing=computing,
            database=options.database or os.environ.get("LATENTGRAPH_DATABASE"),
            previews=options.previews,
            door=door,
            bounds=bounds(options, len(workers)),
            brought=catalogue.bring,
        )
        asyncio.run(_answer(options.host, listening, setup))


def parser() -> argparse.ArgumentParser:
    made = Parser(prog="latentgraph serve", description=__doc__, usage="latentgraph serve [OPTION ...]")
    made.add_argument(
        "--host", default="127.0.0.1", help="address to answer on (default: 127.0.0.1, this machine only)"
    )
    made.add_argument("--port", type=int, default=8188, help="port (default: 8188); 0 takes a free one")
    made.add_argument(
        "--log-format",
        type=one_of("text", "json"),
        metavar="text|json",
        help="how the log is written (default: text at a terminal, else json)",
    )
    add_user(made)
    made.add_argument(
        "--device",
        action="append",
        type=read_device,
        metavar=DEVICES,
        help="a worker for this device; may be repeated (default: auto)",
    )
    add_precision(made)
    made.add_argument("--database", metavar="URL", help="keep jobs in PostgreSQL, postgresql://... (default: a file)")
    made.add_argument(
        "--previews",
        action="store_true",
        help="send previews also to those of ComfyUI's clients that have not announced that they take them",
    )
    _add_security(made)
    add_places(made)
    return made


def _add_security(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("security")
    group.add_argument(
        "--auth", action="store_true", help="ask for a token on this machine too; beyond it one is always asked for"
    )
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME[:PORT]",
        help="a name by which the service is reached, beside this machine's own: others are refused, as pages of other "
        "sites could use them",
    )
    group.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="a site whose pages may use the service"
    )
    group.add_argument("--max-request", type=_size, metavar="MIB", help="largest JSON body (default: 16)")
    group.add_argument("--max-upload", type=_size, metavar="MIB", help="largest upload (default: 100)")
    group.add_argument("--max-nodes", type=_count, metavar="N", help="most nodes of a workflow (default: 20000)")
    group.add_argument(
        "--max-pixels",
        type=_count,
        metavar="N",
        help=(
            "most pixels of one node's pictures (default: what memory holds at 64 bytes for each, half of it being kept for "
            "models and results, and 2^28 at most)"
        ),
    )


def _size(text: str) -> int:
    return _count(text) * 2**20


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= MOST):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 up to {MOST}")
    return int(text)


def bounds(options: argparse.Namespace, workers: int) -> Bounds:
    """How much is taken of a client, by a service with so many workers."""
    from server.http.costs import pixels_that_fit
    from server.http.service import Bounds

    usual = Bounds()
    return replace(
        usual,
        body=options.max_request or usual.body,
        upload=options.max_upload or usual.upload,
        nodes=options.max_nodes or usual.nodes,
        pixels=options.max_pixels or min(usual.pixels, pixels_that_fit(host_bytes(), workers)),
    )


def _door(options: argparse.Namespace, tokens: Tokens) -> Door:
    """Who is let in."""
    from server.http.security import Gate
    from server.http.serving import Door

    beyond = options.host not in LOOPBACK
    named = {one.lower() for one in options.allow_host} | (set(own_names(options.host)) if beyond else set())
    started = secrets.token_urlsafe(24) if options.auth and not beyond else None
    gate = Gate(tokens, started) if options.auth or beyond else None
    return Door(frozenset(named), frozenset(options.allow_origin), gate)


def worker_command(device: str, precision: str, where: Places, user: Path) -> list[str]:
    """How a worker for this device is started."""
    command = [sys.executable, "-m", "server.worker", "--device", device, "--precision", precision]
    chosen: Mapping[str, Path | None] = {
        "--models": where.models,
        "--input": where.inputs,
        "--output": where.output,
        "--cache": where.cache,
        "--blobs": user / BLOBS,
    }
    for flag, path in chosen.items():
        command += [flag, str(path.absolute())] if path else []
    return [*command, "--cache-size", str(where.cache_bytes / GIB)]


async def _answer(host: str, listening: socket.socket, setup: Setup) -> None:
    from server.http.serving import serving

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bound = listening.getsockname()[1]
    async with serving(setup, listening):
        gate = setup.door.gate
        print(
            *greeting(host, bound, started=gate.started if gate else None, asks=gate is not None), sep="\n", flush=True
        )
        await stop.wait()
        print("latentgraph stops; jobs that run go on at its next start", flush=True)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. A port that is taken is said before any worker is started, and the application, which checks what
    requests say of it, is made for it. Raises InputError."""
    made = _socket(host)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen()  # only then nobody else can bind it
    except (OSError, OverflowError) as error:
        made.close()
        hint = "Choose another with --port (`make serve PORT=8190`), or 0 for any free one."
        raise InputError([Problem("port", f"cannot listen on {host}:{port}: {error}", hint=hint)]) from None
    return made


def _socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
