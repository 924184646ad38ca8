"""A worker process without torch: the same loop and pipe, with nodes that wait, die, hang and write."""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path

from graph.context import Context
from graph.declare import Implementation, implementation, node
from graph.files import draft, write_flushed
from graph.keys import Environment
from graph.result import Report, SavedFile
from graph.values import Values
from nodes import saving
from server.worker import process
from server.worker.blobs import BLOBS, Blobs
from server.worker.engine import Engine
from server.worker.frames import Channel
from server.worker.process import Worker
from server.workspace import Places, Workspace
from tests.torture import breaking
from tests.toy_nodes import toys
from tests.toy_values import TILE


class Output:
    """Where `WriteText` writes."""

    def __init__(self, path: Path) -> None:
        self.path = path


@node("Steps", category="toy", returns="out")
def steps(*, value: int = 0, count: int = 5, milliseconds: int = 10, context: Context) -> int:
    """Takes its time, tells its progress, and can be cancelled between steps."""
    for step in range(count):
        time.sleep(milliseconds / 1000)
        context.progress(step + 1, count, lambda: b"\xff\xd8 picture")
    return value


@node("Unseen", category="toy", returns="out")
def unseen(*, value: int = 0, context: Context) -> int:
    """Offers a preview that cannot be made."""
    context.progress(1, 1, lambda: bytes([value, 1 // 0]))
    return value


@node("Stuck", category="toy", returns="out")
def stuck(*, value: int = 0) -> int:
    """Never looks up: only a kill ends it."""
    time.sleep(600)
    return value


@node("Dies", category="toy", returns="out")
def dies(*, how: str = "kill") -> int:
    """Brings its process down."""
    if how == "segfault":
        ctypes.string_at(0)
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


class OutOfMemoryError(RuntimeError):
    """As torch's is called."""


@node("RunsOut", category="toy", returns="out")
def runs_out(*, how: str = "says", number: int = 0) -> int:
    """Asks for more memory than there is, or says that there is none."""
    if how == "says":
        raise OutOfMemoryError("there is none left")
    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**27, before[1]))
    try:
        taken = []
        while True:
            taken.append(bytearray(b"x") * 2**24)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@node("WriteText", category="toy", saves="output", lane="io")
def write_text(*, value: int, name: str, context: Context) -> Report:
    """Writes a number into a file, whole or not at all, as nodes do that save."""
    path = context.service(Output).path / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path.parent) as temporary:
        write_flushed(temporary, (str(value).encode(),))
        saving._publish(temporary, path)
    return Report((SavedFile.at(path, "output", path.name),), (str(value),))


def implementations() -> dict[str, Implementation]:
    """The toy nodes and those of this file."""
    own = [implementation(one) for one in (steps, unseen, stuck, dies, runs_out, write_text)]
    return toys() | {one.spec.type: one for one in own if one is not None}


def command(folder: Path, broken: str = "") -> list[str]:
    """How such a worker is started; `broken`: see `tests/torture/breaking.py`."""
    return [sys.executable, "-m", "tests.server.toy_worker", "--folder", str(folder), "--break", broken]


def toy_places(folder: Path) -> Places:
    return Places(cache=folder / "cache", output=folder / "output", models=folder / "models", inputs=folder / "input")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--break", dest="breaking", default="")
    options = parser.parse_args()
    breaking.apply(options.breaking)
    process.BEAT = 0.1  # type: ignore[misc]  # so that there is one in the shortest of jobs
    channel = Channel(socket.socket(fileno=options.socket))
    with Workspace(toy_places(options.folder)) as workspace:
        services: dict[type, object] = {Output: Output(options.folder / "output")}
        engine = Engine(workspace, implementations(), Values([TILE]), services, Environment())
        Worker(channel, engine, keep=Blobs(options.folder / "user" / BLOBS).keep).serve()


if __name__ == "__main__":
    main()
