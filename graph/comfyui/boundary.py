"""What a subgraph's inputs and outputs stand for, found through however many levels of subgraphs.

Subgraphs have no declarations of their own: an input is of the type of the first inner input that it sets, and its
default is the value written there; an output is of the type of the inner output that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graph.document import SUBGRAPH, Link, Node, Parameter, Subgraph
from graph.flatten import REROUTE, Catalogue
from graph.json import Json
from graph.ports import ANY
from graph.spec import Input, Output


@dataclass(frozen=True, slots=True)
class Face:
    """The inner input behind a subgraph's input (None where it is not known) and the value written there."""

    port: Input | None = None
    value: Json = None


def subgraph_of(node: Node, subgraphs: Mapping[str, Subgraph]) -> Subgraph | None:
    """The subgraph that the node stands for."""
    return subgraphs.get(node.type.removeprefix(SUBGRAPH)) if node.type.startswith(SUBGRAPH) else None


def face(subgraph: Subgraph, name: str, subgraphs: Mapping[str, Subgraph], catalogue: Catalogue) -> Face:
    """What the input `name` of the subgraph stands for; nothing if it sets nothing, or only itself."""
    seen: set[tuple[int, str]] = set()
    value: Json = None
    while (id(subgraph), name) not in seen:
        seen.add((id(subgraph), name))
        bind = _first_bind(subgraph.parameters, name)
        node = subgraph.nodes.get(bind[0]) if bind else None
        if bind is None or node is None:
            break
        name = bind[1]
        written = node.inputs.get(name)
        if value is None and not isinstance(written, Link):
            value = written
        inner = subgraph_of(node, subgraphs)
        if inner is None:
            spec = catalogue.get(node.type)
            return Face(spec.input(name) if spec else None, value)
        subgraph = inner
    return Face(None, value)


def output_type(link: Link, nodes: Mapping[str, Node], subgraphs: Mapping[str, Subgraph], catalogue: Catalogue) -> str:
    """The type of what the link carries; `*` where it cannot be known."""
    port = output_port(link, nodes, subgraphs, catalogue)
    return port.type if port else ANY


def output_port(
    link: Link, nodes: Mapping[str, Node], subgraphs: Mapping[str, Subgraph], catalogue: Catalogue
) -> Output | None:
    """The declared output that the link comes from, through subgraphs and reroutes."""
    seen: set[tuple[int, Link]] = set()
    while (id(nodes), link) not in seen:
        seen.add((id(nodes), link))
        node = nodes.get(link.node)
        if node is None:
            return None
        inner = subgraph_of(node, subgraphs)
        if inner is not None:
            sources = {one.name: one.source for one in inner.outputs}
            if link.output not in sources:
                return None
            nodes, link = inner.nodes, sources[link.output]
        elif node.type == REROUTE:
            behind = next(iter(node.inputs.values()), None)
            if not isinstance(behind, Link):
                return None
            link = behind
        else:
            spec = catalogue.get(node.type)
            return spec.outputs_by_name.get(link.output) if spec else None
    return None


def _first_bind(parameters: tuple[Parameter, ...], name: str) -> tuple[str, str] | None:
    return next((one.binds[0] for one in parameters if one.name == name and one.binds), None)
