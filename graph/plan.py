"""What would run, and why: a pure function of the graph, the cache's index and the last run.

    plan(graph, view=cache, ...) -> Plan

Keys are computed once each, in dependency order. A node with a known result is `cached` whatever is above it; walking back
from the targets, only what a result is still missing for will `run`; the rest is `unneeded`. A node fed by a small value
that is not known yet `depends`: an equal value may turn out to be cached. Nothing is executed and nothing is loaded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from graph.bound import BoundGraph, BoundNode
from graph.cache.entry import Hit, View
from graph.document import Link
from graph.errors import InputError, Problem, errors_only, nearest
from graph.explain import NOTHING, OUTPUT_GONE, Reason, waits_for, why
from graph.files import Files
from graph.flatten import Lost
from graph.keys import Environment, Recipe, recipe, source_fingerprint
from graph.ports import by_content
from graph.record import record
from graph.result import Report
from graph.spec import FileChoice, Text, Widget

Status = Literal["cached", "run", "depends", "unneeded", "unavailable"]


@record
class Step:
    """One node of the plan. `recipe` is None while the key depends on values not known yet; `hit` is what the cache has."""

    status: Status
    reason: Reason
    recipe: Recipe | None = None
    hit: Hit | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps` in dependency order. `targets` are the nodes asked for."""

    graph: BoundGraph
    targets: tuple[str, ...]
    steps: Mapping[str, Step]
    environment: Environment = field(default_factory=Environment)

    def count(self, status: Status) -> int:
        return Counter(step.status for step in self.steps.values())[status]

    def having(self, status: Status) -> list[str]:
        return [name for name, step in self.steps.items() if step.status == status]


def plan(
    graph: BoundGraph,
    *,
    view: View,
    files: Files | None = None,
    targets: Sequence[str] | None = None,
    previous: Mapping[str, Recipe] | None = None,
    environment: Environment | None = None,
) -> Plan:
    """Plan the run of `targets` (all nodes with an effect, when not given).

    Raises InputError with the problems of every node that the targets need, for a cycle, and when nothing can run.
    """
    wanted = _targets(graph, targets)
    order = _dependency_order(graph, wanted)
    _refuse_faulty(graph, order)
    environment = environment or Environment()
    unavailable = _unavailable(graph, order)
    keyed = _Keyed(graph, view, files, environment)
    for name in order:
        if name not in unavailable:
            keyed.add(name)
    steps = _statuses(graph, order, wanted, keyed, previous or {}, unavailable)
    if all(target in unavailable for target in wanted):
        problems = [_lost_source(target, unavailable[target]) for target in wanted]
        raise InputError(problems)
    return Plan(graph, tuple(wanted), steps, environment)


def _targets(graph: BoundGraph, targets: Sequence[str] | None) -> list[str]:
    if targets is None:
        found = [name for name, node in graph.nodes.items() if node.spec.effect]
        if not found:
            _refuse_all(graph)
            hint = "Add a node that saves or shows something, such as SaveImage or PreviewImage."
            raise InputError([Problem("nothing_to_run", "the workflow has no node with an effect", hint=hint)])
        return found
    unknown = [name for name in targets if name not in graph.nodes]
    if unknown:
        known = {problem.node: problem for problem in graph.problems}
        raise InputError(
            [
                known.get(name)
                or Problem("unknown_node", f"there is no node {name!r} to run", hint=nearest(name, graph.nodes))
                for name in unknown
            ]
        )
    return list(dict.fromkeys(targets))


def _dependency_order(graph: BoundGraph, targets: Iterable[str]) -> list[str]:
    """Every node the targets need, sources first: an iterative depth-first walk, so depth costs no stack."""
    order: list[str] = []
    entered: set[str] = set()
    left: set[str] = set()
    for target in targets:
        stack: list[tuple[str, list[str]]] = [] if target in entered else [(target, _sources(graph, target))]
        entered.add(target)
        while stack:
            name, sources = stack[-1]
            if not sources:
                stack.pop()
                left.add(name)
                order.append(name)
                continue
            source = sources.pop()
            if source not in entered:
                entered.add(source)
                stack.append((source, _sources(graph, source)))
            elif source not in left:
                raise _cycle([one for one, _ in stack], source, graph)
    return order


def _sources(graph: BoundGraph, name: str) -> list[str]:
    links = graph.nodes[name].links
    return [link.node for link in reversed(links.values()) if link.node in graph.nodes] if links else []  # type: ignore[call-overload]


def _cycle(stack: list[str], again: str, graph: BoundGraph) -> InputError:
    loop = [*stack[stack.index(again) :], again]
    loop.reverse()
    shown = " -> ".join(f"{name} ({graph.nodes[name].spec.type})" for name in loop[:12])
    more = f" -> ... ({len(loop)} nodes)" if len(loop) > 12 else ""
    hint = "Remove one of these links; a loop is written as a node that expands."
    return InputError([Problem("cycle", f"the links form a cycle: {shown}{more}", node=again, hint=hint)])


def _refuse_faulty(graph: BoundGraph, order: list[str]) -> None:
    needed = set(order)
    links = (link.node for name in order for link in graph.nodes[name].links.values())
    needed.update(link for link in links if link not in graph.nodes)
    theirs = {problem for name in needed for problem in graph.faults.get(name, ())}
    problems = [one for one in errors_only(graph.problems) if one.node is None or one in theirs]
    if problems:
        raise InputError(problems)


def _refuse_all(graph: BoundGraph) -> None:
    problems = errors_only(graph.problems)
    if problems:
        raise InputError(problems)


def _unavailable(graph: BoundGraph, order: list[str]) -> dict[str, Lost]:
    """Nodes that need a muted node, and what needs those."""
    if not graph.unavailable:
        return {}
    reasons: dict[str, Lost] = {}
    for name in order:
        if name in graph.unavailable:
            reasons[name] = graph.unavailable[name]
            continue
        for link in graph.nodes[name].links.values():
            if link.node in reasons:
                reasons[name] = reasons[link.node]
                break
    return reasons


_LOST_HINTS: Final = {
    "muted": "Switch the muted node on, or mute this one too.",
    "bypassed": "Switch the bypassed node on, link another node in its place, or mute this one too.",
    "unconnected": "Link an output to it, or mute this one too.",
}


def _lost_source(target: str, lost: Lost) -> Problem:
    return Problem(lost.code, f"cannot run: {lost.reason}", node=target, hint=_LOST_HINTS[lost.code])


class _Keyed:
    """Recipes and hits, gathered in dependency order."""

    def __init__(self, graph: BoundGraph, view: View, files: Files | None, environment: Environment) -> None:
        self.graph, self.view, self.files, self.environment = graph, view, files, environment
        self.recipes: dict[str, Recipe] = {}
        self.hits: dict[str, Hit] = {}
        self.waiting: dict[str, list[str]] = {}
        self.stale: set[str] = set()

    def add(self, name: str) -> None:
        bound = self.graph.nodes[name]
        fingerprints: dict[str, str] = {}
        unknown: list[str] = []
        for port, link in bound.links.items():
            mark = self._fingerprint(bound, port, link)
            if mark is None:
                unknown.append(link.node)
            else:
                fingerprints[port] = mark
        if unknown:
            self.waiting[name] = unknown
            return
        made = recipe(bound, file_digests(name, bound, self.files), fingerprints, self.environment)
        self.recipes[name] = made
        hit = self.view.find(made.key)
        if hit is None:
            return
        if hit.report is not None and not still_there(hit.report, self.files):
            self.stale.add(name)
            return
        self.hits[name] = hit

    def _fingerprint(self, bound: BoundNode, port: str, link: Link) -> str | None:
        source = self.graph.nodes[link.node]
        made = self.recipes.get(link.node)
        if self.files is not None and port in bound.spec.file_inputs:
            return None  # which file it is will be known when the name is
        if not keyed_by_value(bound, port, source, link):
            return source_fingerprint(made.key, link.output, None) if made else None
        hit = self.hits.get(link.node)
        return source_fingerprint(made.key, link.output, hit.content.get(link.output)) if made and hit else None


def keyed_by_value(bound: BoundNode, port: str, source: BoundNode, link: Link) -> bool:
    """Whether this link contributes the value itself: small types, and never a lazy input, whose value may stay unknown."""
    return by_content(source.spec.outputs_by_name[link.output].type) and not bound.spec.inputs_by_name[port].lazy


def file_digests(
    name: str, bound: BoundNode, files: Files | None, linked: Mapping[str, Sequence[object]] | None = None
) -> dict[str, str]:
    """Content digests of the files a node names, in literals or (`linked`: the values by input) through links. Raises
    InputError for one that cannot be read."""
    if files is None or not bound.spec.file_inputs:
        return {}
    digests: dict[str, str] = {}
    for port in bound.spec.inputs:
        if port.name not in bound.spec.file_inputs:
            continue
        values = linked[port.name] if linked and port.name in linked else [bound.literals.get(port.name)]
        named = [path for value in values if isinstance(value, str) for path in _named(port.widget, value, files)]
        if named:
            digests[port.name] = ",".join(_digest(name, port.name, path, files) for path in named)
    return digests


def _named(widget: Widget | None, value: str, files: Files) -> Iterator[Path | None]:
    """The files that a field's value names, None for one that is not there."""
    match widget:
        case FileChoice():
            extra = widget.extra_name(value)
            if extra is None:
                yield files.find(widget.folder, value)
            else:
                yield from (files.find(extra.folder, name) for name in extra.files)
        case Text(mentions=str(folder), pattern=str(pattern), suffixes=suffixes):
            for match in re.finditer(pattern, value):
                name = match[1].replace("\\", "")  # escapes in a text; no name has a backslash
                found = (files.find(folder, name + suffix) for suffix in ("", *suffixes))
                yield next((path for path in found if path is not None), None)


def _digest(node: str, port: str, path: Path | None, files: Files) -> str:
    try:
        return files.digest(path) if path else "missing"
    except OSError as error:
        message = f"cannot read {path}: {error.strerror or error}"
        raise InputError([Problem("file_unreadable", message, node=node, input=port)]) from None


def still_there(report: Report, files: Files | None) -> bool:
    """Whether the files a node wrote are where they were, and as they were."""
    if files is None:
        return True
    for saved in report.files:
        path = files.find(saved.folder, saved.name)
        try:
            if path is None or not saved.is_at(path):
                return False
        except OSError:
            return False
    return True


def _statuses(
    graph: BoundGraph,
    order: list[str],
    targets: Iterable[str],
    keyed: _Keyed,
    previous: Mapping[str, Recipe],
    unavailable: Mapping[str, Lost],
) -> dict[str, Step]:
    needed = set(targets)
    perhaps: set[str] = set()
    steps: dict[str, Step] = {}
    for name in reversed(order):
        step = _step(name, keyed, previous, unavailable, needed, perhaps)
        steps[name] = step
        bound = graph.nodes[name]
        for port, link in bound.links.items():
            if step.status == "run" and not bound.spec.inputs_by_name[port].lazy:
                (needed if name in needed else perhaps).add(link.node)
            elif step.status == "depends" and name in needed and link.node in keyed.waiting[name]:
                needed.add(link.node)
            elif step.status in ("run", "depends"):
                perhaps.add(link.node)
    return {name: steps[name] for name in order}


def _step(
    name: str,
    keyed: _Keyed,
    previous: Mapping[str, Recipe],
    unavailable: Mapping[str, Lost],
    needed: set[str],
    perhaps: set[str],
) -> Step:
    if name in unavailable:
        return Step("unavailable", Reason("none", unavailable[name].reason))
    made, hit = keyed.recipes.get(name), keyed.hits.get(name)
    if hit is not None:
        return Step("cached", NOTHING, made, hit)
    if name not in needed and name not in perhaps:
        return Step("unneeded", Reason("none", "nothing that runs needs it"), made)
    if made is None:
        return Step("depends", waits_for(keyed.waiting[name]))
    reason = OUTPUT_GONE if name in keyed.stale else why(made, previous.get(name))
    return Step("run" if name in needed else "depends", reason, made)
