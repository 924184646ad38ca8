"""From a command line to the request it makes: what `run` and `plan` have in common. Imports no torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from graph.errors import InputError, Problem, errors_only
from graph.spec import Catalogue
from graph.validate import parameter_problems
from server.parameters import add_flags, apply_flags, apply_settings, flags
from server.planning import Request
from server.source import read_source

WITH_FILE: Final = "With a FILE, the parameters of that workflow are listed here too."


def request(
    parser: argparse.ArgumentParser, arguments: Sequence[str], catalogue: Catalogue
) -> tuple[argparse.Namespace, Request]:
    """Parse a command line whose flags depend on the file it names. Raises InputError; exits on `--help`."""
    file = _file(arguments)
    if file is None and {"-h", "--help"} & set(arguments):
        parser.print_help()
        raise SystemExit(0)
    source = read_source(file or parser.parse_known_args(arguments)[0].file, catalogue)
    wrong = errors_only(parameter_problems(source.document, catalogue))
    if wrong:
        raise InputError(wrong)
    found = flags(source.document, catalogue)
    add_flags(parser, found)
    options = parser.parse_args(arguments)
    document = apply_flags(source.document, found, options)
    document = apply_settings(document, options.set, catalogue)
    return options, Request(document, str(Path(options.file).absolute()), source.problems)


def print_problems(problems: Sequence[Problem]) -> None:
    """On standard error, each once."""
    for problem in dict.fromkeys(problems):
        print(f"{problem.severity}: {problem}", file=sys.stderr)


def _file(arguments: Sequence[str]) -> Path | None:
    """The workflow's file, before its flags are known: the first word that is a file."""
    files = (Path(one) for one in arguments if not one.startswith("-") and Path(one).is_file())
    return next(files, None)
