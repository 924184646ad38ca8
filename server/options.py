"""The options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Final, NoReturn

from graph.errors import InputError, Problem, nearest
from server.workspace import DISK_CAP, GIB, PRECISIONS, Computing, Places

_MOST_GIB: Final = 2**32


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are problems like any other, also for those who read JSON. Options are written in full, so
    that a parameter added to a workflow never changes what an old command line means."""

    def __init__(self, *, prog: str, description: str | None, epilog: str | None = None) -> None:
        super().__init__(prog=prog, description=description, epilog=epilog, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        _, unrecognised, words = message.partition("unrecognized arguments: ")
        hint = nearest(words.split("=")[0].split(" ")[0], self._option_string_actions) if unrecognised else None
        raise InputError([Problem("usage", message, hint=hint or self.format_usage().strip())])


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
        type=_device,
        default="auto",
        metavar="auto|cpu|cuda[:N]",
        help="device to compute on (default: auto)",
    )
    group.add_argument(
        "--precision",
        default="auto",
        choices=PRECISIONS,
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
    """The places of parsed options; environment variables LATENTGRAPH_{MODELS,INPUT,OUTPUT,CACHE} stand in for flags."""
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


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"there is no device {text!r}: auto, cpu, cuda or cuda:N")
    return text


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
    value = os.environ.get(f"LATENTGRAPH_{name}")
    return Path(value) if value else None
