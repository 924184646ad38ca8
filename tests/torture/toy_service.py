"""The service as a program, with toy workers: prints its port and serves until it is told to stop or killed."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
from pathlib import Path

from tests.torture import breaking


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--attempts", type=int, default=1000, help="many, where it is never the job's fault")
    parser.add_argument("--lease", type=float, default=30.0)
    parser.add_argument("--spare", action="store_true", help="let workers live whose jobs were taken from them")
    parser.add_argument("--sweep", type=float, default=600.0, help="seconds between two looks for unused blobs")
    parser.add_argument("--break", dest="broken", default="")
    parser.add_argument("--break-worker", default="")
    options = parser.parse_args()
    breaking.apply(options.broken)
    from nodes.catalogue import ByType
    from server.http import serving as whole
    from server.http.serving import Setup, serving
    from server.jobs import desk
    from server.jobs.store import Limits
    from server.worker.supervisor import Supervisor
    from server.workspace import Workspace
    from tests.server.toy_worker import command, implementations, toy_places

    whole.SWEEP, desk.IDLE = options.sweep, 0.2  # type: ignore[misc]  # so that what is done when nothing else is comes soon
    if options.spare:
        Supervisor.kill = lambda self: None  # type: ignore[method-assign]
    folder: Path = options.folder
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    catalogue = {name: one.spec for name, one in implementations().items()}
    workers = {f"cpu:{index}": command(folder, options.break_worker) for index in range(options.workers)}
    with Workspace(toy_places(folder)) as workspace, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        limits = Limits(attempts=options.attempts, lease=options.lease)
        setup = Setup(ByType(catalogue), workspace, folder / "user", workers, limits)
        async with serving(setup, listening):
            print(listening.getsockname()[1], flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
