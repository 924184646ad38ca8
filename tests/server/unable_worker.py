"""A worker that says why it cannot start until the file `card` is there, and counts its tries in the file `tries`."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from graph.errors import GraphError
from server.worker.frames import Channel
from server.worker.process import UNABLE, unable
from tests.server.toy_worker import command


def main(folder: Path, number: int) -> int:
    with (folder / "tries").open("a") as tries:
        tries.write(".")
    if (folder / "card").exists():
        os.set_inheritable(number, True)
        toy = [*command(folder), "--socket", str(number)]
        os.execv(toy[0], toy)
    error = GraphError("there is no card", code="device_unavailable", hint="Use cpu.")
    Channel(socket.socket(fileno=number)).send(unable(error))
    return UNABLE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[3])))
