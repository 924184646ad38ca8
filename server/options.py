"""The options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from graph.errors import InputError, Problem, nearest
from server.workspace import DISK_CAP, GIB, PRECISIONS, Computing, Places

_MOST_GIB: Final = 2**32
MOST: Final = 2**63 - 1
"""The largest number that an option takes which counts something."""
DEVICES: Final = "auto|cpu|cuda[:N]"
_CARDS: Final = ("gpu", "nvidia", "cuda")
"""How people call what torch calls `cuda`."""


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are problems like any other, also for those who read JSON. Options are written in full, so
    that a parameter added to a workflow never changes what an old command line means. What reads a value may say what to do
    on a second line of its complaint."""

    def __init__(
        self, *, prog: str, description: str | None, epilog: str | None = None, usage: str | None = None
    ) -> None:
        """`usage` for those with so many options that a line of them all tells nobody anything."""
        super().__init__(prog=prog, description=description, epilog=epilog, usage=usage, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        _, unrecognised, words = message.partition("unrecognized arguments: ")
        if unrecognised:
            said, remedy = message, nearest(words.split("=")[0].split(" ")[0], self._option_string_actions)
        else:
            said, _, remedy = message.partition("\n")
        raise InputError([Problem("usage", said, hint=remedy or f"`{self.prog} --help` tells what it takes.")])


def one_of(*known: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text in known:
            return text
        raise argparse.ArgumentTypeError(f"invalid choice {text!r}\n{choose(text, known)}")

    return read


def choose(text: str, known: Sequence[str]) -> str:
    """What to do about a word that is none of the known: which is nearest, and which there are."""
    meant = nearest(text, known)
    return f"{f'{meant} ' if meant else ''}Choose {', '.join(known[:-1])} or {known[-1]}."


def add_places(parser: argparse.ArgumentParser) -> None:
    """Where models, pictures and results are."""
    group = parser.add_argument_group("places")
    group.add_argument("--output", type=Path, metavar="DIR", help="where files are saved (default: ./output)")
    group.add_argument(
        "--models", type=Path, metavar="DIR", help="folder with checkpoints/, loras/, ... (default: ./models)"
    )
    group.add_argument("--input", type=Path, metavar="DIR", help="folder with input pictures (default: ./input)")
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder of cached results (default: ~/.cache/latentgraph)"
    )
    group.add_argument(
        "--cache-size",
        type=_gibibytes,
        metavar="GIB",
        help=f"what cached results may take on the disk, the cheapest to compute going first (default: {DISK_CAP // GIB})",
    )


def add_user(parser: argparse.ArgumentParser) -> None:
    """Where the service keeps what is its own."""
    parser.add_argument(
        "--user", type=Path, metavar="DIR", help="where jobs and what clients keep lie (default: ./user)"
    )


def user_folder(options: argparse.Namespace) -> Path:
    """That folder; the environment variable LATENTGRAPH_USER stands in for the flag."""
    return options.user or _from_environment("USER") or Path("user")


def add_computing(parser: argparse.ArgumentParser) -> None:
    """What to compute on, and how precisely."""
    group = parser.add_argument_group("computing")
    group.add_argument(
        "--device",
        type=read_device,
        default="auto",
        metavar=DEVICES,
        help="device to compute on (default: auto)",
    )
    add_precision(group)


def add_precision(parser: argparse._ActionsContainer) -> None:
    """How precisely to compute, to a parser or a group of one."""
    parser.add_argument(
        "--precision",
        default="auto",
        type=one_of(*PRECISIONS),
        metavar="|".join(PRECISIONS),
        help="number format of the networks (default: auto, the fastest that is sound on the device)",
    )


def add_document(parser: argparse.ArgumentParser) -> None:
    """The workflow and changes to it."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="workflow (ours or ComfyUI's), or a picture that carries one"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="set any input of any node; may be repeated",
    )


def places(options: argparse.Namespace) -> Places:
    """The places of parsed options; environment variables LATENTGRAPH_{MODELS,INPUT,OUTPUT,CACHE} stand in for flags. Raises
    InputError for a folder to read from that somebody has named and that is none; the usual ones need not be there."""
    for name, given in (("models", options.models), ("input", options.input)):
        _expect_folder(given, f"--{name}")
        if given is None:
            _expect_folder(_from_environment(name.upper()), _variable(name.upper()))
    return places_as_given(options)


def places_as_given(options: argparse.Namespace) -> Places:
    """The same without a look at them: a worker that starts anew while a disk is away does not fail for it."""
    cache_bytes = DISK_CAP if options.cache_size is None else options.cache_size
    return Places(
        models=options.models or _from_environment("MODELS"),
        inputs=options.input or _from_environment("INPUT"),
        output=options.output or _from_environment("OUTPUT"),
        cache=options.cache or _from_environment("CACHE"),
        cache_bytes=cache_bytes,
    )


def computing(options: argparse.Namespace) -> Computing:
    return Computing(options.device, options.precision)


def read_device(text: str) -> str:
    """A device as it is asked for. Raises ArgumentTypeError."""
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        return text
    meant = "Did you mean 'cuda'? " if text.lower().startswith(_CARDS) else ""
    raise argparse.ArgumentTypeError(f"there is no device {text!r}\n{meant}Choose auto, cpu, cuda or cuda:N.")


def _expect_folder(path: Path | None, said_by: str) -> None:
    if path is None or os.path.isdir(path):
        return
    hint = f"Give a folder that is there, or leave {said_by} out."
    if os.path.lexists(path):
        raise InputError([Problem("not_a_folder", f"{said_by}: {path} is no folder", hint=hint)])
    raise InputError([Problem("folder_not_found", f"{said_by}: there is no folder {path}", hint=hint)])


def _gibibytes(text: str) -> int:
    """Bytes, from a number of GiB that need not be whole."""
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not 0 <= size < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of GiB, such as 20 or 0.5")
    return int(min(size, _MOST_GIB) * GIB)


def _from_environment(name: str) -> Path | None:
    value = os.environ.get(_variable(name))
    return Path(value) if value else None


def _variable(name: str) -> str:
    """The environment variable that stands in for a flag."""
    return f"LATENTGRAPH_{name}"
