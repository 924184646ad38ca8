"""From the document as written to the nodes that really exist: subgraphs, mute, bypass and reroutes resolved.

Inner nodes get colon paths (`instance:inner`), as ComfyUI names them. A muted node is gone. A bypassed node is gone too,
but each of its outputs becomes one of its inputs of the same type; an instance of a subgraph counts as one node in both. A
`Reroute` is a node that is always bypassed. What lost its source that way is listed in `lost` with the reason, for
`bind.py` to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from graph.document import SUBGRAPH, Document, InputValue, Link, Node, Subgraph, json_path, links
from graph.errors import Problem, nearest
from graph.interface import Subgraphs, find_input, find_output, input_names, output_names
from graph.ports import accepts
from graph.spec import Catalogue

REROUTE: Final = "Reroute"
MAX_NODES: Final = 200_000
MAX_DEPTH: Final = 100


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
    if _laid_out(document.nodes, document.subgraphs, {}, MAX_DEPTH) > MAX_NODES:
        message = f"subgraphs expand to more than {MAX_NODES:,} nodes"
        return FlatGraph({}, problems=(Problem("subgraph_too_large", message, path="$.subgraphs"),))
    expansion = _Expansion(document.subgraphs)
    expansion.expand(document.nodes)
    return _without_gone(expansion, catalogue)


def _laid_out(nodes: Mapping[str, Node], subgraphs: Mapping[str, Subgraph], sizes: dict[str, int], depth: int) -> int:
    """How many nodes there will be, counted before any is made: a few subgraphs inside each other make millions. One that
    contains itself counts as empty here, and is refused where it is laid out."""
    total = len(nodes)
    wanted = [node.type.removeprefix(SUBGRAPH) for node in nodes.values() if node.type.startswith(SUBGRAPH)]
    for name in wanted if depth else ():
        if name in subgraphs and name not in sizes:
            sizes[name] = 0
            sizes[name] = _laid_out(subgraphs[name].nodes, subgraphs, sizes, depth - 1)
        total += sizes.get(name, 0)
    return total


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
            if flat in self.nodes:
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
        nodes = dict(subgraph.nodes)
        known = {parameter.name: parameter for parameter in subgraph.parameters}
        for name, value in given.items():
            parameter = known.get(name)
            if parameter is None:
                message = f"subgraph {subgraph.name!r} has no input {name!r}"
                hint = nearest(name, known)
                problem = Problem("unknown_input", message, instance, name, path, hint, severity="warning")
                self.problems.append(problem)
                continue
            for inner, input_name in parameter.binds:
                if inner not in nodes:
                    message = f"input {name!r} of subgraph {subgraph.name!r} goes to {inner!r}, which does not exist"
                    hint = nearest(inner, nodes)
                    problem = Problem("unknown_node", message, instance, name, path, hint, severity="warning")
                    self.problems.append(problem)
                    continue
                old = nodes[inner]
                outer = _Absolute(value.node, value.output) if isinstance(value, Link) else value
                nodes[inner] = replace(old, inputs={**old.inputs, input_name: outer})
        return nodes

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
        return Problem("unknown_subgraph", message, hint=nearest(wanted, subgraphs))
    if wanted in scope.chain:
        return Problem(
            "recursive_subgraph", f"subgraph {wanted!r} contains itself ({' -> '.join([*scope.chain, wanted])})"
        )
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
    for name, node in expansion.nodes.items():
        if name in gone:
            continue
        inputs: dict[str, InputValue] = {}
        for key, value in node.inputs.items():
            source = _source(value, expansion, gone, catalogue) if isinstance(value, Link) else value
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
    for name, key, link in links(nodes):
        subgraph = expansion.instances.get(link.node)
        if subgraph is not None:
            message = f"{link.node!r} ({SUBGRAPH}{subgraph.name}) has no output {link.output!r}"
            hint = nearest(link.output, [output.name for output in subgraph.outputs])
            path = json_path(*expansion.places.get(name, ("nodes", name)), "inputs", key)
            yield Problem("unknown_output", message, node=name, input=key, path=path, hint=hint)


def _source(link: Link, expansion: _Expansion, gone: Mapping[str, str], catalogue: Catalogue) -> InputValue | Lost:
    seen: set[tuple[str, str]] = set()
    current = link
    while True:
        if (current.node, current.output) in seen:
            return Lost("unconnected", f"`{link.node}` passes only itself through")
        seen.add((current.node, current.output))
        inner = expansion.outputs.get((current.node, current.output))
        if inner is not None:
            current = inner
            continue
        if current.node not in gone:
            return current
        if gone[current.node] == "muted":
            return Lost("muted", f"`{current.node}` is muted")
        node = expansion.nodes[current.node]
        passed = _passed_through(node, current.output, expansion.subgraphs, catalogue)
        if passed is None and gone[current.node] == "rerouted":
            return Lost("unconnected", f"`{current.node}` leads nowhere")
        if passed is None:
            return Lost("bypassed", f"`{current.node}` is bypassed and has nothing to pass through")
        if not isinstance(passed, Link):
            return passed
        current = passed


def _passed_through(node: Node, output: str, subgraphs: Subgraphs, catalogue: Catalogue) -> InputValue | None:
    """What a bypassed node's output becomes: the input in the same position if its type is the same, else the first
    input of that type, else the first that fits. None when nothing given fits."""
    if node.type == REROUTE:
        return next(iter(node.inputs.values()), None)
    port = find_output(node.type, output, subgraphs, catalogue)
    if port is None:
        return None
    names = input_names(node.type, subgraphs, catalogue)
    position = output_names(node.type, subgraphs, catalogue).index(output)
    declared = {name: find_input(node.type, name, subgraphs, catalogue) for name in names}
    types = {name: one.type for name, one in declared.items() if one is not None and name in node.inputs}
    same = [name for name, kind in types.items() if kind == port.type]
    opposite = [name for name in names[position : position + 1] if name in same]
    fitting = [name for name, kind in types.items() if accepts(port.type, kind).ok]
    for candidate in (*opposite, *same, *fitting):
        return node.inputs[candidate]
    return None
