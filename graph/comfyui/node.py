"""One node of a canvas as a node of a document: its values by name, its links by name, its drawing under `ui`.

Under `ui`: `pos`, `size`, `color`, `bgcolor`, `collapsed`; `control` (what happens to a seed after each run, by input);
`beneath` (values that widgets hold beneath their links); `via` (the reroute before an input); and under `comfyui` what
only its editor needs. For a node of unknown type that includes its slots, so that an export can draw them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from graph.comfyui.canvas import Canvas, CanvasNode, Slot
from graph.comfyui.decoration import leftovers, placement
from graph.comfyui.imported import Findings, quoted
from graph.comfyui.names import Names
from graph.comfyui.primitives import value_of
from graph.comfyui.shapes import as_object
from graph.comfyui.subgraphs import Interface, looks_like_subgraph
from graph.comfyui.widgets import (
    CONTROLS,
    DEFAULT_CONTROL,
    NamedValues,
    WidgetSlot,
    coerce,
    name_values,
    widget_slots,
)
from graph.comfyui.wiring import REROUTE_SLOT, REROUTES, FromNode, FromPrimitive, input_name, source
from graph.document import SUBGRAPH, InputValue, Link, Mode, Node
from graph.flatten import REROUTE
from graph.json import Json, JsonObject
from graph.spec import Catalogue, NodeSpec

_MODES: Final[Mapping[int, Mode]] = {0: "on", 2: "mute", 4: "bypass"}


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reading of one file shares. `drawn` remembers the output names of nodes of unknown type, by path."""

    catalogue: Catalogue
    interfaces: Mapping[str, Interface]
    findings: Findings
    drawn: dict[str, list[str]] = field(default_factory=dict)


Fed = list[tuple[str, str]]


def document_node(
    node: CanvasNode, canvas: Canvas, primitives: Mapping[str, CanvasNode], reading: Reading
) -> tuple[Node, Fed]:
    """The node, and which of its inputs a primitive feeds, as (primitive, input)."""
    interface = reading.interfaces.get(node.type)
    spec = reading.catalogue.get(node.type)
    kind = f"{SUBGRAPH}{interface.key}" if interface else REROUTE if node.type in REROUTES else node.type
    if interface is None and spec is None and looks_like_subgraph(node.type):
        message = f"the definition of subgraph {node.type} is not in the file"
        hint = "Save the workflow again in ComfyUI; copying a node without its definition loses it."
        reading.findings.error("comfyui_no_definition", message, f"{node.path}.type", node=node.id, hint=hint)
    slots = widget_slots(spec) if spec else _drawn_widgets(node)
    values = NamedValues() if interface or kind == REROUTE else _values(node, spec, slots, reading.findings)
    linking = _Linking(node, canvas, primitives, reading, slots, values)
    linking.follow()
    known = spec is not None or interface is not None or kind == REROUTE
    ui = _ui(node, kind, known, values)
    ui |= {key: found for key, found in (("beneath", linking.beneath), ("via", linking.via)) if found}
    inputs = _in_order(linking.inputs, spec)
    return Node(kind, inputs, _mode(node, reading.findings), node.title, ui, node.path), linking.fed


def output_name(node: CanvasNode, slot: int, path: str, reading: Reading) -> str:
    """The name of an output by its position: as declared, or (for an unknown type) as drawn."""
    if node.type in REROUTES:
        return REROUTE_SLOT
    interface, spec = reading.interfaces.get(node.type), reading.catalogue.get(node.type)
    if interface is not None:
        names: Sequence[str] = interface.outputs
    elif spec is not None:
        names = [one.name for one in spec.outputs]
    else:
        if node.path not in reading.drawn:
            reading.drawn[node.path] = drawn_outputs([one.name for one in node.outputs])
        names = reading.drawn[node.path]
    if slot < len(names):
        return names[slot]
    if interface is not None or spec is not None:
        message = f"{node.type!r} has {len(names)} outputs; the link comes from number {slot}"
        reading.findings.error("comfyui_unknown_slot", message, path, node=node.id)
    return f"output_{slot}"


def drawn_outputs(names: Sequence[str]) -> list[str]:
    """The names of the outputs of an unknown type, made to differ."""
    taken = Names()
    return [taken.take(name or f"output_{index}") for index, name in enumerate(names)]


def _mode(node: CanvasNode, findings: Findings) -> Mode:
    if node.mode not in _MODES:
        message = f"mode {node.mode} means nothing in a workflow that is run as a whole; the node is taken as on"
        findings.warn("comfyui_mode", message, f"{node.path}.mode", node=node.id)
    return _MODES.get(node.mode, "on")


def _drawn_widgets(node: CanvasNode) -> tuple[WidgetSlot, ...]:
    """The widgets of an unknown type, as far as its inputs show them (files since 2025 do)."""
    return tuple(WidgetSlot(slot.widget) for slot in node.inputs if slot.widget is not None)


def _values(node: CanvasNode, spec: NodeSpec | None, slots: Sequence[WidgetSlot], findings: Findings) -> NamedValues:
    """The widget values of a node by name, however its file lists them."""
    listed = node.data.get("widgets_values")
    positional = listed if isinstance(listed, list) else []
    values = name_values(slots, positional)
    path = f"{node.path}.widgets_values"
    if spec is None and (values.surplus or len(positional) != len(slots) + len(values.controls)):
        if positional:
            message = f"{node.type!r} is unknown, so its values have no names: {len(positional)} of them"
            hint = "They are kept. The editor gives them, in their order, to the type that is chosen in its place."
            findings.warn("comfyui_unnamed_values", message, path, node=node.id, hint=hint)
        values = NamedValues()
    named = as_object(node.data.get("widgets_values_named")) or (as_object(listed) or {})
    _by_name(values, named, spec, slots)
    if spec is None:
        return values
    if values.misfits and not named:
        position, name = values.misfits[0]
        message = f"{quoted(positional[position])} does not fit the widget {name!r} at this position"
        hint = "The file is from another version of this node, whose widgets were in another order. Check its values."
        findings.warn("comfyui_shifted_values", message, f"{path}[{position}]", node=node.id, input=name, hint=hint)
    if values.surplus:
        message = f"{node.type!r} has no widgets for the last {len(values.surplus)} values"
        findings.warn("comfyui_surplus_values", message, path, node=node.id)
    return values


def _by_name(
    values: NamedValues, named: Mapping[str, Json], spec: NodeSpec | None, slots: Sequence[WidgetSlot]
) -> None:
    """Values that the file gives by name win over those by position."""
    widgets = {slot.name: slot.widget for slot in slots}
    for name, value in named.items():
        if name and value is not None and (spec is None or name in widgets):
            values.values[name] = coerce(widgets.get(name), value)
    word = named.get("control_after_generate")
    seed = next((slot.name for slot in slots if slot.seed), None)
    if seed is not None and isinstance(word, str) and word in CONTROLS:
        values.controls[seed] = word


class _Linking:
    """The inputs of one node being gathered: widget values first, then what its links make of them."""

    def __init__(
        self,
        node: CanvasNode,
        canvas: Canvas,
        primitives: Mapping[str, CanvasNode],
        reading: Reading,
        slots: Sequence[WidgetSlot],
        values: NamedValues,
    ) -> None:
        self.node, self.canvas, self.primitives, self.reading = node, canvas, primitives, reading
        self.widgets = {slot.name: slot for slot in slots}
        self.written: JsonObject = {name: slot.default for name, slot in self.widgets.items()} | values.values
        self.inputs: dict[str, InputValue] = {name: one for name, one in self.written.items() if one is not None}
        self.beneath: JsonObject = {}
        self.via: JsonObject = {}
        self.fed: Fed = []

    def follow(self) -> None:
        spec = self.reading.catalogue.get(self.node.type)
        for index, slot in enumerate(self.node.inputs):
            name = input_name(self.node, slot)
            port = spec.input(name) if spec else None
            if slot.link is not None and name:
                self._follow(port.name if port else name, slot.link, f"{self.node.path}.inputs[{index}]")

    def _follow(self, name: str, identity: str, path: str) -> None:
        link = self.canvas.links.get(identity)
        origin = source(link, self.canvas, self.primitives) if link else None
        if link is None or origin is None:
            what = f"link {identity}" if link is None else f"node {link.origin}"
            message = f"{name!r} is linked to {what}, which is not in the file; the link is dropped"
            self.reading.findings.warn("comfyui_dangling_link", message, path, node=self.node.id, input=name)
            return
        if link.reroute is not None:
            self.via[name] = link.reroute
        if isinstance(origin, FromPrimitive):
            self._take(name, origin.node)
        elif isinstance(origin, FromNode):
            self._cover(name)
            self.inputs[name] = Link(origin.node.id, output_name(origin.node, origin.slot, link.path, self.reading))

    def _take(self, name: str, primitive: CanvasNode) -> None:
        """The primitive's value takes the place of the widget's own."""
        if self.node.type in REROUTES:
            return
        slot = self.widgets.get(name)
        value = coerce(slot.widget if slot else None, value_of(primitive))
        if value is not None:
            self.inputs[name] = value
        if name in self.inputs:
            self.fed.append((primitive.id, name))

    def _cover(self, name: str) -> None:
        """A widget keeps its value beneath a link, for the day when the link is removed."""
        slot, value = self.widgets.get(name), self.written.get(name)
        if slot is not None and value is not None and value != slot.default:
            self.beneath[name] = value


def _in_order(inputs: Mapping[str, InputValue], spec: NodeSpec | None) -> dict[str, InputValue]:
    """Inputs in the order of their declaration, unknown ones last."""
    declared = [one.name for one in spec.inputs if one.name in inputs] if spec else []
    return {name: inputs[name] for name in (*declared, *(one for one in inputs if one not in declared))}


def _ui(node: CanvasNode, kind: str, known: bool, values: NamedValues) -> JsonObject:
    """What is drawn of the node, and under `comfyui` what only its editor needs."""
    ui = placement(node.data)
    controls: JsonObject = {name: word for name, word in values.controls.items() if word != DEFAULT_CONTROL}
    if controls:
        ui["control"] = controls
    rest = leftovers(node.data)
    if values.surplus:
        rest["surplus"] = values.surplus
    if kind == REROUTE and node.type != REROUTE:
        rest["type"] = node.type
    if not known:
        rest |= _drawn_slots(node, values)
    return {**ui, "comfyui": rest} if rest else ui


def _drawn_slots(node: CanvasNode, values: NamedValues) -> JsonObject:
    """The slots of a node of unknown type, and its values where they have no names."""
    listed = node.data.get("widgets_values")
    slots: JsonObject = {
        "inputs": [_drawn(slot) for slot in node.inputs],
        "outputs": [{"name": slot.name, "type": slot.type} for slot in node.outputs],
        "values": listed if isinstance(listed, list) and not values.values else None,
    }
    return {key: value for key, value in slots.items() if value}


def _drawn(slot: Slot) -> Json:
    drawn: JsonObject = {"name": slot.name, "type": slot.type}
    return {**drawn, "widget": slot.widget} if slot.widget is not None else drawn
