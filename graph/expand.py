"""Expansion: the graph a node returned becomes tasks of the run it is part of.

Inner nodes are named `ROOT.N.NAME`, where ROOT is the node of the document and N counts its expansions, so a loop of a
million rounds has short names. An `Outer` input is the expanding node's own link or literal; where that node was called
once for each item of a list, it is the item of that call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from graph.bind import bind
from graph.bound import BoundNode
from graph.cache.entry import Entry
from graph.call import Returned, collect
from graph.document import InputValue, Link, Node
from graph.errors import GraphError, InputError, errors_only, nearest
from graph.files import Files
from graph.flatten import FlatGraph
from graph.json import canonical
from graph.keys import Recipe
from graph.ports import accepts
from graph.result import Expansion, ExpansionNode, Inner, Outer
from graph.spec import Catalogue, NodeSpec, Output
from graph.task import Part, Task


@dataclass(slots=True)
class Expanded:
    """The new tasks, and for each call the part of the node's outputs that comes of it."""

    tasks: dict[str, Task] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)


def expand(task: Task, tasks: Mapping[str, Task], catalogue: Catalogue, files: Files | None) -> Expanded:
    """Lay out every expansion among the results of `task`. Raises InputError for inner nodes that do not bind and
    GraphError for anything else that makes it no graph."""
    expanded = Expanded()
    for index, one in enumerate(task.returned):
        if one.expansion is None:
            expanded.parts.append(one)
            continue
        serial = len(tasks) + len(expanded.tasks)
        layout = _Layout(task, one.expansion, serial, index if len(task.returned) > 1 else None, tasks)
        for name, node in layout.bind(catalogue, files).items():
            expanded.tasks[name] = Task(name, task.display, node, None)
        expanded.parts.append(layout.outputs(expanded.tasks))
        expanded.tasks |= layout.items
    return expanded


def handed_on(task: Task) -> list[str]:
    """The lazy inputs that the expansions of a node called for each item of a list hand on: their items must be known."""
    if len(task.returned) == 1:
        return []
    spec, links = task.bound.spec, task.bound.links
    values = [
        value
        for one in task.returned
        if one.expansion is not None
        for values in (*(node.inputs.values() for node in one.expansion.nodes.values()), one.expansion.outputs.values())
        for value in values
    ]
    names = {value.name for value in values if isinstance(value, Outer)}
    return [name for name in sorted(names) if name in links and spec.inputs_by_name[name].lazy]


def splice(parts: Sequence[Part], tasks: Mapping[str, Task], spec: NodeSpec) -> dict[str, tuple[object, ...]]:
    """The outputs of an expanded node, once everything its parts link to has a value."""
    outputs: dict[str, tuple[object, ...]] = {port.name: () for port in spec.outputs}
    for part in parts:
        if isinstance(part, Returned):
            for name, items in collect(spec, [part]).items():
                outputs[name] += items
            continue
        for port, source in zip(spec.outputs, part, strict=True):
            outputs[port.name] += _items(tasks, source) if isinstance(source, Link) else (source,)
    return outputs


def links_of(parts: Sequence[Part]) -> list[Link]:
    """Where the outputs of an expanded node come from."""
    return [source for part in parts if not isinstance(part, Returned) for source in part if isinstance(source, Link)]


def _items(tasks: Mapping[str, Task], link: Link) -> tuple[object, ...]:
    entry = tasks[link.node].entry
    assert entry is not None
    return entry.outputs[link.output]


class _Layout:
    """One expansion on its way to tasks. `index` is the call it came from, where there were several."""

    def __init__(
        self, task: Task, expansion: Expansion, serial: int, index: int | None, tasks: Mapping[str, Task]
    ) -> None:
        self.task, self.expansion, self.index, self.tasks = task, expansion, index, tasks
        self.items: dict[str, Task] = {}
        while any(
            self._name(serial, name) in tasks for name in expansion.nodes
        ):  # a document may use such names itself
            serial += 1
        self.serial = serial

    def bind(self, catalogue: Catalogue, files: Files | None) -> dict[str, BoundNode]:
        nodes = {self._name(self.serial, name): self._node(name, node) for name, node in self.expansion.nodes.items()}
        outside = {
            link.node: self._stand_in(link.node)
            for node in nodes.values()
            for link in node.inputs.values()
            if isinstance(link, Link) and link.node not in nodes
        }
        if self.items:
            catalogue = {**catalogue, **{item.bound.spec.type: item.bound.spec for item in self.items.values()}}
        graph = bind(FlatGraph({**outside, **nodes}), catalogue, files, only=frozenset(nodes))
        problems = errors_only(graph.problems)
        if problems:
            raise InputError([replace(one, path=None) for one in problems])
        self._refuse_cycle(nodes)
        return dict(graph.nodes)

    def outputs(self, made: Mapping[str, Task]) -> tuple[InputValue, ...]:
        return tuple(self._output(port, made) for port in self.task.bound.spec.outputs)

    def _output(self, port: Output, made: Mapping[str, Task]) -> InputValue:
        source = self.expansion.outputs.get(port.name)
        if source is None:
            hint = nearest(port.name, self.expansion.outputs)
            message = f"the expansion of {self.task.bound.spec.type} does not say where {port.name!r} comes from"
            raise GraphError(message, code="expansion_output", hint=hint)
        value = self._input(source)
        if not isinstance(value, Link):
            return value
        found = made.get(value.node) or self.tasks.get(value.node) or self.items.get(value.node)
        if found is None:
            raise GraphError(f"the expansion links to {value.node!r}, which does not exist", code="unknown_node")
        output = found.bound.spec.outputs_by_name.get(value.output)
        if output is None:
            hint = nearest(value.output, found.bound.spec.outputs_by_name)
            message = f"{value.node!r} ({found.bound.spec.type}) has no output {value.output!r}"
            raise GraphError(message, code="unknown_output", hint=hint)
        verdict = accepts(port.type, output.type)
        if not verdict.ok:
            raise GraphError(f"output {port.name!r} of the expansion: {verdict.reason}", code="type_mismatch")
        return value

    def _name(self, serial: int, name: str) -> str:
        return f"{self.task.display}.{serial}.{name}"

    def _node(self, name: str, node: ExpansionNode) -> Node:
        if not isinstance(node, ExpansionNode):
            raise GraphError(f"{name!r} in the expansion is not an ExpansionNode", code="expansion_node")
        return Node(node.type, {key: self._input(value) for key, value in node.inputs.items()})

    def _input(self, value: object) -> InputValue:
        if isinstance(value, Inner):
            return Link(self._name(self.serial, value.node), value.output)
        if not isinstance(value, Outer):
            return _literal(value)
        bound = self.task.bound
        if value.name in bound.links:
            link = bound.links[value.name]
            return link if self.index is None else self._item(value.name, link, self.index)
        if value.name in bound.literals:
            return bound.literals[value.name]
        hint = nearest(value.name, bound.spec.inputs_by_name)
        raise GraphError(f"{bound.spec.type} has nothing at its input {value.name!r}", code="unknown_input", hint=hint)

    def _item(self, port: str, link: Link, index: int) -> Link:
        """A finished task that stands for one item of a list."""
        name = f"{self.task.display}.{self.serial}[{port}]"
        if name in self.items:
            return Link(name, link.output)
        source = self.tasks[link.node]
        items = _items(self.tasks, link)
        position = min(index, len(items) - 1)
        output = source.bound.spec.outputs_by_name[link.output]
        kind = f"{link.output} of {source.bound.spec.type}"
        spec = NodeSpec(kind, "", (), (replace(output, is_list=False),))
        key = f"{source.key}/{link.output}[{position}]"
        item = Task(name, self.task.display, BoundNode(spec, {}, {}), Recipe(kind, 0, {}, {}, {}, "", key))
        item.entry = Entry({link.output: (items[position],)})
        item.ended = True
        self.items[name] = item
        return Link(name, link.output)

    def _stand_in(self, name: str) -> Node:
        task = self.tasks.get(name) or self.items.get(name)
        if task is None:
            raise GraphError(f"the expansion links to {name!r}, which does not exist", code="unknown_node")
        return Node(task.bound.spec.type)

    def _refuse_cycle(self, nodes: Mapping[str, Node]) -> None:
        sources = {
            name: [value.node for value in node.inputs.values() if isinstance(value, Link)]
            for name, node in nodes.items()
        }
        try:
            TopologicalSorter(sources).prepare()
        except CycleError as error:
            loop = " -> ".join(error.args[1])
            raise GraphError(f"the links of the expansion form a cycle: {loop}", code="cycle") from None


def _literal(value: object) -> InputValue:
    try:
        canonical(value)
    except (TypeError, ValueError):
        message = f"an expansion writes the {type(value).__name__} {value!r} as a literal, which is not JSON"
        hint = "Hand values on as `Outer` or `Inner` links."
        raise GraphError(message, code="expansion_literal", hint=hint) from None
    return value  # type: ignore[return-value]
