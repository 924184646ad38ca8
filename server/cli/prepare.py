"""From a file and flags to a plan: what `run` and `plan` have in common. Imports no torch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graph.bind import bind
from graph.cache.entry import View
from graph.document import Document
from graph.errors import Problem
from graph.flatten import flatten
from graph.keys import Recipe
from graph.plan import Plan, plan
from graph.spec import Catalogue
from server.cli.parameters import add_flags, apply_flags, apply_settings, flags
from server.cli.source import read_source
from server.workspace import Computing, Workspace


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
    source = read_source(_file(parser, arguments), catalogue)
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


def _file(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> Path:
    """The workflow's file, before its flags are known: the first word that is a file, else what stands in its place."""
    words = [one for one in arguments if one not in ("-h", "--help")]
    files = (Path(one) for one in words if not one.startswith("-") and Path(one).is_file())
    found: Path = next(files, None) or parser.parse_known_args(words)[0].file
    return found
