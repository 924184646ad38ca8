"""`python -m server.worker.unpickling IN OUT`: a pickled model to safetensors, in a process of its own.

A hostile file costs this process its life and nothing else: before the file is opened the process gives up the network
(where the system lets it: a network namespace of its own), new programs, its environment, and all but so much memory,
processor time and disk. Prints what it made as JSON, or what is wrong with the file.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_ANOTHER_COPY: Final = "Use another copy of this model."

_NEW_NETWORK: Final = 0x40000000
_NEW_USER: Final = 0x10000000
"""CLONE_NEWNET and CLONE_NEWUSER of Linux: the second lets those who are not root do the first."""

_MEMORY: Final = 2**30
_MEMORY_PER_BYTE: Final = 2
_DISK_PER_BYTE: Final = 4
_SECONDS: Final = 60
_BYTES_A_SECOND: Final = 20_000_000
_REFUSED_EVENTS: Final = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "pty.spawn", "ctypes.dlopen",
)  # fmt: skip
"""Events (PEP 578) that reading tensors never causes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the file is written; 1: it is not, and the JSON says why."""
    source, target = (Path(one) for one in (sys.argv[1:] if arguments is None else arguments))
    leave_network()  # before torch starts threads, which the system would not let go along
    told = _told(source, target)
    print(json.dumps(told))
    return 1 if "code" in told else 0


def _told(source: Path, target: Path) -> dict[str, object]:
    from graph.errors import GraphError
    from nodes.memory.shortage import is_out_of_memory

    try:
        return _converted(source, target)
    except GraphError as error:
        return _problem(error.code, str(error), error.hint)
    except OSError as error:
        return _problem("cannot_write", f"{source.name} cannot be converted: {error.strerror or error}", None)
    except Exception as error:  # noqa: BLE001 - the outermost seam: whatever the file did, there is no model
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_out_of_memory(error)):
            return _problem("pickle_too_large", f"{source.name} needs far more memory than it is large", _ANOTHER_COPY)
        return _problem("pickle_unreadable", f"{source.name} is damaged, or was not saved by PyTorch", _ANOTHER_COPY)


def _converted(source: Path, target: Path) -> dict[str, object]:
    """Write the weights of one file into another. Raises a `WeightsError`, and anything for a damaged file."""
    from graph.files import write_flushed
    from nodes.weights.errors import WeightsNotFinite
    from nodes.weights.files import read_header
    from nodes.weights.kinds import kind_of
    from nodes.weights.pickles import expect_pickle, read_pickle, weights_of
    from nodes.weights.writing import planned, safetensors_chunks

    expect_pickle(source)
    nbytes = source.stat().st_size
    limit(nbytes)
    weights = weights_of(read_pickle(source), source.name, nbytes)
    try:
        chunks = safetensors_chunks([planned(*one) for one in weights.tensors.items()], weights.texts)
        write_flushed(target, chunks)
    except WeightsNotFinite as error:
        raise WeightsNotFinite(f"{source.name}: {error}", hint=_ANOTHER_COPY) from None
    kind = kind_of(read_header(target))
    return {
        "kind": None if kind is None else kind.title,
        "folder": None if kind is None else kind.folder,
        "tensors": len(weights.tensors),
        "bytes": target.stat().st_size,
        "dropped": weights.dropped,
        "left_out": list(weights.left_out),
    }


def _problem(code: str, message: str, hint: str | None) -> dict[str, object]:
    return {"code": code, "message": message, "hint": hint}


def seconds_for(file_bytes: int) -> int:
    """Seconds of processor time that reading and writing so much may take."""
    return _SECONDS + file_bytes // _BYTES_A_SECOND


def leave_network() -> None:
    """Have no network any more, where the system allows it: not even the machine's own loopback, which is down."""
    try:
        unshare = ctypes.CDLL(None).unshare
    except (AttributeError, OSError):  # no Linux
        return
    if unshare(_NEW_NETWORK) != 0:
        unshare(_NEW_NETWORK | _NEW_USER)


def limit(file_bytes: int) -> None:
    """Bound what this process may use for a file of so many bytes, and what it may do, from now on."""
    os.environ.clear()
    with contextlib.suppress(OSError):  # a system that does not tell what is used: then there is no bound
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        _at_most(resource.RLIMIT_AS, used + _MEMORY + _MEMORY_PER_BYTE * file_bytes)
    _at_most(resource.RLIMIT_CPU, seconds_for(file_bytes))
    _at_most(resource.RLIMIT_FSIZE, _MEMORY + _DISK_PER_BYTE * file_bytes)
    _at_most(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)


def _at_most(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))


def _refuse(event: str, _: object) -> None:
    if event.startswith(_REFUSED_EVENTS):
        raise PermissionError(f"{event} is not for a file of weights")


if __name__ == "__main__":
    sys.exit(main())
