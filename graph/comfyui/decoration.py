"""What is on a canvas beside nodes: notes, groups, and the place from which it was last looked at.

In a document they are `ui`: `notes` (id, text, markdown, pos, size, ...), `groups` (title, pos, size, color, ...) and
`view` (scale, offset). Keys that only ComfyUI knows stay under `comfyui`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graph.comfyui.canvas import CanvasNode
from graph.comfyui.shapes import as_list, as_number, as_numbers, as_object, as_text
from graph.json import Json, JsonObject

PLAIN_NOTE: Final = "Note"
MARKDOWN_NOTE: Final = "MarkdownNote"
NOTES: Final = frozenset({PLAIN_NOTE, MARKDOWN_NOTE})
_GROUP_KEYS: Final = frozenset({"title", "bounding", "color"})


def placement(data: JsonObject) -> JsonObject:
    """Where and how something is drawn: position, size, colours, collapsed."""
    ui: JsonObject = {}
    for key in ("pos", "size"):
        point = as_numbers(data.get(key), 2)
        if point is not None:
            ui[key] = point
    for key in ("color", "bgcolor"):
        colour = as_text(data.get(key))
        if colour is not None:
            ui[key] = colour
    if (as_object(data.get("flags")) or {}).get("collapsed") is True:
        ui["collapsed"] = True
    return ui


def leftovers(data: JsonObject) -> JsonObject:
    """What only ComfyUI's editor needs of a node: its properties, and flags that we have no word for."""
    flags = {key: flag for key, flag in (as_object(data.get("flags")) or {}).items() if key != "collapsed"}
    properties = as_object(data.get("properties"))
    return {key: value for key, value in (("properties", properties), ("flags", flags)) if value}


def note(node: CanvasNode) -> JsonObject:
    """A note node as an entry of `ui.notes`."""
    values = node.data.get("widgets_values")
    first = next((one for one in as_list(values) if isinstance(one, str)), "")
    entry: JsonObject = {"id": node.id, "text": first, "markdown": node.type == MARKDOWN_NOTE}
    if node.title is not None:
        entry["title"] = node.title
    entry |= placement(node.data)
    rest = leftovers(node.data)
    return entry | {"comfyui": rest} if rest else entry


def groups(listed: Json) -> list[Json]:
    """Groups as entries of `ui.groups`; one without a place is no group."""
    return [entry for one in as_list(listed) if (entry := _group(as_object(one) or {})) is not None]


def _group(data: JsonObject) -> JsonObject | None:
    box = as_numbers(data.get("bounding"), 4)
    if box is None:
        return None
    entry: JsonObject = {"title": as_text(data.get("title")) or "", "pos": box[:2], "size": box[2:]}
    colour = as_text(data.get("color"))
    if colour is not None:
        entry["color"] = colour
    rest: JsonObject = {key: value for key, value in data.items() if key not in _GROUP_KEYS and value not in ({}, None)}
    return entry | {"comfyui": rest} if rest else entry


def group_to_canvas(entry: JsonObject, number: int) -> JsonObject | None:
    """The inverse of `groups` for one entry."""
    corner, size = as_numbers(entry.get("pos"), 2), as_numbers(entry.get("size"), 2)
    if corner is None or size is None:
        return None
    group: JsonObject = {"id": number, "title": as_text(entry.get("title")) or "", "bounding": [*corner, *size]}
    colour = as_text(entry.get("color"))
    if colour is not None:
        group["color"] = colour
    return group | {"flags": {}} | (as_object(entry.get("comfyui")) or {})


def view(extra: JsonObject) -> JsonObject | None:
    """The last view of the canvas as `{scale, offset}`."""
    data = as_object(extra.get("ds")) or {}
    scale, offset = as_number(data.get("scale")), as_numbers(data.get("offset"), 2)
    return None if scale is None or offset is None else {"scale": scale, "offset": offset}


def entries(ui: JsonObject, key: str) -> Sequence[JsonObject]:
    """A list of objects in a document's `ui`, which may hold anything."""
    return [one for one in as_list(ui.get(key)) if isinstance(one, dict)]
