"""From a file and flags to a plan: what `run` and `plan` have in common. Imports no torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graph.bind import bind
from graph.cache.entry import View
from graph.document import Document
from graph.errors import InputError, Problem, errors_only
from graph.flatten import flatten
from graph.keys import Recipe
from graph.plan import Plan, plan
from graph.spec import Catalogue
from graph.validate import parameter_problems
from server.cli.parameters import add_flags, apply_flags, apply_settings, flags
from server.cli.source import read_source
from server.workspace import Computing, Workspace

WITH_FILE: Final = "With a FILE, the parameters of that workflow are listed here too."


@dataclass(frozen=True, slots=True)
class Request:
    """A document with its flags applied, and warnings from reading it. `scope` names the workflow across runs."""

    document: Document
    scope: str
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and what it was made against."""

    plan: Plan
    previous: Mapping[str, Recipe]
    problems: tuple[Problem, ...]


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


def prepare(request: Request, catalogue: Catalogue, workspace: Workspace, view: View, computing: Computing) -> Prepared:
    """Flatten, bind and plan. Raises InputError with every problem."""
    graph = bind(flatten(request.document, catalogue), catalogue, workspace.folders)
    previous = workspace.history.load(request.scope)
    made = plan(
        graph,
        view=view,
        files=workspace.folders,
        previous=previous,
        environment=workspace.environment(computing),
    )
    return Prepared(made, previous, graph.problems)


def print_problems(problems: Sequence[Problem]) -> None:
    """On standard error, each once."""
    for problem in dict.fromkeys(problems):
        print(f"{problem.severity}: {problem}", file=sys.stderr)


def _file(arguments: Sequence[str]) -> Path | None:
    """The workflow's file, before its flags are known: the first word that is a file."""
    files = (Path(one) for one in arguments if not one.startswith("-") and Path(one).is_file())
    return next(files, None)
