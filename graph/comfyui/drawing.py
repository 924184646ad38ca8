"""One graph of a document drawn as a canvas: ids, and links from slot to slot.

Used for the document itself and for each of its subgraphs, whose boundary is drawn as links from and to pseudo nodes.
The nodes themselves are written by `drawn_nodes.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graph.comfyui.boundary import Insides
from graph.comfyui.canvas import INPUT_NODE, OUTPUT_NODE
from graph.comfyui.decoration import entries
from graph.comfyui.primitives import primitive_binds
from graph.comfyui.shapes import as_identity, as_object, as_text
from graph.comfyui.sockets import Socket, input_sockets, numbered_output, output_slots, parameter_socket
from graph.document import Link, Node, Subgraph
from graph.document import links as links_of
from graph.flatten import REROUTE
from graph.json import Json, JsonObject
from graph.ports import ANY

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_UNUSABLE: Final = re.compile(r"-[0-9]+|.*:.*", re.DOTALL)
"""Negative numbers are ComfyUI's pseudo nodes; a colon is its path into a subgraph."""


@dataclass(frozen=True, slots=True)
class DrawnLink:
    """A link by position. `origin` and `target` are ids as the canvas writes them."""

    id: int
    origin: Json
    origin_slot: int
    target: Json
    target_slot: int
    type: str
    reroute: str | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph with its canvas ids and links. `inputs` are the drawn inputs of each node; `notes` and `primitives` are
    the entries of `ui` with their ids."""

    nodes: Mapping[str, Node]
    ids: Mapping[str, Json]
    inputs: Mapping[str, Sequence[Socket]]
    links: Sequence[DrawnLink]
    notes: Sequence[tuple[Json, JsonObject]]
    primitives: Sequence[tuple[Json, JsonObject]]

    @property
    def last_id(self) -> int:
        """The highest number among the ids."""
        everything = [*self.ids.values(), *(one for one, _ in (*self.notes, *self.primitives))]
        return max((one for one in everything if isinstance(one, int)), default=0)


def draw(nodes: Mapping[str, Node], ui: JsonObject, insides: Insides, boundary: Subgraph | None = None) -> Drawing:
    """Give everything an id and every link its slots. `boundary` is the subgraph whose inside this is."""
    notes, primitives = entries(ui, "notes"), entries(ui, "primitives")
    beside = [as_identity(one.get("id")) for one in (*notes, *primitives)]
    given = canvas_ids([*nodes, *beside])
    ids = dict(zip(nodes, given, strict=False))
    numbered = list(zip([*notes, *primitives], given[len(nodes) :], strict=True))
    notes_drawn = [(identity, one) for one, identity in numbered[: len(notes)]]
    primitives_drawn = [(identity, one) for one, identity in numbered[len(notes) :]]
    feeds = _feeds(nodes, ids, primitives_drawn, insides, boundary)
    linked: dict[str, list[str]] = {}
    for name, key in feeds:
        linked.setdefault(name, []).append(key)
    inputs = {name: input_sockets(node, linked.get(name, ()), insides) for name, node in nodes.items()}
    links = _links(nodes, ids, inputs, feeds)
    if boundary is not None:
        links += _outward(boundary, ids, len(links), insides)
    return Drawing(nodes, ids, inputs, links, notes_drawn, primitives_drawn)


def canvas_ids(wanted: Sequence[str | None]) -> list[Json]:
    """A distinct id for each: a number where the name is one, the name where it may be one, else a new number."""
    numbers = [int(one) for one in wanted if one is not None and _NUMBER.fullmatch(one)]
    free = max(numbers, default=0)
    given: list[Json] = []
    taken: set[str] = set()
    for one in wanted:
        if one is None or one in taken or _UNUSABLE.fullmatch(one):
            free += 1
            given.append(free)
            continue
        taken.add(one)
        given.append(int(one) if _NUMBER.fullmatch(one) else one)
    return given


@dataclass(frozen=True, slots=True)
class _Feed:
    """What an input is linked to, on the canvas."""

    origin: Json
    slot: int
    type: str


_Feeds = dict[tuple[str, str], _Feed]


def _feeds(
    nodes: Mapping[str, Node],
    ids: Mapping[str, Json],
    primitives: Sequence[tuple[Json, JsonObject]],
    insides: Insides,
    boundary: Subgraph | None,
) -> _Feeds:
    feeds: _Feeds = {}
    origins = _Origins(nodes, insides)
    for name, key, link in links_of(nodes):
        found = origins.find(link)
        if found is not None:
            feeds[name, key] = _Feed(ids[link.node], *found)
    for identity, one in primitives:
        for name, key in primitive_binds(one, nodes):
            if not isinstance(nodes[name].inputs[key], Link):
                feeds[name, key] = _Feed(identity, 0, as_text(one.get("type")) or ANY)
    for slot, parameter in enumerate(boundary.parameters if boundary else ()):
        kind = parameter_socket(boundary, parameter.name, insides).type if boundary else ANY
        for name, key in parameter.binds:
            if name in nodes:
                feeds[name, key] = _Feed(int(INPUT_NODE), slot, kind)
    return feeds


class _Origins:
    """The outputs of a graph's nodes by name, found once for each node."""

    def __init__(self, nodes: Mapping[str, Node], insides: Insides) -> None:
        self._nodes, self._insides = nodes, insides
        self._slots: dict[str, dict[str, tuple[int, str]]] = {}

    def find(self, link: Link) -> tuple[int, str] | None:
        """Position and type of the output that a link comes from; None if there is no such output."""
        node = self._nodes.get(link.node)
        if node is None:
            return None
        if node.type == REROUTE:
            return 0, ANY
        if link.node not in self._slots:
            self._slots[link.node] = output_slots(node, self._insides)
        found = self._slots[link.node].get(link.output)
        number = numbered_output(link.output)
        return found if found is not None or number is None else (number, ANY)


def _links(
    nodes: Mapping[str, Node],
    ids: Mapping[str, Json],
    inputs: Mapping[str, Sequence[Socket]],
    feeds: _Feeds,
) -> list[DrawnLink]:
    links: list[DrawnLink] = []
    for name, sockets in inputs.items():
        via = as_object(nodes[name].ui.get("via")) or {}
        for position, socket in enumerate(sockets):
            feed = feeds.get((name, socket.name))
            if feed is not None:
                reroute = as_identity(via.get(socket.name))
                kind = feed.type if feed.type != ANY else socket.type
                links.append(DrawnLink(len(links) + 1, feed.origin, feed.slot, ids[name], position, kind, reroute))
    return links


def _outward(subgraph: Subgraph, ids: Mapping[str, Json], last: int, insides: Insides) -> list[DrawnLink]:
    """The links from inside a subgraph to its outputs."""
    links: list[DrawnLink] = []
    origins = _Origins(subgraph.nodes, insides)
    for position, one in enumerate(subgraph.outputs):
        found = origins.find(one.source)
        if found is not None:
            number = last + len(links) + 1
            links.append(DrawnLink(number, ids[one.source.node], found[0], int(OUTPUT_NODE), position, found[1]))
    return links
