"""The nodes of a drawing as ComfyUI's canvas JSON: the document's own, and those that are only drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graph.comfyui.boundary import Insides
from graph.comfyui.decoration import MARKDOWN_NOTE, PLAIN_NOTE
from graph.comfyui.drawing import Drawing, canvas_ids
from graph.comfyui.instances import instance_widgets
from graph.comfyui.layout import Point, positions, size_of
from graph.comfyui.primitives import primitive_binds
from graph.comfyui.shapes import as_numbers, as_object, as_text
from graph.comfyui.sockets import Socket, editor_data, output_sockets, widget_values
from graph.comfyui.widgets import CONTROLS, DEFAULT_CONTROL
from graph.comfyui.wiring import PRIMITIVE
from graph.document import Link, Mode, Node
from graph.flatten import REROUTE
from graph.json import Json, JsonObject
from graph.ports import ANY

_MODES: Final[Mapping[Mode, int]] = {"on": 0, "mute": 2, "bypass": 4}
_OPTIONAL_SHAPE: Final = 7
_LIST_SHAPE: Final = 6
_PLACE: Final[Point] = (0.0, 0.0)
_SMALL: Final[Point] = (210.0, 82.0)

Ends = Mapping[tuple[str, int], Sequence[int]]
"""Link ids by (node id as text, slot)."""


@dataclass(frozen=True, slots=True)
class _Page:
    """What every node of one drawing needs to be written; `widths` are the numbers of outputs that are linked."""

    drawing: Drawing
    insides: Insides
    subgraph_ids: Mapping[str, str]
    leaving: Ends
    entering: Ends
    widths: Mapping[str, int]


def canvas_nodes(drawing: Drawing, insides: Insides, subgraph_ids: Mapping[str, str]) -> list[Json]:
    """All nodes of a drawing, nodes without a place laid out in columns. `subgraph_ids` are the definitions' ids."""
    leaving: dict[tuple[str, int], list[int]] = {}
    entering: dict[tuple[str, int], list[int]] = {}
    for link in drawing.links:
        leaving.setdefault((str(link.origin), link.origin_slot), []).append(link.id)
        entering.setdefault((str(link.target), link.target_slot), []).append(link.id)
    widths: dict[str, int] = {}
    for origin, slot in leaving:
        widths[origin] = max(widths.get(origin, 0), slot + 1)
    page = _Page(drawing, insides, subgraph_ids, leaving, entering, widths)
    corners = positions(drawing.nodes)
    written = [_node(name, node, corners[name], page) for name, node in drawing.nodes.items()]
    written += [_primitive(identity, one, page) for identity, one in drawing.primitives]
    written += [_note(identity, one) for identity, one in drawing.notes]
    return [{**one, "order": order} for order, one in enumerate(written)]


def _node(name: str, node: Node, corner: Point, page: _Page) -> JsonObject:
    insides, identity = page.insides, page.drawing.ids[name]
    kept = editor_data(node)
    data = _frame(identity, _type(node, page), node.ui, kept, corner, size_of(node))
    data["mode"] = _MODES[node.mode]
    if node.title is not None:
        data["title"] = node.title
    data["inputs"] = [
        _input(node, socket, page.entering.get((str(identity), position), ()))
        for position, socket in enumerate(page.drawing.inputs[name])
    ]
    least = page.widths.get(str(identity), 0)
    data["outputs"] = [
        _output(node, socket, page.leaving.get((str(identity), position), ()), position)
        for position, socket in enumerate(output_sockets(node, least, insides))
    ]
    subgraph = insides.of(node)
    if subgraph is None:
        return {**data, "widgets_values": widget_values(node, insides)}
    shown, values = instance_widgets(node, subgraph, insides)
    inner = dict(zip(subgraph.nodes, canvas_ids(list(subgraph.nodes)), strict=True))
    proxies: list[Json] = [[str(inner.get(str(one), one)), widget] for one, widget in shown]
    properties = {**(as_object(data["properties"]) or {}), "proxyWidgets": proxies}
    return {**data, "properties": properties, "widgets_values": values}


def _type(node: Node, page: _Page) -> str:
    subgraph = page.insides.of(node)
    if subgraph is not None:
        return page.subgraph_ids[node.type.partition(":")[2]]
    return as_text(editor_data(node).get("type")) or REROUTE if node.type == REROUTE else node.type


def _input(node: Node, socket: Socket, links: Sequence[int]) -> Json:
    name = "" if node.type == REROUTE else socket.name
    drawn: JsonObject = {"name": name, "type": socket.type, "link": links[0] if links else None}
    if socket.widget:
        drawn["widget"] = {"name": socket.name}
    elif socket.optional:
        drawn["shape"] = _OPTIONAL_SHAPE
    return drawn


def _output(node: Node, socket: Socket, links: Sequence[int], position: int) -> Json:
    name = "" if node.type == REROUTE else socket.name
    drawn: JsonObject = {"name": name, "type": socket.type, "links": [*links] or None, "slot_index": position}
    return {**drawn, "shape": _LIST_SHAPE} if socket.is_list else drawn


def _frame(identity: Json, kind: str, ui: JsonObject, kept: JsonObject, corner: Point, size: Point) -> JsonObject:
    """What every drawn node has: id, type, place, colours, flags, properties."""
    flags = as_object(kept.get("flags")) or {}
    data: JsonObject = {
        "id": identity,
        "type": kind,
        "pos": as_numbers(ui.get("pos"), 2) or [*corner],
        "size": as_numbers(ui.get("size"), 2) or [*size],
        "flags": {**flags, "collapsed": True} if ui.get("collapsed") is True else flags,
        "mode": 0,
        "properties": as_object(kept.get("properties")) or {},
    }
    colours = {key: colour for key in ("color", "bgcolor") if (colour := as_text(ui.get(key))) is not None}
    return {**data, **colours}


def _note(identity: Json, entry: JsonObject) -> JsonObject:
    kind = MARKDOWN_NOTE if entry.get("markdown") is True else PLAIN_NOTE
    data = _beside(identity, kind, entry)
    return {**data, "outputs": [], "widgets_values": [as_text(entry.get("text")) or ""]}


def _primitive(identity: Json, entry: JsonObject, page: _Page) -> JsonObject:
    """A primitive with the value of the first widget that it sets, or the one it was drawn with."""
    binds = list(primitive_binds(entry, page.drawing.nodes))
    value = page.drawing.nodes[binds[0][0]].inputs[binds[0][1]] if binds else entry.get("value")
    kind = as_text(entry.get("type")) or ANY
    output: JsonObject = {"name": kind, "type": kind, "links": [*page.leaving.get((str(identity), 0), ())] or None}
    if binds:
        output["widget"] = {"name": binds[0][1]}
    values: list[Json] = [] if value is None or isinstance(value, Link) else [value]
    control = entry.get("control")
    if values and isinstance(value, int) and not isinstance(value, bool):
        values.append(control if control in CONTROLS else DEFAULT_CONTROL)
    return {**_beside(identity, PRIMITIVE, entry), "outputs": [output], "widgets_values": values}


def _beside(identity: Json, kind: str, entry: JsonObject) -> JsonObject:
    kept = as_object(entry.get("comfyui")) or {}
    data = _frame(identity, kind, entry, kept, _PLACE, _SMALL)
    title = as_text(entry.get("title"))
    return {**data, **({} if title is None else {"title": title}), "inputs": []}
