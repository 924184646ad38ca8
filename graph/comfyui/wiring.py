"""Where a canvas link comes from: a node's output, a primitive, the edge of a subgraph, or nowhere.

A primitive is a value drawn as a node. It may feed its widgets through `Reroute` nodes, so these are looked through for
primitives, and for primitives only: any other reroute stays in the document as a node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from graph.comfyui.canvas import Canvas, CanvasLink, CanvasNode, Slot
from graph.flatten import REROUTE

PRIMITIVE: Final = "PrimitiveNode"
REROUTES: Final = frozenset({REROUTE, "Reroute (rgthree)"})
REROUTE_SLOT: Final = "value"


@dataclass(frozen=True, slots=True)
class FromNode:
    """Output `slot` of a node."""

    node: CanvasNode
    slot: int


@dataclass(frozen=True, slots=True)
class FromPrimitive:
    """The value of a primitive."""

    node: CanvasNode


@dataclass(frozen=True, slots=True)
class FromOutside:
    """Input `slot` of the subgraph that the canvas defines."""

    slot: int


Source: TypeAlias = "FromNode | FromPrimitive | FromOutside"


def source(link: CanvasLink, canvas: Canvas, primitives: Mapping[str, CanvasNode]) -> Source | None:
    """Where the link comes from, None if that node is gone. `primitives` is what `behind_reroutes` found."""
    if link.origin == canvas.input_node and link.origin not in canvas.nodes:
        return FromOutside(link.origin_slot)
    node = canvas.nodes.get(link.origin)
    if node is None:
        return None
    if node.type == PRIMITIVE:
        return FromPrimitive(node)
    if node.id in primitives:
        return FromPrimitive(primitives[node.id])
    return FromNode(node, link.origin_slot)


def linked(node: CanvasNode, canvas: Canvas) -> Iterator[tuple[Slot, CanvasLink]]:
    """The inputs of a node that have a link, and the link. Links that are gone are skipped."""
    for slot in node.inputs:
        link = canvas.links.get(slot.link) if slot.link is not None else None
        if link is not None:
            yield slot, link


def input_name(node: CanvasNode, slot: Slot) -> str:
    """The name of an input; a reroute's only input has none on the canvas."""
    return REROUTE_SLOT if node.type in REROUTES else slot.name or slot.widget or ""


def behind_reroutes(canvas: Canvas) -> dict[str, CanvasNode]:
    """The reroutes that pass on a primitive, each with that primitive. Linear, however long the chains are."""
    found: dict[str, CanvasNode | None] = {}
    for node in canvas.nodes.values():
        chain: list[str] = []
        current: CanvasNode | None = node
        while current is not None and current.type in REROUTES and current.id not in found:
            found[current.id] = None  # also ends a circle
            chain.append(current.id)
            link = next((link for _, link in linked(current, canvas)), None)
            current = canvas.nodes.get(link.origin) if link else None
        if current is None or not chain:
            continue
        end = current if current.type == PRIMITIVE else found.get(current.id)
        for name in chain:
            found[name] = end
    return {name: end for name, end in found.items() if end is not None}
