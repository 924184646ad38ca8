"""`latentgraph models`: list the model files that workflows can name; `models convert IN OUT`: make a safe file of a pickle.

Neither imports torch: a pickle is read by a process of its own (`server/worker/unpickling.py`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from graph.errors import InputError, Problem, nearest
from graph.files import draft, flush
from nodes.folders import Folders
from nodes.pickled import is_pickled
from server.options import Parser, add_places, places
from server.worker.unpickling import seconds_for
from server.workspace import folders_of

_SUFFIX: Final = ".safetensors"
_WAITED_LONGER: Final = 4
"""Times the processor time that the process may take: a slow disk takes none of it."""

_UNREAD: Final = "  (a pickle, not read: make a safe file of it with `latentgraph models convert`)"

_LIST: Final = (
    "List the model files that workflows can name, by folder. `latentgraph models convert` makes one of a pickle."
)
_CONVERT: Final = """Make a .safetensors file of a pickled model (.ckpt, .pt, .pth, .bin), without running what it holds.

The file is read in a process of its own that has no network and little memory, and makes tensors only: a file that holds
other objects is refused by their names."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A model file. Pickles are listed, as workflows may name them, but no loader reads one."""

    name: str
    needs_conversion: bool

    @staticmethod
    def of(folders: Folders, folder: str, name: str) -> _Listed:
        path = folders.find(folder, name)
        return _Listed(name, path is not None and is_pickled(path))


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["convert"]:
        return convert(arguments[1:])
    if arguments and not arguments[0].startswith("-"):
        hint = nearest(arguments[0], ["convert"]) or "Without a word it lists; `models convert IN` makes a safe file."
        raise _refused("unknown_command", f"there is no command 'models {arguments[0]}'", hint)
    parser = Parser(prog="latentgraph models", description=_LIST)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_places(parser)
    options = parser.parse_args(arguments)
    folders = folders_of(places(options))
    found = {folder: [_Listed.of(folders, folder, name) for name in folders.names(folder)] for folder in folders.models}
    if options.json:
        print(json.dumps({folder: [asdict(one) for one in listed] for folder, listed in found.items()}, indent=2))
        return 0
    for folder, listed in found.items():
        if listed:
            print(folder, *(f"  {one.name}{_UNREAD if one.needs_conversion else ''}" for one in listed), sep="\n")
    return 0


def convert(arguments: Sequence[str]) -> int:
    """The second command. Raises InputError for whatever is wrong with the file."""
    parser = Parser(prog="latentgraph models convert", description=_CONVERT)
    parser.add_argument("input", type=Path, metavar="IN", help="a pickled model")
    parser.add_argument(
        "output", type=Path, nargs="?", metavar="OUT.safetensors", help="the file to write (default: beside IN)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    source, target = options.input, options.output or options.input
    if target.is_dir() and target != source:
        target /= source.name
    if not target.name or source.is_dir():
        raise _refused("usage", f"{source} is no file", "Give the path of a pickled model.")
    if options.output is None or options.output.is_dir():
        target = target.with_suffix(_SUFFIX)
    _expect_free(source, target, overwrite=options.overwrite)
    try:
        with draft(target.parent) as temporary:
            told = _read_apart(source, temporary)
            os.replace(temporary, target)
        flush(target.parent)
    except OSError as error:
        hint = "Choose another place for the new file."
        raise _refused("cannot_write", f"cannot write {target}: {error.strerror or error}", hint) from None
    print(json.dumps({"file": str(target), **told}) if options.json else "\n".join(_lines(target, told)))
    return 0


def _expect_free(source: Path, target: Path, *, overwrite: bool) -> None:
    if target.suffix.lower() != _SUFFIX:
        raise _refused(
            "usage",
            f"{target} does not end in {_SUFFIX}",
            f"Loaders go by that name: write {target.with_suffix(_SUFFIX)}.",
        )
    if not target.parent.is_dir():
        hint = "Make that folder, or give the path of a file in one that is there."
        raise _refused("cannot_write", f"there is no folder {target.parent}", hint)
    if target.exists() and (target.is_dir() or not overwrite or target.samefile(source)):
        hint = "Choose another name, or replace it with --overwrite."
        raise _refused("file_exists", f"{target} is there already", hint)


def _read_apart(source: Path, target: Path) -> dict[str, Any]:
    """What the process that reads the file says of it."""
    try:
        seconds = seconds_for(source.stat().st_size)
    except OSError as error:
        hint = "Give the path of a model file that is there and may be read."
        raise _refused("weights_unreadable", f"cannot read {source}: {error.strerror or error}", hint) from None
    command = [sys.executable, "-m", "server.worker.unpickling", str(source.absolute()), str(target.absolute())]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_WAITED_LONGER * seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise _refused("pickle_too_large", f"{source.name} took too long to read", "Use another copy.") from None
    if done.returncode < 0:
        how = signal.Signals(-done.returncode).name
        hint = "The file is damaged or hostile: use another copy."
        raise _refused("pickle_unreadable", f"{source.name} brought the process that read it down ({how})", hint)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"the process that reads pickles failed: {done.stderr.decode(errors='replace')}") from None
    if "code" in told:
        raise _refused(told["code"], told["message"], told["hint"])
    return told


def _lines(target: Path, told: dict[str, Any]) -> list[str]:
    lines = [f"{target}: {told['kind'] or 'a model of no kind that is known here'}"]
    counted = "1 tensor" if told["tensors"] == 1 else f"{told['tensors']:,} tensors"
    lines.append(f"{counted}, {told['bytes']:,} bytes")
    if told["dropped"]:
        lines.append(f"left out: {told['dropped']:,} values among them that are no tensors")
    if told["left_out"]:
        lines.append(f"left out, beside the weights: {', '.join(map(repr, told['left_out']))}")
    if told["folder"]:
        lines.append(f"It belongs into models/{told['folder']}.")
    return lines


def _refused(code: str, message: str, hint: str) -> InputError:
    return InputError([Problem(code, message, hint=hint)])
