"""Expansion: the graph a node returned becomes tasks of the run it is part of.

Inner nodes are named `ROOT.N.NAME`, where ROOT is the node of the document and N counts its expansions, so a loop of a
million rounds has short names. An `Outer` input is the expanding node's own link or literal; where that node was called
once for each item of a list, it is the item of that call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graph.bind import BoundNode, bind
from graph.cache.entry import Entry
from graph.call import Returned
from graph.declare import Implementation
from graph.document import InputValue, Link, Node
from graph.errors import GraphError, InputError, errors_only, nearest
from graph.files import Files
from graph.flatten import FlatGraph
from graph.keys import Recipe
from graph.result import Expansion, Inner, Outer
from graph.spec import NodeSpec, Output
from graph.task import Part, Task


@dataclass(slots=True)
class Expanded:
    """The new tasks, the parts from which the node's own outputs will come, and those inner nodes that have effects."""

    tasks: dict[str, Task] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)


def expand(
    task: Task,
    result: list[Returned],
    tasks: Mapping[str, Task],
    implementations: Mapping[str, Implementation],
    files: Files | None,
) -> Expanded:
    """Lay out every expansion among the results of `task`. Raises InputError for inner nodes that do not bind and
    GraphError for links that lead nowhere."""
    expanded = Expanded()
    for index, one in enumerate(result):
        if one.expansion is None:
            expanded.parts.append(Part(one.outputs, ()))
            continue
        prefix = f"{task.display}.{len(tasks) + len(expanded.tasks)}."
        layout = _Layout(task, one.expansion, prefix, index if len(result) > 1 else None, tasks)
        bound = layout.bind(implementations, files)
        for name, node in bound.items():
            expanded.tasks[name] = Task(name, task.display, node, None)
            if node.spec.effect:
                expanded.effects.append(name)
        expanded.tasks |= layout.items
        links = layout.outputs()
        expanded.parts.append(Part((), links))
        expanded.links += links
    return expanded


def splice(parts: list[Part], tasks: Mapping[str, Task], spec: NodeSpec) -> list[Returned]:
    """The results of an expanded node, once everything its parts link to has a value."""
    returned: list[Returned] = []
    for part in parts:
        if not part.sources:
            returned.append(Returned(part.outputs))
            continue
        columns = [_entry(tasks[link.node]).outputs[link.output] for link in part.sources]
        listed = [list(column) if port.is_list else column for port, column in zip(spec.outputs, columns, strict=True)]
        longest = max(
            (len(column) for column, port in zip(columns, spec.outputs, strict=True) if not port.is_list), default=1
        )
        for index in range(longest):
            row = [
                column if isinstance(column, list) else column[min(index, len(column) - 1)]
                for column in listed
                if column
            ]
            returned.append(Returned(tuple(row)))
    return returned


def _entry(task: Task) -> Entry:
    assert task.entry is not None
    return task.entry


class _Layout:
    """One expansion on its way to tasks."""

    def __init__(
        self, task: Task, expansion: Expansion, prefix: str, index: int | None, tasks: Mapping[str, Task]
    ) -> None:
        self.task, self.expansion, self.prefix, self.index, self.tasks = task, expansion, prefix, index, tasks
        self.items: dict[str, Task] = {}

    def bind(self, implementations: Mapping[str, Implementation], files: Files | None) -> dict[str, BoundNode]:
        nodes = {
            self.prefix + name: Node(node.type, {key: self._input(value) for key, value in node.inputs.items()})
            for name, node in self.expansion.nodes.items()
        }
        catalogue = {name: one.spec for name, one in implementations.items()}
        outside = {
            link.node: self._stand_in(link.node, catalogue)
            for node in nodes.values()
            for link in node.inputs.values()
            if isinstance(link, Link) and link.node not in nodes
        }
        graph = bind(FlatGraph({**outside, **nodes}), catalogue, files, only=frozenset(nodes))
        problems = errors_only(graph.problems)
        if problems:
            raise InputError(problems)
        return dict(graph.nodes)

    def outputs(self) -> tuple[Link, ...]:
        return tuple(self._output(port) for port in self.task.bound.spec.outputs)

    def _output(self, port: Output) -> Link:
        source = self.expansion.outputs.get(port.name)
        value = self._input(source) if source is not None else None
        if not isinstance(value, Link):
            hint = nearest(port.name, self.expansion.outputs)
            message = f"the expansion of {self.task.bound.spec.type} does not say where {port.name!r} comes from"
            raise GraphError(message, code="expansion_output", hint=hint)
        known = (
            value.node in self.items
            or value.node in self.tasks
            or value.node.removeprefix(self.prefix) in self.expansion.nodes
        )
        if not known:
            raise GraphError(f"the expansion links to {value.node!r}, which does not exist", code="unknown_node")
        return value

    def _input(self, value: object) -> InputValue:
        if isinstance(value, Inner):
            return Link(self.prefix + value.node, value.output)
        if not isinstance(value, Outer):
            return value  # type: ignore[return-value]
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
        name = f"{self.prefix}{port}"
        source = self.tasks[link.node]
        items = _entry(source).outputs[link.output]
        position = min(index, len(items) - 1)
        output = source.bound.spec.outputs_by_name[link.output]
        spec = replace(source.bound.spec, inputs=(), outputs=(replace(output, is_list=False),), effect=False)
        assert source.recipe is not None
        key = f"{source.recipe.key}/{link.output}[{position}]"
        item = Task(name, self.task.display, BoundNode(spec, {}, {}), Recipe(spec.type, 0, {}, {}, {}, "", key))
        item.entry = Entry({link.output: (items[position],)})
        item.ended = True
        self.items[name] = item
        return Link(name, link.output)

    def _stand_in(self, name: str, catalogue: Mapping[str, NodeSpec]) -> Node:
        task = self.tasks.get(name) or self.items.get(name)
        if task is None or task.bound.spec.type not in catalogue:
            raise GraphError(f"the expansion links to {name!r}, which does not exist", code="unknown_node")
        return Node(task.bound.spec.type)
