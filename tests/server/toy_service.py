"""The service as a program, with toy workers: prints its port and serves until it is told to stop or killed."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
from pathlib import Path

from server.http.serving import Setup, serving
from server.jobs.store import Limits
from server.workspace import Workspace
from tests.server.toy_worker import command, implementations, toy_places

MANY = 1000
"""Attempts: here it is never the job's fault."""


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    folder: Path = parser.parse_args().folder
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    catalogue = {name: one.spec for name, one in implementations().items()}
    with Workspace(toy_places(folder)) as workspace, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        setup = Setup(catalogue, workspace, folder / "user", {"cpu": command(folder)}, Limits(attempts=MANY))
        async with serving(setup, listening):
            print(listening.getsockname()[1], flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
