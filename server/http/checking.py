"""From what a client sent to what a worker can run: read, set parameters, check, and say every fault with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graph.bind import bind
from graph.bound import BoundGraph
from graph.cache.entry import Empty
from graph.comfyui.imported import Imported
from graph.comfyui.read import import_known
from graph.document import Document, json_path, with_inputs
from graph.errors import InputError, Problem, errors_only, nearest
from graph.flatten import flatten
from graph.json import Json, JsonObject
from graph.plan import plan
from graph.spec import NodeSpec
from nodes.folders import Folders
from server.draws import Draws, draw, words_of
from server.http.costs import too_many_pixels
from server.http.service import Bounds
from server.jobs.request import JobRequest
from server.parameters import flags


@dataclass(frozen=True, slots=True)
class Checked:
    """A document and its nodes, with every problem found."""

    document: Document
    graph: BoundGraph
    problems: tuple[Problem, ...]

    @property
    def outputs(self) -> list[str]:
        """The nodes with an effect."""
        return [name for name, node in self.graph.nodes.items() if node.spec.effect]

    @property
    def others(self) -> list[Problem]:
        """Errors beside those of the graph: of the reading of the file, and of what is taken here."""
        of_graph = set(self.graph.problems)
        return [one for one in errors_only(self.problems) if one not in of_graph]

    @property
    def faults(self) -> Mapping[str, Sequence[Problem]]:
        """The errors that forbid a node to run; those of the file first, which tend to be why the others are there."""
        faults: dict[str, list[Problem]] = {}
        for one in self.others:
            if one.node is not None:
                faults.setdefault(one.node, []).append(one)
        for name, found in self.graph.faults.items():
            faults.setdefault(name, []).extend(found)
        return faults


@dataclass(frozen=True, slots=True)
class Requested:
    """A request that can run, warnings, and what was drawn for it."""

    request: JobRequest
    warnings: tuple[Problem, ...]
    draws: Draws


def read(data: Json, catalogue: Mapping[str, NodeSpec], bounds: Bounds) -> Imported:
    """A workflow of any form. Raises InputError, also for one that is too large."""
    if isinstance(data, dict):
        nodes = data.get("nodes")
        _refuse_many(len(nodes) if isinstance(nodes, dict | list) else len(data), bounds)
    return import_known(data, catalogue)


def check(
    document: Document, imported: Sequence[Problem], catalogue: Mapping[str, NodeSpec], files: Folders, bounds: Bounds
) -> Checked:
    """Bind every node; faults are in `problems`. Raises InputError for a document that is too large."""
    flat = flatten(document, catalogue)
    _refuse_many(len(flat.nodes), bounds)
    graph = bind(flat, catalogue, files)
    costly = too_many_pixels(flat, graph, bounds)
    return Checked(document, graph, tuple(dict.fromkeys([*imported, *graph.problems, *costly])))


def runnable(checked: Checked, targets: Sequence[str] | None) -> tuple[str, ...]:
    """The targets, when all of them can run. Raises InputError with every problem of what they need."""
    faults = checked.others
    if targets is not None:
        needed = set(upstream(checked.graph, targets))
        faults = [one for one in faults if one.node is None or one.node in needed]
    try:
        found = plan(checked.graph, view=Empty(), targets=targets).targets
    except InputError as error:
        raise InputError([*faults, *error.problems]) from None
    if faults:
        raise InputError(faults)
    return found


def with_parameters(document: Document, given: JsonObject, catalogue: Mapping[str, NodeSpec]) -> Document:
    """The document with its parameters set. Raises InputError for names it does not have."""
    known = {flag.parameter.name: flag for flag in flags(document, catalogue)}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError([_unknown_parameter(name, known) for name in unknown])
    changes: dict[tuple[str, str], Json] = {}
    for name, value in given.items():
        changes |= {bind: value for bind in known[name].parameter.binds if bind[0] in document.nodes}
    return with_inputs(document, changes)


def upstream(graph: BoundGraph, targets: Iterable[str]) -> Iterator[str]:
    """The targets and everything they need, names of missing nodes included; each once."""
    seen = set(targets)
    pending = list(seen)
    while pending:
        name = pending.pop()
        yield name
        node = graph.nodes.get(name)
        for link in node.links.values() if node else ():
            if link.node not in seen:
                seen.add(link.node)
                pending.append(link.node)


def requested(
    data: Json,
    parameters: JsonObject,
    targets: Sequence[str] | None,
    scope: str,
    catalogue: Mapping[str, NodeSpec],
    files: Folders,
    bounds: Bounds,
) -> Requested:
    """A request of our API, and what to tell of it. Raises InputError with every problem."""
    imported = read(data, catalogue, bounds)
    document = with_parameters(imported.document, parameters, catalogue) if parameters else imported.document
    document, draws = draw(document, catalogue, words_of(imported))
    try:
        checked = check(document, imported.problems, catalogue, files, bounds)
        chosen = runnable(checked, targets)
    except InputError as error:
        raise InputError(_at_parameters(error.problems, document, parameters)) from None
    return Requested(JobRequest(document, chosen, scope=scope or document.name), checked.problems, draws)


def _at_parameters(problems: Iterable[Problem], document: Document, given: JsonObject) -> list[Problem]:
    """The problems, those of an input that the client set by a parameter where it did: the file is not what it sent."""
    setters = {
        json_path("nodes", node, "inputs", port): json_path("parameters", one.name)
        for one in document.parameters
        if one.name in given
        for node, port in one.binds
    }
    return [replace(one, path=setters.get(one.path or "", one.path)) for one in problems]


def _refuse_many(nodes: int, bounds: Bounds) -> None:
    if nodes > bounds.nodes:
        message = f"the workflow has {nodes:,} nodes; at most {bounds.nodes:,} are taken here"
        raise InputError([Problem("too_many_nodes", message, hint="`serve --max-nodes` takes more.")])


def _unknown_parameter(name: str, known: Mapping[str, object]) -> Problem:
    hint = nearest(name, known) or f"It has {', '.join(known) or 'none'}."
    return Problem(
        "unknown_parameter", f"the workflow has no parameter {name!r}", path=json_path("parameters", name), hint=hint
    )
