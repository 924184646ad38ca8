"""What a subgraph's inputs and outputs stand for, found through however many levels of subgraphs.

Subgraphs have no declarations of their own: an input is of the type of the first inner input that it sets, and its
default is the value written there; an output is of the type of the inner output that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graph.document import SUBGRAPH, Link, Node, Subgraph
from graph.flatten import REROUTE
from graph.json import Json
from graph.ports import ANY
from graph.spec import Catalogue, Input


@dataclass(frozen=True, slots=True)
class Face:
    """The inner input behind a subgraph's input (None where it is not known) and the value written there."""

    port: Input | None = None
    value: Json = None


class Insides:
    """The subgraphs of one document, with what was found behind their edges so far, so that each level costs once."""

    def __init__(self, subgraphs: Mapping[str, Subgraph], catalogue: Catalogue) -> None:
        self.subgraphs, self.catalogue = subgraphs, catalogue
        self._binds: dict[int, dict[str, tuple[str, str]]] = {}
        self._faces: dict[tuple[int, str], Face] = {}
        self._types: dict[tuple[int, Link], str] = {}

    def of(self, node: Node) -> Subgraph | None:
        """The subgraph that the node stands for."""
        return self.subgraphs.get(node.type.removeprefix(SUBGRAPH)) if node.type.startswith(SUBGRAPH) else None

    def face(self, subgraph: Subgraph, name: str) -> Face:
        """What the input `name` of the subgraph stands for; nothing if it sets nothing, or only itself."""
        passed: list[tuple[tuple[int, str], Json]] = []
        found = Face()
        inside: Subgraph | None = subgraph
        while inside is not None:
            key = (id(inside), name)
            if key in self._faces:
                found = self._faces[key]
                break
            self._faces[key] = found  # ends a circle
            bind = self._first_bind(inside, name)
            node = inside.nodes.get(bind[0]) if bind else None
            if bind is None or node is None:
                break
            name = bind[1]
            written = node.inputs.get(name)
            passed.append((key, None if isinstance(written, Link) else written))
            inside = self.of(node)
            spec = self.catalogue.get(node.type) if inside is None else None
            found = Face(spec.input(name)) if spec else Face()
        for key, written in reversed(passed):
            found = Face(found.port, found.value if written is None else written)
            self._faces[key] = found
        return found

    def output_type(self, link: Link, nodes: Mapping[str, Node]) -> str:
        """The type of what the link carries, through subgraphs and reroutes; `*` where it cannot be known."""
        passed: list[tuple[int, Link]] = []
        found = ANY
        current: Link | None = link
        while current is not None:
            key = (id(nodes), current)
            if key in self._types:
                found = self._types[key]
                break
            self._types[key] = ANY  # ends a circle
            passed.append(key)
            node = nodes.get(current.node)
            inner = self.of(node) if node else None
            spec = self.catalogue.get(node.type) if node else None
            if spec is not None and current.output in spec.outputs_by_name:
                found = spec.outputs_by_name[current.output].type
            nodes, current = (inner.nodes, _source(inner, current.output)) if inner else (nodes, _behind(node))
        self._types.update(dict.fromkeys(passed, found))
        return found

    def _first_bind(self, subgraph: Subgraph, name: str) -> tuple[str, str] | None:
        if id(subgraph) not in self._binds:
            self._binds[id(subgraph)] = {one.name: one.binds[0] for one in subgraph.parameters if one.binds}
        return self._binds[id(subgraph)].get(name)


def _source(subgraph: Subgraph, output: str) -> Link | None:
    return next((one.source for one in subgraph.outputs if one.name == output), None)


def _behind(node: Node | None) -> Link | None:
    """What a reroute passes on."""
    value = next(iter(node.inputs.values()), None) if node and node.type == REROUTE else None
    return value if isinstance(value, Link) else None
