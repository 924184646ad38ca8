"""ComfyUI's subgraph definitions seen from outside: which names their inputs and outputs have in our documents.

On a canvas a subgraph's inputs are positions, bound by links from a pseudo node, and a widget may also be shown on the
outside without any link (`proxyWidgets`). Here both become named inputs, so that later positions do not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graph.comfyui.canvas import Canvas, CanvasNode, Definition, Slot
from graph.comfyui.names import Names
from graph.comfyui.shapes import as_identity, as_list, as_object, as_text
from graph.comfyui.wiring import REROUTE_SLOT, FromOutside, behind_reroutes, input_name, linked, source
from graph.document import Parameter
from graph.json import Json
from graph.spec import Catalogue

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OWN_INPUT: Final = "-1"
_CONTROL: Final = "control_after_generate"


@dataclass(frozen=True, slots=True)
class Interface:
    """A definition from outside. `key` names it in the document; `parameters` are its inputs, first those that the
    canvas has by position, then widgets shown without a link; `widgets` are inputs that stand for a widget."""

    key: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[str, ...]
    widgets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """An output of a subgraph that is one of its inputs, and the node to put between them."""

    node: str
    output_slot: int
    input_slot: int


def looks_like_subgraph(kind: str) -> bool:
    """Whether a node type is the id of a definition, present or not."""
    return _UUID.fullmatch(kind) is not None


def interfaces(
    definitions: Sequence[Definition], canvases: Sequence[Canvas], catalogue: Catalogue
) -> dict[str, Interface]:
    """Definition id to interface. `canvases` are all graphs of the file: their instances tell which widgets are shown."""
    keys, shown = Names(), _shown_widgets(canvases)
    by_id = {one.id: one for one in definitions}
    return {
        one.id: _interface(one, keys.take(one.name or "subgraph"), shown.get(one.id, []), by_id, catalogue)
        for one in definitions
    }


def proxies(properties: Json) -> list[tuple[str, str]]:
    """The widgets that an instance shows, as (inner node, widget); the node is -1 for an input of the subgraph itself."""
    listed = as_list((as_object(properties) or {}).get("proxyWidgets"))
    pairs = [(as_identity(one[0]), as_text(one[1])) for one in listed if isinstance(one, list) and len(one) >= 2]
    return [(inner, widget) for inner, widget in pairs if inner is not None and widget is not None]


def shown_inputs(listed: Sequence[tuple[str, str]], parameters: Sequence[Parameter]) -> list[str | None]:
    """The inputs that an instance's `widgets_values` belong to, by position; None where we keep no such value."""
    by_bind = {bind: one.name for one in parameters for bind in one.binds}
    names = {one.name for one in parameters}
    return [
        (widget if widget in names else None) if inner == _OWN_INPUT else by_bind.get((inner, widget))
        for inner, widget in listed
    ]


def _shown_widgets(canvases: Sequence[Canvas]) -> dict[str, list[tuple[str, str]]]:
    shown: dict[str, list[tuple[str, str]]] = {}
    for canvas in canvases:
        for node in canvas.nodes.values():
            shown.setdefault(node.type, []).extend(proxies(node.data.get("properties")))
    return shown


def _interface(
    definition: Definition,
    key: str,
    shown: Sequence[tuple[str, str]],
    definitions: Mapping[str, Definition],
    catalogue: Catalogue,
) -> Interface:
    canvas, names = definition.canvas, Names()
    binds: dict[int, list[tuple[str, str]]] = {}
    widgets: set[int] = set()
    for slot, bind, is_widget in _bound_inputs(canvas):
        binds.setdefault(slot, []).append(bind)
        if is_widget:
            widgets.add(slot)
    parameters = [
        Parameter(names.take(slot.name or f"input_{index}"), tuple(binds.get(index, ())), _help(slot))
        for index, slot in enumerate(canvas.inputs)
    ]
    bound = {bind for one in parameters for bind in one.binds}
    extra = [
        Parameter(names.take(widget), ((inner, widget),))
        for inner, widget in dict.fromkeys(shown)
        if (inner, widget) not in bound and _has_widget(canvas.nodes.get(inner), widget, definitions, catalogue)
    ]
    outputs = Names()
    return Interface(
        key=key,
        parameters=(*parameters, *extra),
        outputs=tuple(outputs.take(slot.name or f"output_{index}") for index, slot in enumerate(canvas.outputs)),
        widgets=(*(parameters[index].name for index in sorted(widgets) if index < len(parameters)),
                 *(one.name for one in extra)),
    )  # fmt: skip


def _bound_inputs(canvas: Canvas) -> Iterator[tuple[int, tuple[str, str], bool]]:
    """What each input of the subgraph sets: (input position, (node, input name), whether that is a widget)."""
    primitives: Mapping[str, CanvasNode] = behind_reroutes(canvas)
    for node in canvas.nodes.values():
        for slot, link in linked(node, canvas):
            origin = source(link, canvas, primitives)
            name = input_name(node, slot)
            if isinstance(origin, FromOutside) and name:
                yield origin.slot, (node.id, name), slot.widget is not None
    for one in passages(canvas):
        yield one.input_slot, (one.node, REROUTE_SLOT), False


def passages(canvas: Canvas) -> list[Passage]:
    """The links that cross a subgraph without meeting a node. A reroute with a free id will stand for each."""
    free = 1 + max((int(name) for name in canvas.nodes if name.isdecimal() and len(name) < 16), default=0)
    crossing = [
        (link.target_slot, link.origin_slot)
        for link in canvas.links.values()
        if link.target == canvas.output_node and link.origin == canvas.input_node
    ]
    return [Passage(str(free + index), *slots) for index, slots in enumerate(crossing)]


def _help(slot: Slot) -> str | None:
    return slot.label if slot.label != slot.name else None


def _has_widget(
    node: CanvasNode | None, widget: str, definitions: Mapping[str, Definition], catalogue: Catalogue
) -> bool:
    """Whether the inner node really has that widget; what an editor only draws (previews, controls) is no input."""
    if node is None or widget.startswith("$$") or _CONTROL in widget:
        return False
    if node.type in definitions:
        inputs = {slot.name for slot in definitions[node.type].canvas.inputs}
        return widget in inputs or widget in {name for _, name in proxies(node.data.get("properties"))}
    spec = catalogue.get(node.type)
    if spec is not None:
        port = spec.input(widget)
        return port is not None and port.widget is not None
    return any(slot.widget == widget for slot in node.inputs)
