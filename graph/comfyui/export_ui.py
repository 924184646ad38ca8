"""Documents to ComfyUI's canvas files: version 0.4, with `definitions.subgraphs` for subgraphs.

Everything that `ui.py` read from such a file comes back, so that reading the result again gives the same document. What
was never drawn gets a place; ids, links and slots are positions again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from graph.comfyui.boundary import Insides
from graph.comfyui.canvas import INPUT_NODE, OUTPUT_NODE
from graph.comfyui.decoration import entries, group_to_canvas
from graph.comfyui.drawing import Drawing, DrawnLink, draw
from graph.comfyui.drawn_nodes import canvas_nodes
from graph.comfyui.layout import positions, size_of
from graph.comfyui.own import OWN_KEY, own_data
from graph.comfyui.reroutes import number, reroutes_to_canvas
from graph.comfyui.shapes import as_integer, as_numbers, as_object, as_text
from graph.comfyui.sockets import parameter_socket
from graph.document import Document, Subgraph
from graph.json import Json, JsonObject
from graph.spec import Catalogue

_NAMESPACE: Final = uuid.UUID("6f9a5c0e-8b0f-5a57-9f5e-2f3a4d1c7b60")
_DEFINITION_KEYS: Final = ("revision", "config", "description", "category", "extra")
_MARGIN: Final = 200.0


def export_ui(document: Document, catalogue: Catalogue) -> JsonObject:
    """The canvas file of a document. Never fails: what a canvas cannot say is left out."""
    insides = Insides(document.subgraphs, catalogue)
    ids = _definition_ids(document.subgraphs)
    drawing = draw(document.nodes, document.ui, insides)
    definitions = [_definition(ids[key], one, insides, ids) for key, one in document.subgraphs.items()]
    kept = _kept(document.ui)
    data: JsonObject = {
        **{key: kept[key] for key in ("id", "models") if key in kept},
        "revision": as_integer(kept.get("revision")) or 0,
        "last_node_id": drawing.last_id,
        "last_link_id": len(drawing.links),
        "nodes": canvas_nodes(drawing, insides, ids),
        "links": [_tuple(one) for one in drawing.links],
        "groups": _groups(document.ui),
        "config": as_object(kept.get("config")) or {},
        "extra": _extra(document, drawing),
        "version": 0.4,
    }
    return {**data, "definitions": {"subgraphs": definitions}} if definitions else data


def _definition_ids(subgraphs: Mapping[str, Subgraph]) -> dict[str, str]:
    """The id that each definition came with, or one made of its name."""
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for key, subgraph in subgraphs.items():
        kept = as_text(_kept(subgraph.ui).get("id"))
        ids[key] = kept if kept is not None and kept not in taken else str(uuid.uuid5(_NAMESPACE, ascii(key)))
        taken.add(ids[key])
    return ids


def _definition(identity: str, subgraph: Subgraph, insides: Insides, ids: Mapping[str, str]) -> Json:
    """A subgraph as a canvas of the 1.0 shape: links are objects, reroutes stand beside them."""
    drawing = draw(subgraph.nodes, subgraph.ui, insides, subgraph)
    groups, kept = _groups(subgraph.ui), _kept(subgraph.ui)
    left, right = _edges(subgraph)
    return {
        "id": identity,
        "version": 1,
        "state": _state(drawing, len(groups)),
        "revision": 0,
        "config": {},
        "name": subgraph.name,
        "inputNode": {"id": int(INPUT_NODE), "bounding": as_numbers(kept.get("input_box"), 4) or left},
        "outputNode": {"id": int(OUTPUT_NODE), "bounding": as_numbers(kept.get("output_box"), 4) or right},
        **{key: kept[key] for key in _DEFINITION_KEYS if key in kept},
        "inputs": _inputs(identity, subgraph, drawing, insides),
        "outputs": _outputs(identity, subgraph, drawing, insides),
        "widgets": [],
        "nodes": canvas_nodes(drawing, insides, ids),
        "groups": groups,
        "links": [_object(one) for one in drawing.links],
        "reroutes": reroutes_to_canvas(subgraph.ui, _last_points(drawing.links)),
    }


def _inputs(identity: str, subgraph: Subgraph, drawing: Drawing, insides: Insides) -> Json:
    links = _ends((one.origin, one.origin_slot, one.id) for one in drawing.links)
    slots: list[Json] = []
    for position, one in enumerate(subgraph.parameters):
        drawn = _boundary_slot(identity, "input", one.name, parameter_socket(subgraph, one.name, insides).type)
        drawn["linkIds"] = [*links.get((int(INPUT_NODE), position), ())]
        slots.append({**drawn, "label": one.help} if one.help else drawn)
    return slots


def _outputs(identity: str, subgraph: Subgraph, drawing: Drawing, insides: Insides) -> Json:
    links = _ends((one.target, one.target_slot, one.id) for one in drawing.links)
    slots: list[Json] = []
    for position, one in enumerate(subgraph.outputs):
        kind = insides.output_type(one.source, subgraph.nodes)
        drawn = _boundary_slot(identity, "output", one.name, kind)
        slots.append({**drawn, "linkIds": [*links.get((int(OUTPUT_NODE), position), ())]})
    return slots


def _boundary_slot(identity: str, side: str, name: str, kind: str) -> JsonObject:
    return {"id": str(uuid.uuid5(_NAMESPACE, ascii(f"{identity}/{side}/{name}"))), "name": name, "type": kind}


def _ends(ends: Iterable[tuple[Json, int, int]]) -> dict[tuple[Json, int], list[int]]:
    """Link ids by (node, slot)."""
    found: dict[tuple[Json, int], list[int]] = {}
    for node, slot, link in ends:
        if isinstance(node, int | str):
            found.setdefault((node, slot), []).append(link)
    return found


def _edges(subgraph: Subgraph) -> tuple[list[Json], list[Json]]:
    """Where the pseudo nodes of the boundary are drawn: left and right of all nodes."""
    corners = positions(subgraph.nodes)
    right = max((x + size_of(subgraph.nodes[name])[0] for name, (x, _) in corners.items()), default=0.0)
    left = min((x for x, _ in corners.values()), default=0.0)
    top = min((y for _, y in corners.values()), default=0.0)
    height = 40.0 + 20.0 * len(subgraph.parameters)
    return [left - _MARGIN, top, 120.0, height], [right + _MARGIN, top, 120.0, 60.0]


def _state(drawing: Drawing, groups: int) -> JsonObject:
    return {
        "lastGroupId": groups,
        "lastNodeId": drawing.last_id,
        "lastLinkId": len(drawing.links),
        "lastRerouteId": 0,
    }


def _groups(ui: JsonObject) -> list[Json]:
    drawn = (group_to_canvas(one, index + 1) for index, one in enumerate(entries(ui, "groups")))
    return [one for one in drawn if one is not None]


def _extra(document: Document, drawing: Drawing) -> JsonObject:
    """The view, the reroutes and their links, what another editor left there, and what only our format says."""
    extra = dict(as_object(_kept(document.ui).get("extra")) or {})
    seen = as_object(document.ui.get("view"))
    if seen is not None:
        extra["ds"] = {"scale": seen.get("scale"), "offset": seen.get("offset")}
    last = _last_points(drawing.links)
    points = reroutes_to_canvas(document.ui, last)
    if points:
        extra["reroutes"] = points
    if last:
        extra["linkExtensions"] = [{"id": link, "parentId": number(point)} for link, point in last.items()]
    own = own_data(document, drawing)
    return {**extra, OWN_KEY: own} if own else extra


def _last_points(links: Sequence[DrawnLink]) -> dict[int, str]:
    return {one.id: one.reroute for one in links if one.reroute is not None}


def _kept(ui: JsonObject) -> JsonObject:
    return as_object(ui.get("comfyui")) or {}


def _tuple(link: DrawnLink) -> Json:
    return [link.id, link.origin, link.origin_slot, link.target, link.target_slot, link.type]


def _object(link: DrawnLink) -> Json:
    drawn: JsonObject = {
        "id": link.id,
        "origin_id": link.origin,
        "origin_slot": link.origin_slot,
        "target_id": link.target,
        "target_slot": link.target_slot,
        "type": link.type,
    }
    return drawn if link.reroute is None else {**drawn, "parentId": number(link.reroute)}
