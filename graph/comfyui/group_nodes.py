"""Group nodes, which ComfyUI had before subgraphs, rewritten as subgraph definitions.

A file keeps them in `extra.groupNodes`; a node of type `workflow>NAME` stands for one. What a group shows outside follows
from its inside by rules of naming (every input that nothing inside feeds, its widgets first; every output that nothing
inside takes, or that is taken outside too), so the same names are derived here, and the rest of the import sees subgraphs.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graph.comfyui.canvas import INPUT_NODE, OUTPUT_NODE
from graph.comfyui.imported import Findings
from graph.comfyui.shapes import as_list, as_object, as_slot, as_text
from graph.comfyui.widgets import WidgetSlot, name_values, widget_slots
from graph.json import Json, JsonObject
from graph.spec import Catalogue

_PREFIXES: Final = ("workflow>", "workflow/")
_NAMESPACE: Final = uuid.UUID("0a3d5f5c-1f53-5e0e-8a86-3c9f6d1f7d11")


def with_definitions(data: Json, catalogue: Catalogue, findings: Findings) -> Json:
    """The file with its group nodes as instances of subgraphs; the same object if it has none."""
    canvas = as_object(data)
    if canvas is None or not any(_group_name(one) for one in as_list(canvas.get("nodes"))):
        return data
    declared = as_object((as_object(canvas.get("extra")) or {}).get("groupNodes")) or {}
    groups = {name: _Group(name, one, catalogue) for name, one in declared.items() if isinstance(one, dict)}
    for index, one in enumerate(as_list(canvas.get("nodes"))):
        name = _group_name(one)
        if name and name not in groups:
            message = f"the group node {name!r} is not defined in the file"
            findings.error("comfyui_no_group", message, f"$.nodes[{index}].type", hint="Save it again in ComfyUI.")
    written = [group.definition(groups) for group in groups.values()]
    definitions = as_object(canvas.get("definitions")) or {}
    listed = [*as_list(definitions.get("subgraphs")), *written]
    return {
        **canvas,
        "nodes": [_instance(one, groups) for one in as_list(canvas.get("nodes"))],
        "definitions": {**definitions, "subgraphs": listed},
    }


@dataclass(frozen=True, slots=True)
class _Exposed:
    """An input that a group shows: `name` outside, `input` of inner node `node` inside."""

    name: str
    node: int
    input: str
    type: str
    widget: WidgetSlot | None = None


class _Group:
    """One group while it is rewritten: its nodes by index, and which of their slots meet inside."""

    def __init__(self, name: str, data: JsonObject, catalogue: Catalogue) -> None:
        self.name, self.catalogue = name, catalogue
        self.id = str(uuid.uuid5(_NAMESPACE, ascii(name)))
        self.nodes = [as_object(one) or {} for one in as_list(data.get("nodes"))]
        self.config = as_object(data.get("config")) or {}
        self.links = [found for one in as_list(data.get("links")) if (found := _positions(one)) is not None]
        outside = [one for one in as_list(data.get("external")) if isinstance(one, list) and len(one) >= 2]
        self.outside = {(as_slot(one[0]), as_slot(one[1])) for one in outside}
        self.inputs = self._inputs()

    def definition(self, groups: Mapping[str, _Group]) -> Json:
        """The group as a definition in the shape that ComfyUI gives to subgraphs."""
        wires = _Wires()
        drawn = [_inner(index, one, groups) for index, one in enumerate(self.nodes)]
        for origin, origin_slot, target, target_slot in self.links:
            if origin < len(drawn) and target < len(drawn):
                wires.connect(origin, origin_slot, drawn[target], target_slot)
        for position, one in enumerate(self.inputs):
            slot = _slot_of(drawn[one.node], one)
            wires.connect(int(INPUT_NODE), position, drawn[one.node], slot)
        outputs: list[Json] = []
        for node, slot, name, kind in self._outputs():
            wires.add(node, slot, int(OUTPUT_NODE), len(outputs))
            outputs.append({"name": name, "type": kind})
        inputs: list[Json] = [{"name": one.name, "type": one.type} for one in self.inputs]
        return {
            "id": self.id,
            "name": self.name,
            "inputNode": {"id": int(INPUT_NODE), "bounding": [-400, 0, 120, 120]},
            "outputNode": {"id": int(OUTPUT_NODE), "bounding": [1200, 0, 120, 120]},
            "nodes": [*drawn],
            "links": wires.links,
            "inputs": inputs,
            "outputs": outputs,
        }

    def values(self, listed: Json) -> JsonObject:
        """The widget values of an instance by the names that its group shows."""
        slots = [one.widget for one in self.inputs if one.widget is not None]
        return {**name_values(slots, listed).values} if isinstance(listed, list) else as_object(listed) or {}

    def _inputs(self) -> list[_Exposed]:
        fed = {(target, slot) for _, _, target, slot in self.links}
        seen: dict[str, int] = {}
        found: list[_Exposed] = []
        for index, node in enumerate(self.nodes):
            drawn = [as_object(one) or {} for one in as_list(node.get("inputs"))]
            spec = self.catalogue.get(as_text(node.get("type")) or "")
            free = [(one, as_text(one.get("name")) or "") for slot, one in enumerate(drawn) if (index, slot) not in fed]
            converted = {as_text(one.get("name")) for one in drawn if "widget" in one}
            widgets = [one for one in (widget_slots(spec) if spec else ()) if one.name not in converted]
            plain = [(name, one) for one, name in free if "widget" not in one]
            turned = [(name, one) for one, name in free if "widget" in one]
            for widget in widgets:
                name = self._shown(index, node, widget.name, seen)
                if name:
                    slot = WidgetSlot(name, widget.widget, widget.default)
                    found.append(_Exposed(name, index, widget.name, "*", slot))
            for inner, one in (*plain, *turned):
                name = self._shown(index, node, inner, seen)
                if name and inner:
                    found.append(_Exposed(name, index, inner, as_text(one.get("type")) or "*"))
        return found

    def _outputs(self) -> list[tuple[int, int, str, str]]:
        taken = {(origin, slot) for origin, slot, _, _ in self.links}
        seen: dict[str, int] = {}
        found: list[tuple[int, int, str, str]] = []
        for index, node in enumerate(self.nodes):
            for slot, one in enumerate(as_list(node.get("outputs"))):
                data = as_object(one) or {}
                inner = as_text(data.get("name")) or f"output_{slot}"
                if (index, slot) in taken and (index, slot) not in self.outside:
                    continue
                name = self._shown(index, node, inner, seen, f"{slot}")
                if name:
                    found.append((index, slot, name, as_text(data.get("type")) or "*"))
        return found

    def _shown(self, index: int, node: JsonObject, inner: str, seen: dict[str, int], output: str = "") -> str | None:
        """The outer name: as configured, else the inner one, with the node's title before it the second time."""
        sides = as_object(self.config.get(str(index))) or {}
        side = as_object(sides.get("output" if output else "input")) or {}
        chosen = as_object(side.get(output or inner)) or {}
        if chosen.get("visible") is False:
            return None
        name = key = as_text(chosen.get("name")) or inner
        if name in seen:
            prefix = as_text(node.get("title")) or as_text(node.get("type")) or ""
            name = key = f"{prefix} {inner}"
            if name in seen:
                name = f"{prefix} {seen[name]} {inner}"
        seen[key] = seen.get(key, 0) + 1
        return name


class _Wires:
    """The links of a definition being drawn."""

    def __init__(self) -> None:
        self.links: list[Json] = []

    def connect(self, origin: int, slot: int, target: JsonObject, target_slot: int) -> None:
        """Link to an input of an inner node, which must say so too."""
        inputs = as_list(target["inputs"])
        if target_slot < len(inputs):
            identity = self.add(origin, slot, as_slot(target["id"]) or 0, target_slot)
            inputs[target_slot] = {**(as_object(inputs[target_slot]) or {}), "link": identity}

    def add(self, origin: int, slot: int, target: int, target_slot: int) -> int:
        """Link without saying so at the target; gives the link's id."""
        identity = len(self.links) + 1
        self.links.append(
            {
                "id": identity,
                "origin_id": origin,
                "origin_slot": slot,
                "target_id": target,
                "target_slot": target_slot,
            }
        )
        return identity


def _group_name(node: Json) -> str | None:
    kind = as_text((as_object(node) or {}).get("type")) or ""
    return next((kind.removeprefix(one) for one in _PREFIXES if kind.startswith(one)), None)


def _instance(node: Json, groups: Mapping[str, _Group]) -> Json:
    group = groups.get(_group_name(node) or "")
    data = as_object(node)
    if group is None or data is None:
        return node
    return {**data, "type": group.id, "widgets_values": group.values(data.get("widgets_values"))}


def _inner(index: int, node: JsonObject, groups: Mapping[str, _Group]) -> JsonObject:
    """An inner node, named by its position, with no links yet."""
    inputs: list[Json] = [{**(as_object(one) or {}), "link": None} for one in as_list(node.get("inputs"))]
    data = as_object(_instance(node, groups)) or {}
    return {**data, "id": index, "inputs": inputs}


def _slot_of(node: JsonObject, exposed: _Exposed) -> int:
    """The position of an inner input; a widget that was never drawn as an input gets one."""
    inputs = as_list(node["inputs"])
    for position, one in enumerate(inputs):
        if (as_object(one) or {}).get("name") == exposed.input:
            return position
    inputs.append({"name": exposed.input, "type": exposed.type, "widget": {"name": exposed.input}, "link": None})
    return len(inputs) - 1


def _positions(link: Json) -> tuple[int, int, int, int] | None:
    """A link inside a group: from node and slot to node and slot, all by position."""
    parts = [as_slot(one) for one in link[:4]] if isinstance(link, list) else []
    if len(parts) != 4 or None in parts:
        return None
    origin, origin_slot, target, target_slot = (one or 0 for one in parts)
    return origin, origin_slot, target, target_slot
