"""Reroutes of the newer kind: points that a link runs through, not nodes.

They never change what is linked to what, so the engine does not see them. A document keeps the points in `ui.reroutes`
(id, pos, parent) and on each node, under `ui.via`, the last point before an input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graph.comfyui.canvas import Canvas
from graph.comfyui.decoration import entries
from graph.comfyui.shapes import as_identity, as_integer, as_list, as_numbers, as_object
from graph.json import Json, JsonObject

_LONGEST_CHAIN: Final = 256


def reroutes(canvas: Canvas) -> list[Json]:
    """The points of a canvas as entries of `ui.reroutes`; 0.4 keeps them under `extra`."""
    listed = canvas.data.get("reroutes") or (as_object(canvas.data.get("extra")) or {}).get("reroutes")
    found: dict[str, JsonObject] = {}
    for one in as_list(listed):
        data = as_object(one) or {}
        identity, pos = as_identity(data.get("id")), as_numbers(data.get("pos"), 2)
        if identity is None or pos is None or identity in found:
            continue
        entry: JsonObject = {"id": identity, "pos": pos}
        parent = as_identity(data.get("parentId"))
        found[identity] = entry if parent is None else {**entry, "parent": parent}
    return list(found.values())


def reroutes_to_canvas(ui: JsonObject, link_reroutes: Mapping[int, str]) -> list[Json]:
    """The inverse of `reroutes`: every point with the ids of the links that run through it, also on their way to others.

    `link_reroutes` gives each link's last point.
    """
    points = {identity: one for one in entries(ui, "reroutes") if (identity := as_identity(one.get("id"))) is not None}
    links: dict[str, list[int]] = {identity: [] for identity in points}
    for link, last in link_reroutes.items():
        passed: set[str] = set()
        current: str | None = last
        while current in points and current not in passed and len(passed) < _LONGEST_CHAIN:
            passed.add(current)
            links[current].append(link)
            current = as_identity(points[current].get("parent"))
    return [_point(identity, one, links[identity]) for identity, one in points.items()]


def number(identity: str) -> Json:
    """An id as the canvas writes it: a number where it is one."""
    found = as_integer(identity)
    return identity if found is None else found


def _point(identity: str, entry: JsonObject, links: list[int]) -> JsonObject:
    point: JsonObject = {"id": number(identity), "pos": as_numbers(entry.get("pos"), 2) or [0, 0], "linkIds": [*links]}
    parent = as_identity(entry.get("parent"))
    return point if parent is None else {**point, "parentId": number(parent)}
