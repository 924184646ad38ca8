"""From a command line to the request it makes: what `run` and `plan` have in common. Imports no torch."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from graph.errors import InputError, Problem, errors_only
from graph.spec import Catalogue
from graph.validate import parameter_problems
from server.draws import draw, words_of
from server.parameters import add_flags, apply_flags, apply_settings, flags
from server.planning import Request
from server.source import read_source

WITH_FILE: Final = "With a FILE, the parameters of that workflow are listed here too."


def request(
    parser: argparse.ArgumentParser, arguments: Sequence[str], catalogue: Catalogue
) -> tuple[argparse.Namespace, Request]:
    """Parse a command line whose flags depend on the file it names. Raises InputError; exits on `--help`."""
    file = named_file(parser, arguments)
    if file is None and {"-h", "--help"} & set(arguments):
        parser.print_help()
        raise SystemExit(0)
    source = read_source(file or parser.parse_known_args(arguments)[0].file, catalogue)
    parameters = list(parameter_problems(source.document, catalogue))
    if errors_only(parameters):
        raise InputError([*source.problems, *errors_only(parameters)])
    found = flags(source.document, catalogue)
    add_flags(parser, found)
    parser.epilog = None if found else parser.epilog
    options = parser.parse_args(arguments)
    document = apply_flags(source.document, found, options)
    document, _ = draw(apply_settings(document, options.set, catalogue), catalogue, words_of(source))
    return options, Request(document, str(Path(options.file).absolute()), (*source.problems, *parameters))


def print_problems(problems: Sequence[Problem]) -> None:
    """On standard error, each once."""
    for problem in dict.fromkeys(problems):
        print(f"{problem.severity}: {problem}", file=sys.stderr)


def printable(text: str) -> str:
    """A name from somebody's file, without what would command a terminal."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def named_file(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> Path | None:
    """The workflow's file, before its flags are known: the first word that is a file, one behind an unknown flag (whose
    value it may be) only where there is no other."""
    known = {option: action.nargs for action in parser._actions for option in action.option_strings}  # noqa: SLF001 - no public list
    certain: list[Path] = []
    perhaps: list[Path] = []
    for before, word in zip(["", *arguments], arguments, strict=False):
        takes_it = known.get(before, 0) != 0
        if word.startswith("-") or takes_it or not os.path.isfile(word):
            continue
        unknown = before.startswith("--") and "=" not in before and before not in known
        (perhaps if unknown else certain).append(Path(word))
    return next(iter([*certain, *perhaps]), None)
