"""`latentgraph train FILE`: execute a workflow that trains, at the lowest priority, with a line of progress now and then.

Ctrl-C keeps a checkpoint, and every half minute or so one is kept against a kill: the same command goes on from there. With
`--sittings N` a workflow that has the parameters `checkpoint` and `sitting` runs until that has been done so many times,
each time from the checkpoint that it saved the time before. Started by torch's launcher in several processes (`torchrun
--nproc-per-node 2 -m server train FILE`), each computes an equal part of every batch, on a card of its own if there are any.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from graph.errors import InputError, Problem
from graph.events import RunFinished
from graph.spec import NodeSpec
from server.cli.prepare import named_file
from server.cli.progress import Log, Silent, Watcher, watcher
from server.cli.run import EXIT, assist, parser, perform
from server.cli.sittings import Sittings, expect_sittings
from server.options import add_places, places

GivenT = TypeVar("GivenT", int, str)

_LOWEST = 19
_TRAINING = ("training", "training/model")
"""Categories of the nodes that train together in several processes, and of what they alone need."""


def main(arguments: Sequence[str]) -> int:
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return _main(arguments, first=True, together=lambda: None)
    from nodes.training.ranks import all_here, joined, leave  # imports torch

    with joined() as share:
        return leave(_main(arguments, first=share.first, together=all_here))


def _main(arguments: Sequence[str], *, first: bool, together: Callable[[], None]) -> int:
    """`together` waits until all processes have come to it."""
    _step_back(arguments)
    perform_or_assist = _perform if first else _assist
    wanted = _number_of_sittings(arguments)
    if not wanted:
        together()
        return _told(perform_or_assist(arguments), first=first)
    expect_sittings(_workflow(arguments))
    given = _given(arguments, "--checkpoint", str)
    _sittings(arguments).expect_beginning(given)
    if first and (done := _sittings(arguments).done) >= wanted:
        print(f"{done} sittings are done already: --sittings {done + 1} would take one more", file=sys.stderr)
    while (sittings := _sittings(arguments)).done < wanted:
        together()
        finished = perform_or_assist([*arguments, *sittings.flags])
        if finished.status != "done":
            return _told(finished, first=first)
        if first:
            sittings.keep(finished, given)
        together()
    return EXIT["done"]


def _perform(arguments: Sequence[str]) -> RunFinished:
    return perform(_parser(), arguments, _watching)


def _assist(arguments: Sequence[str]) -> RunFinished:
    return assist(_parser(), arguments, _trains)


def _told(finished: RunFinished, *, first: bool) -> int:
    """The exit status of a run, and a word on how to go on."""
    if first and finished.status == "cancelled":
        print("stopped; the same command goes on from the last checkpoint", file=sys.stderr)
    return EXIT[finished.status]


def _step_back(arguments: Sequence[str]) -> None:
    """Let everything else on this machine go first, unless told otherwise."""
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    reader.add_argument("--full-priority", action="store_true")
    if not reader.parse_known_args(arguments)[0].full_priority:
        with contextlib.suppress(OSError, AttributeError):  # a system without priorities
            os.nice(_LOWEST)


def _given(arguments: Sequence[str], flag: str, kind: type[GivenT]) -> GivenT | None:
    """What a flag says, None where it is left out."""
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    reader.add_argument(flag, dest="given", type=kind)
    given: GivenT | None = reader.parse_known_args(arguments)[0].given
    return given


def _number_of_sittings(arguments: Sequence[str]) -> int:
    wanted = _given(arguments, "--sittings", int)
    if wanted is not None and wanted < 1:
        hint = "Give 1 or more, or leave it out to train once."
        raise InputError([Problem("usage", f"--sittings {wanted}: at least 1 is a number of sittings", hint=hint)])
    return int(wanted or 0)


def _sittings(arguments: Sequence[str]) -> Sittings:
    """How far they are, in the output folder that the arguments speak of."""
    reader = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_places(reader)
    output = places(reader.parse_known_args(arguments)[0]).output or Path("output")
    return Sittings.read(output, _workflow(arguments))


def _workflow(arguments: Sequence[str]) -> Path:
    """The file that sittings are of. Raises InputError."""
    workflow = named_file(_parser(), arguments)
    if workflow is None:
        hint = "Give the path of a file that is there."
        raise InputError([Problem("usage", "--sittings are of a workflow in a file", hint=hint)])
    return workflow


def _parser() -> argparse.ArgumentParser:
    made = parser("latentgraph train", __doc__)
    made.add_argument("--full-priority", action="store_true", help="compete with everything else on this machine")
    made.add_argument(
        "--sittings",
        type=int,
        default=0,
        metavar="N",
        help="train until so many sittings are done, each on from the last one's result",
    )
    return made


def _trains(spec: NodeSpec) -> bool:
    return spec.category in _TRAINING and not spec.effect


def _watching(options: argparse.Namespace) -> Watcher:
    """Called when the command line was understood and before anything is computed."""
    if options.quiet:
        return Silent()
    return watcher(sys.stderr, quiet=False) if sys.stderr.isatty() else Log(sys.stderr)
