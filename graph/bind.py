"""Flat nodes against their specs: every literal checked and normalised, every link typed, every problem reported.

The result is a `BoundGraph`, in which each node has its spec, its literals (defaults filled in, numbers in one form) and
its links. All problems are found, each with node, input, JSON path, stable code and a suggestion.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Final, cast

from graph.bound import BoundGraph, BoundNode
from graph.comfyui.families import other_family
from graph.declare import Check
from graph.document import Link, Node
from graph.errors import Problem, Severity, Suggestions, errors_only
from graph.files import Files
from graph.flatten import FlatGraph, Lost
from graph.json import Json
from graph.ports import ANY, accepts
from graph.quotes import Unquoted, fill_quotes
from graph.spec import Catalogue, Choice, FileChoice, Input, Missing, NodeSpec, Number, Text, Toggle, Widget


def bind(
    flat: FlatGraph,
    catalogue: Catalogue,
    files: Files | None = None,
    checks: Mapping[str, Check] | None = None,
    only: frozenset[str] | None = None,
) -> BoundGraph:
    """Check every node. `files` resolves file names (None skips that); `checks` are the nodes' own validations
    by type; `only` limits the checking to some nodes, the others being there to be linked to."""
    nodes: dict[str, BoundNode] = {}
    problems: list[Problem] = list(flat.problems)
    suggestions = Suggestions()
    unavailable: dict[str, Lost] = {}
    quoting: list[str] = []
    faults: dict[str, list[Problem]] = {}
    for problem in errors_only(problems):
        if problem.node is not None:
            faults.setdefault(problem.node, []).append(problem)
    for name, node in flat.nodes.items():
        if only is not None and name not in only:
            continue
        spec = catalogue.get(node.type)
        if spec is None:
            unknown = _unknown_type(name, node, flat, catalogue, suggestions)
            problems.append(unknown)
            faults.setdefault(name, []).append(unknown)
            continue
        binding = _Binding(name, node, spec, flat, catalogue, files, suggestions)
        bound = binding.bound()
        check = checks.get(node.type) if checks else None
        if check is not None and not errors_only(binding.problems):
            binding.own_check(check, bound)
        if binding.problems:
            problems += binding.problems
            wrong = errors_only(binding.problems)
            if wrong:
                faults.setdefault(name, []).extend(wrong)
        if binding.missing_source:
            unavailable[name] = binding.missing_source
        nodes[name] = bound
        if spec.quoting_inputs:
            quoting.append(name)
    problems += [_unquoted(one, flat) for one in fill_quotes(nodes, quoting, suggestions)]
    return BoundGraph(nodes, tuple(problems), unavailable, faults, flat.gone)


class _Binding:
    """One node being checked: collects its problems while its literals and links are sorted out."""

    __slots__ = ("catalogue", "files", "flat", "missing_source", "name", "node", "problems", "spec", "suggestions")

    def __init__(
        self,
        name: str,
        node: Node,
        spec: NodeSpec,
        flat: FlatGraph,
        catalogue: Catalogue,
        files: Files | None,
        suggestions: Suggestions,
    ) -> None:
        self.name, self.node, self.spec = name, node, spec
        self.flat, self.catalogue, self.files, self.suggestions = flat, catalogue, files, suggestions
        self.problems: list[Problem] = []
        self.missing_source: Lost | None = None

    def bound(self) -> BoundNode:
        literals: dict[str, Json] = {}
        links: dict[str, Link] = {}
        for given, value in self.node.inputs.items():
            port = self.spec.inputs_by_name.get(given) or self.spec.input(given)
            if port is None:
                hint = self.suggestions.nearest(given, self.spec.inputs_by_name)
                self._problem("unknown_input", f"{self.spec.type} has no input {given!r}", given, hint, warn=True)
            elif isinstance(value, Link):
                links[port.name] = value
                self._check_link(port, value)
            else:
                literals[port.name] = self._literal(port, value)
        for port in self.spec.inputs:
            if port.name not in literals and port.name not in links:
                self._absent(port, literals)
        return BoundNode(self.spec, literals, links, self.node.title)

    def own_check(self, check: Check, bound: BoundNode) -> None:
        known = {port.name: bound.literals.get(port.name) for port in self.spec.inputs}
        try:
            complaint = check(**known)
        except Exception as error:  # noqa: BLE001 - the node boundary
            complaint = f"its own check failed: {type(error).__name__}: {error}"
        if complaint:
            self._problem("check_failed", complaint, None)

    def _absent(self, port: Input, literals: dict[str, Json]) -> None:
        lost = self.flat.lost.get((self.name, port.name)) if self.flat.lost else None
        if lost is not None and not port.optional:
            self.missing_source = lost
            return
        if not isinstance(port.default, Missing):
            literals[port.name] = port.default
            return
        if port.optional:
            return
        if isinstance(port.widget, Choice) and port.widget.options:
            literals[port.name] = port.widget.options[0]
            return
        hint = f"Link {_article(port.type)} output to it." if port.widget is None else "Give it a value or link it."
        self._problem("missing_input", f"required input {port.name!r} is not given", port.name, hint)

    def _check_link(self, port: Input, link: Link) -> None:
        source = self.flat.nodes.get(link.node)
        if link.node in self.flat.instances:
            return  # reported by `flatten`
        if source is None:
            hint = self.suggestions.nearest(link.node, self.flat.nodes) or f"Link {_article(port.type)} output to it."
            self._problem("unknown_node", f"linked to node {link.node!r}, which does not exist", port.name, hint)
            return
        spec = self.catalogue.get(source.type)
        if spec is None:
            return  # reported at the source
        output = spec.outputs_by_name.get(link.output)
        if output is None:
            known = spec.outputs_by_name
            hint = self.suggestions.nearest(link.output, known) or f"It has {', '.join(known) or 'none'}."
            message = f"{link.node!r} ({spec.type}) has no output {link.output!r}"
            self._problem("unknown_output", message, port.name, hint)
            return
        verdict = accepts(port.type, output.type)
        if not verdict.ok:
            fitting = [one.name for one in spec.outputs if accepts(port.type, one.type).ok]
            hint = f"Its output {fitting[0]!r} fits." if fitting else f"Link {_article(port.type)} output to it."
            self._problem("type_mismatch", f"{link.node}.{link.output}: {verdict.reason}", port.name, hint)

    def _literal(self, port: Input, value: Json) -> Json:
        if port.widget is None:
            return self._plain(port, value)
        for code, message, hint in _faults(port.widget, value, self.files, self.suggestions):
            self._problem(code, message, port.name, hint)
            return value
        if isinstance(port.widget, Number):
            return float(cast("float", value)) if port.widget.kind == "FLOAT" else int(cast("int", value))
        return value

    def _plain(self, port: Input, value: Json) -> Json:
        """A literal at an input without a field: right only where the socket takes such values anyway."""
        fits = port.type == ANY or any(
            isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
            for name, kind in _PLAIN.items()
            if name in port.type.split(",")
        )
        if not fits:
            hint = f"Link {_article(port.type)} output to it."
            self._problem(
                "link_expected", f"{port.name!r} takes a link, not the value {_short(value)}", port.name, hint
            )
        return value

    def _problem(
        self, code: str, message: str, port: str | None, hint: str | None = None, *, warn: bool = False
    ) -> None:
        severity: Severity = "warning" if warn else "error"
        entry = self.flat.entries.get((self.name, port)) if port else None
        if entry is not None:
            message = f"{message} (of `{self.name}`, which it sets)"
            problem = Problem(code, message, entry.node, entry.input, entry.path, hint, severity)
        else:
            path = self.flat.path(self.name, *(("inputs", port) if port else ()))
            problem = Problem(code, message, self.name, port, path, hint, severity)
        self.problems.append(problem)


_PLAIN: Mapping[str, type | tuple[type, ...]] = {"INT": int, "FLOAT": (int, float), "STRING": str, "BOOLEAN": bool}

Fault = tuple[str, str, "str | None"]


def _faults(widget: Widget, value: Json, files: Files | None, suggestions: Suggestions) -> Iterator[Fault]:
    """What is wrong with `value` in this field, most telling first."""
    match widget:
        case Number():
            yield from _number_faults(widget, value)
        case Text():
            if not isinstance(value, str):
                yield "wrong_type", f"expects a text, not {_short(value)}", "Write it in double quotes."
        case Toggle():
            if not isinstance(value, bool):
                yield (
                    "wrong_type",
                    f"expects true or false, not {_short(value)}",
                    "Write true or false, without quotes.",
                )
        case Choice():
            if not isinstance(value, str) or value not in widget.options:
                meant = suggestions.nearest(value, widget.options) if isinstance(value, str) else None
                hint = meant or _some(widget.options)
                yield "not_a_choice", f"{_short(value)} is not one of its choices", hint
        case FileChoice():
            yield from _file_faults(widget, value, files, suggestions)


def _number_faults(widget: Number, value: Json) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        word = "a whole number" if widget.kind == "INT" else "a number"
        drawn = ', or "random" for another at every run' if widget.seed else ""
        yield "wrong_type", f"expects {word}, not {_short(value)}", f"Give it {widget.takes}{drawn}."
        return
    if isinstance(value, float) and not math.isfinite(value):
        yield "wrong_type", f"expects a finite number, not {value}", f"Give it {widget.takes}."
        return
    if widget.kind == "INT" and value != int(value):
        yield "wrong_type", f"expects a whole number, not {value}", f"Try {round(value)}."
    if widget.minimum is not None and value < widget.minimum:
        yield "too_small", f"{_short(value)} is below the minimum {widget.minimum}", f"Use {widget.minimum} or more."
    if widget.maximum is not None and value > widget.maximum:
        yield "too_big", f"{_short(value)} is above the maximum {widget.maximum}", f"Use {widget.maximum} or less."
    if widget.kind == "FLOAT" and abs(value) > sys.float_info.max:
        yield "wrong_type", f"{_short(value)} is larger than any FLOAT", "Use a smaller number."


_FILE_NAME: Final = "Write its name in double quotes, relative to that folder."


def _file_faults(widget: FileChoice, value: Json, files: Files | None, suggestions: Suggestions) -> Iterator[Fault]:
    if not isinstance(value, str) or not value:
        yield "wrong_type", f"expects the name of a file in {widget.folder!r}, not {_short(value)}", _FILE_NAME
    elif files is not None and value not in widget.extra_names and files.find(widget.folder, value) is None:
        folder, name = files.meant(widget.folder, value)
        annotation = value.removeprefix(name) if value.startswith(name) else ""
        message = f"there is no file {name!r} in {folder!r}"
        if suggestions.spent:  # to look into the folder costs, too
            yield "file_not_found", message, None
            return
        names = [one + annotation for one in files.names(folder)]
        names += widget.extra_names
        hint = suggestions.nearest_file(value, names) or (_some(names) if names else f"The folder {folder!r} is empty.")
        yield "file_not_found", message, hint


ALIKE_TYPES: Final = 0.8
"""How much of two node types must be the same for a slip of the pen: many end in the same words."""

FOREIGN: Final = "It is not part of latentgraph; install the plugin that provides it, or remove the node."


def _unknown_type(name: str, node: Node, flat: FlatGraph, catalogue: Catalogue, suggestions: Suggestions) -> Problem:
    family = other_family(node.type)
    hint = suggestions.nearest(node.type, catalogue, ALIKE_TYPES) or FOREIGN
    if family is not None:
        hint = f"It is for {family} models. latentgraph runs Stable Diffusion 1.x, 2.x and XL."
    path = flat.path(name, "type")
    return Problem("unknown_type", f"unknown node type {node.type!r}", node=name, path=path, hint=hint)


def _unquoted(one: Unquoted, flat: FlatGraph) -> Problem:
    path = flat.path(one.node, "inputs", one.input)
    message = f"{one.message}; it stays in the text as it is"
    return Problem("unknown_quote", message, one.node, one.input, path, one.hint, severity="warning")


def _some(names: tuple[str, ...] | list[str], most: int = 8) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return f"Choose {', '.join(names[:most])}{more}."


_WRITTEN: Final = {"None": "null", "True": "true", "False": "false"}


def _short(value: Json) -> str:
    text = _WRITTEN.get(repr(value)) or repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'AEIOU' else 'a'} {kind.replace(',', ' or ')}"
