"""Starting a worker process. Imports little: a service starts its workers first, and itself while they load torch."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """A worker process, and our end of its socket: closing it ends the process."""

    process: subprocess.Popen[bytes]
    connection: socket.socket


def start(command: Sequence[str]) -> Started:
    """Start it, with `--socket FD` appended to the command. Raises OSError."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [*command, "--socket", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
    except OSError:
        ours.close()
        raise
    ours.setblocking(False)
    return Started(process, ours)
