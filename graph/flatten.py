"""From the document as written to the nodes that really exist: subgraphs, mute, bypass and reroutes resolved.

Inner nodes get colon paths (`instance:inner`), as ComfyUI names them. A muted node is gone. A bypassed node is gone too,
but each of its outputs becomes one of its inputs of the same type; an instance of a subgraph counts as one node in both. A
`Reroute` is a node that is always bypassed. What lost its source that way is listed in `lost` with the reason, for
`bind.py` to judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from graph.document import SUBGRAPH, Document, InputValue, Link, Node, Subgraph, json_path, links
from graph.errors import Problem, Suggestions, nearest
from graph.interface import MAX_DEPTH, find_input, find_output, input_names, output_names
from graph.ports import accepts
from graph.spec import Catalogue

REROUTE: Final = "Reroute"
MAX_NODES: Final = 200_000
MAX_LETTERS: Final = 2**26
MAX_WIDTH: Final = 500_000


@dataclass(frozen=True, slots=True)
class Lost:
    """Why an input lost its source; `code` for programs, `reason` for people."""

    code: Literal["muted", "bypassed", "unconnected"]
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an inner input's value is given, or should be: an input of an instance outside of the subgraph."""

    node: str
    input: str
    path: str


@dataclass(frozen=True, slots=True)
class FlatGraph:
    """`nodes` by flat id; `places` gives the JSON path of nodes that came out of a subgraph; `entries` gives, for inner
    inputs that are set from outside, the instance's input that sets them; `lost` gives, for inputs whose source was muted
    or bypassed away, the reason; `gone` the muted and bypassed nodes, with the word for it; `instances` the subgraph nodes
    themselves: a link that still leads to one is among the `problems`."""

    nodes: Mapping[str, Node]
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    entries: Mapping[tuple[str, str], Entry] = field(default_factory=dict)
    lost: Mapping[tuple[str, str], Lost] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    instances: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()

    def path(self, node: str, *more: str) -> str:
        """Where the node is in the user's file; of a file in another format, whose inputs are elsewhere, no `more`."""
        written = self.nodes.get(node)
        if written is not None and written.place is not None:
            return written.place
        return json_path(*self.places.get(node, ("nodes", node)), *more)


def flatten(document: Document, catalogue: Catalogue) -> FlatGraph:
    """Resolve structure. Never raises for a user's mistake: unknown and recursive subgraphs are `problems`."""
    plain = all(
        node.mode == "on" and node.type != REROUTE and not node.type.startswith(SUBGRAPH)
        for node in document.nodes.values()
    )
    if plain:
        return FlatGraph(document.nodes)
    if _is_too_large(document):
        message = (
            f"subgraphs expand to more than {MAX_NODES:,} nodes, to names of {MAX_LETTERS:,} letters, or to {MAX_WIDTH:,} "
            "inputs, outputs and parameters"
        )
        return FlatGraph({}, problems=(Problem("subgraph_too_large", message, path="$.subgraphs"),))
    expansion = _Expansion(document.subgraphs)
    expansion.expand(document.nodes)
    return _without_gone(expansion, catalogue)


def _is_too_large(document: Document) -> bool:
    """Whether there will be too much, counted before any of it is made: a few subgraphs inside each other make millions of
    nodes, and long names of theirs as much text. What `_refusal` says no to is not counted."""
    graphs = {name: (len(one.nodes), _instances(one.nodes)) for name, one in document.subgraphs.items()}
    widths = {name: _width(one) for name, one in document.subgraphs.items()}
    count = letters = width = 0
    pending: list[tuple[tuple[str, int], tuple[str, ...]]] = [(one, ()) for one in _instances(document.nodes)]
    while pending:
        (wanted, prefix), chain = pending.pop()
        if wanted not in graphs or wanted in chain or len(chain) == MAX_DEPTH:
            continue
        nodes, instances = graphs[wanted]
        count += nodes
        letters += nodes * prefix
        width += widths[wanted]
        if count > MAX_NODES or letters > MAX_LETTERS or width > MAX_WIDTH:
            return True
        pending += [((name, prefix + longer), (*chain, wanted)) for name, longer in instances]
    return False


def _width(subgraph: Subgraph) -> int:
    """How much is noted for each instance beside its nodes."""
    parameters = sum(1 + len(parameter.binds) for parameter in subgraph.parameters)
    return 1 + parameters + len(subgraph.outputs) + sum(len(node.inputs) for node in subgraph.nodes.values())


def _instances(nodes: Mapping[str, Node]) -> list[tuple[str, int]]:
    """The subgraphs wanted by nodes that will be laid out, each with the length of the prefix it gives."""
    return [
        (node.type.removeprefix(SUBGRAPH), len(name) + 1)
        for name, node in nodes.items()
        if node.mode == "on" and node.type.startswith(SUBGRAPH)
    ]


@dataclass(frozen=True, slots=True)
class _Scope:
    """One graph still to be laid out: the document's own, or a subgraph at an instance."""

    prefix: str
    nodes: Mapping[str, Node]
    place: tuple[str, ...]
    chain: tuple[str, ...] = ()


class _Expansion:
    """Lays subgraph instances out into flat nodes, iteratively."""

    def __init__(self, subgraphs: Mapping[str, Subgraph]) -> None:
        self.subgraphs = subgraphs
        self.nodes: dict[str, Node] = {}
        self.places: dict[str, tuple[str, ...]] = {}
        self.entries: dict[tuple[str, str], Entry] = {}
        self.outputs: dict[tuple[str, str], Link] = {}
        self.instances: dict[str, Subgraph | None] = {}
        self.problems: list[Problem] = []
        self._suggestions = Suggestions()

    def expand(self, nodes: Mapping[str, Node]) -> None:
        scopes = [_Scope("", nodes, ("nodes",))]
        while scopes:
            scope = scopes.pop()
            for name, node in scope.nodes.items():
                inner = self._place(scope, name, node)
                if inner is not None:
                    scopes.append(inner)

    def _place(self, scope: _Scope, name: str, node: Node) -> _Scope | None:
        flat = scope.prefix + name
        inputs = {key: _prefixed(value, scope.prefix) for key, value in node.inputs.items()}
        if not node.type.startswith(SUBGRAPH):
            if flat in self.nodes or flat in self.instances:
                self._clash(flat, json_path(*scope.place, name))
            self.nodes[flat] = replace(node, inputs=inputs)
            if scope.prefix:
                self.places[flat] = (*scope.place, name)
            return None
        return self._instance(scope, name, replace(node, inputs=inputs))

    def _clash(self, flat: str, path: str) -> None:
        message = f"two nodes are called {flat!r}: one in a subgraph, one outside"
        hint = "Rename one; a colon in a name stands for a subgraph."
        self.problems.append(Problem("name_clash", message, node=flat, path=path, hint=hint))

    def _instance(self, scope: _Scope, name: str, node: Node) -> _Scope | None:
        instance = scope.prefix + name
        if instance in self.nodes or instance in self.instances:
            self._clash(instance, json_path(*scope.place, name))
        if node.mode != "on":  # gone as one: what is inside never exists
            self.nodes[instance] = node
            return None
        wanted = node.type.removeprefix(SUBGRAPH)
        path = json_path(*scope.place, name, "type")
        subgraph = self.subgraphs.get(wanted)
        refusal = _refusal(wanted, subgraph, scope, self.subgraphs)
        self.instances[instance] = None if refusal else subgraph
        if refusal is not None:
            self.problems.append(replace(refusal, node=instance, path=path))
            return None
        assert subgraph is not None
        prefix = f"{scope.prefix}{name}:"
        place = ("subgraphs", wanted, "nodes")
        self._enter(subgraph, instance, node, (*scope.place, name))
        nodes = self._with_parameters(subgraph, node.inputs, instance, json_path(*scope.place, name, "inputs"))
        for output in subgraph.outputs:
            link = Link(prefix + output.source.node, output.source.output)
            self.outputs[instance, output.name] = link
        return _Scope(prefix, nodes, place, (*scope.chain, wanted))

    def _with_parameters(
        self, subgraph: Subgraph, given: Mapping[str, InputValue], instance: str, path: str
    ) -> Mapping[str, Node]:
        known = subgraph.parameters_by_name
        changes: dict[str, dict[str, InputValue]] = {}
        for name, value in given.items():
            parameter = known.get(name)
            if parameter is None:
                message = f"subgraph {subgraph.name!r} has no input {name!r}"
                hint = self._suggestions.nearest(name, known)
                problem = Problem("unknown_input", message, instance, name, path, hint, severity="warning")
                self.problems.append(problem)
                continue
            for inner, input_name in parameter.binds:
                if inner not in subgraph.nodes:
                    message = f"input {name!r} of subgraph {subgraph.name!r} goes to {inner!r}, which does not exist"
                    hint = self._suggestions.nearest(inner, subgraph.nodes)
                    problem = Problem("unknown_node", message, instance, name, path, hint, severity="warning")
                    self.problems.append(problem)
                    continue
                outer = _Absolute(value.node, value.output) if isinstance(value, Link) else value
                changes.setdefault(inner, {})[input_name] = outer
        changed = {
            inner: replace(subgraph.nodes[inner], inputs={**subgraph.nodes[inner].inputs, **inputs})
            for inner, inputs in changes.items()
        }
        return {**subgraph.nodes, **changed}

    def _enter(self, subgraph: Subgraph, instance: str, node: Node, place: tuple[str, ...]) -> None:
        """Note for which inner inputs this instance answers: those it is given, and those that nobody gives. One inside a
        subgraph that is itself set from outside passes the question on."""
        for parameter in subgraph.parameters:
            path = node.place or json_path(*place, "inputs", parameter.name)
            entry = self.entries.get((instance, parameter.name), Entry(instance, parameter.name, path))
            for inner, input_name in parameter.binds:
                target = subgraph.nodes.get(inner)
                if target is not None and (parameter.name in node.inputs or input_name not in target.inputs):
                    self.entries[f"{instance}:{inner}", input_name] = entry


def _refusal(
    wanted: str, subgraph: Subgraph | None, scope: _Scope, subgraphs: Mapping[str, Subgraph]
) -> Problem | None:
    """Why an instance cannot be laid out."""
    if subgraph is None:
        message = f"there is no subgraph {wanted!r} in this document"
        hint = nearest(wanted, subgraphs) or "Add it to `subgraphs`, or remove the node."
        return Problem("unknown_subgraph", message, hint=hint)
    if wanted in scope.chain:
        message = f"subgraph {wanted!r} contains itself ({' -> '.join([*scope.chain, wanted])})"
        return Problem("recursive_subgraph", message, hint="Remove it from one of them.")
    if len(scope.chain) == MAX_DEPTH:
        return Problem("subgraph_too_deep", f"subgraphs are nested deeper than {MAX_DEPTH} levels")
    return None


class _Absolute(Link):
    """A link that already carries flat names, so that entering a subgraph does not prefix it again."""

    __slots__ = ()


def _prefixed(value: InputValue, prefix: str) -> InputValue:
    if isinstance(value, _Absolute):
        return Link(value.node, value.output)
    return Link(prefix + value.node, value.output) if isinstance(value, Link) else value


def _without_gone(expansion: _Expansion, catalogue: Catalogue) -> FlatGraph:
    """Drop muted, bypassed and reroute nodes and lead every link to what it now comes from."""
    gone: dict[str, str] = {}
    for name, node in expansion.nodes.items():
        if node.mode == "mute":
            gone[name] = "muted"
        elif node.mode == "bypass" or node.type == REROUTE:
            gone[name] = "rerouted" if node.type == REROUTE and node.mode != "bypass" else "bypassed"
    nodes: dict[str, Node] = {}
    lost: dict[tuple[str, str], Lost] = {}
    sources = _Sources(expansion, gone, catalogue)
    for name, node in expansion.nodes.items():
        if name in gone:
            continue
        inputs: dict[str, InputValue] = {}
        for key, value in node.inputs.items():
            source = sources.behind(value) if isinstance(value, Link) else value
            if isinstance(source, Lost):
                lost[name, key] = source
            else:
                inputs[key] = source
        nodes[name] = replace(node, inputs=inputs, mode="on")
    problems = [*expansion.problems, *_unknown_outputs(nodes, expansion)]
    return FlatGraph(
        nodes, expansion.places, expansion.entries, lost, gone, frozenset(expansion.instances), tuple(problems)
    )


def _unknown_outputs(nodes: Mapping[str, Node], expansion: _Expansion) -> Iterator[Problem]:
    """Links that still lead to a subgraph name an output that it does not have."""
    suggestions = Suggestions()
    for name, key, link in links(nodes):
        subgraph = expansion.instances.get(link.node)
        if subgraph is not None:
            message = f"{link.node!r} ({SUBGRAPH}{subgraph.name}) has no output {link.output!r}"
            hint = suggestions.nearest(link.output, subgraph.outputs_by_name)
            path = json_path(*expansion.places.get(name, ("nodes", name)), "inputs", key)
            yield Problem("unknown_output", message, node=name, input=key, path=path, hint=hint)


class _Sources:
    """What links lead to once muted, bypassed and reroute nodes are gone. However many links lead through a chain of them,
    each of its outputs is followed once."""

    def __init__(self, expansion: _Expansion, gone: Mapping[str, str], catalogue: Catalogue) -> None:
        self._expansion, self._gone, self._catalogue = expansion, gone, catalogue
        self._found: dict[Link, InputValue | Lost] = {}
        self._types: dict[str, dict[str, str]] = {}

    def behind(self, link: Link) -> InputValue | Lost:
        passed: dict[Link, None] = {}
        current: InputValue | Lost = link
        while isinstance(current, Link):
            if current in self._found:
                current = self._found[current]
                break
            if current in passed:
                current = Lost("unconnected", f"`{current.node}` passes only itself through")
                break
            passed[current] = None
            following = self._following(current)
            if following is None:
                break
            current = following
        self._found |= dict.fromkeys(passed, current)
        return current

    def _following(self, link: Link) -> InputValue | Lost | None:
        """What stands in the place of an output; None for one that stays."""
        inner = self._expansion.outputs.get((link.node, link.output))
        if inner is not None:
            return inner
        word = self._gone.get(link.node)
        if word is None:
            return None
        if word == "muted":
            return Lost("muted", f"`{link.node}` is muted")
        passed = self._passed_through(link.node, link.output)
        if passed is not None:
            return passed
        if word == "rerouted":
            return Lost("unconnected", f"`{link.node}` leads nowhere")
        return Lost("bypassed", f"`{link.node}` is bypassed and has nothing to pass through")

    def _passed_through(self, name: str, output: str) -> InputValue | None:
        """What a bypassed node's output becomes: the input in the same position if its type is the same, else the first
        input of that type, else the first that fits. None when nothing given fits."""
        node, subgraphs = self._expansion.nodes[name], self._expansion.subgraphs
        if node.type == REROUTE:
            return next(iter(node.inputs.values()), None)
        port = find_output(node.type, output, subgraphs, self._catalogue)
        if port is None:
            return None
        names = input_names(node.type, subgraphs, self._catalogue)
        position = output_names(node.type, subgraphs, self._catalogue).index(output)
        types = self._types_of(name, node, names)
        same = (one for one, kind in types.items() if kind == port.type)
        opposite = (one for one in names[position : position + 1] if types.get(one) == port.type)
        fitting = (one for one, kind in types.items() if accepts(port.type, kind).ok)
        chosen = next(itertools.chain(opposite, same, fitting), None)
        return None if chosen is None else node.inputs[chosen]

    def _types_of(self, name: str, node: Node, names: list[str]) -> Mapping[str, str]:
        """The types of the inputs that the node is given, in the order of its declaration."""
        if name not in self._types:
            declared = {
                one: find_input(node.type, one, self._expansion.subgraphs, self._catalogue)
                for one in names
                if one in node.inputs
            }
            self._types[name] = {one: port.type for one, port in declared.items() if port is not None}
        return self._types[name]
