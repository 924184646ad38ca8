"""Places for nodes that were never drawn: columns in the direction of the links, each node under the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graph.comfyui.shapes import as_number, as_numbers
from graph.document import Node, links

Point = tuple[float, float]

COLUMN: Final = 400.0
GAP: Final = 60.0
_WIDTH: Final = 315.0
_ROW: Final = 26.0


def size_of(node: Node) -> Point:
    """The drawn size of a node, or a guess from its number of inputs."""
    size = as_numbers(node.ui.get("size"), 2)
    width, height = (as_number(one) for one in size) if size else (None, None)
    if width is None or height is None:
        return _WIDTH, 60.0 + _ROW * len(node.inputs)
    return float(width), float(height)


def positions(nodes: Mapping[str, Node]) -> dict[str, Point]:
    """The corner of every node: its own where it has one, else its place in the columns below those that have."""
    drawn: dict[str, Point] = {}
    bottom = 0.0
    for name, node in nodes.items():
        corner = as_numbers(node.ui.get("pos"), 2)
        x, y = (as_number(one) for one in corner) if corner else (None, None)
        if x is not None and y is not None:
            drawn[name] = (float(x), float(y))
            bottom = max(bottom, float(y) + size_of(node)[1] + GAP)
    missing = {name: node for name, node in nodes.items() if name not in drawn}
    return drawn | _columns(missing, bottom) if missing else drawn


def _columns(nodes: Mapping[str, Node], top: float) -> dict[str, Point]:
    import networkx  # 0.2 s that only files without positions pay

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((link.node, name) for name, _, link in links(nodes) if link.node in nodes)
    whole = networkx.condensation(graph)  # a circle becomes one element, so that wrong graphs can be drawn too
    rank = {name: index for index, name in enumerate(nodes)}
    placed: dict[str, Point] = {}
    for column, generation in enumerate(networkx.topological_generations(whole)):
        y = top
        members = [name for element in generation for name in whole.nodes[element]["members"]]
        for name in sorted(members, key=rank.__getitem__):
            placed[name] = (column * COLUMN, y)
            y += size_of(nodes[name])[1] + GAP
    return placed
