"""The slots that a node of a document gets when it is drawn on a canvas: inputs, outputs and widgets, by position."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from graph.comfyui.boundary import Insides
from graph.comfyui.node import drawn_outputs
from graph.comfyui.shapes import as_list, as_object, as_text
from graph.comfyui.widgets import CONTROLS, WidgetSlot, in_order, place_values, widget_slots
from graph.document import Link, Node, Subgraph
from graph.flatten import REROUTE
from graph.json import Json, JsonObject
from graph.ports import ANY
from graph.spec import NodeSpec


@dataclass(frozen=True, slots=True)
class Socket:
    """An input or output as drawn. `widget`: the input stands for a widget of its name; `name` as the document has it."""

    name: str
    type: str
    widget: bool = False
    optional: bool = False
    is_list: bool = False


def editor_data(node: Node) -> JsonObject:
    """What only ComfyUI's editor needs of a node, kept from the file that it came from."""
    return as_object(node.ui.get("comfyui")) or {}


def input_sockets(node: Node, linked: Collection[str], insides: Insides) -> list[Socket]:
    """The inputs to draw: all that can only be linked, and of the others those in `linked`."""
    subgraph, spec = insides.of(node), insides.catalogue.get(node.type)
    if node.type == REROUTE:
        return [Socket("value", ANY)]
    if subgraph is not None:
        sockets = [parameter_socket(subgraph, one.name, insides) for one in subgraph.parameters]
    elif spec is not None:
        sockets = [Socket(one.name, one.type, one.widget is not None, one.optional) for one in in_order(spec)]
    else:
        sockets = _drawn_inputs(node)
    names = {one.name for one in sockets}
    others = [Socket(name, ANY) for name in linked if name not in names]
    everything = spec is None and subgraph is None
    return [one for one in (*sockets, *others) if everything or not one.widget or one.name in linked]


def output_sockets(node: Node, least: int, insides: Insides) -> list[Socket]:
    """The outputs to draw, for a node of unknown type at least as many as are linked."""
    subgraph, spec = insides.of(node), insides.catalogue.get(node.type)
    if node.type == REROUTE:
        return [Socket("value", ANY)]
    if subgraph is not None:
        return [Socket(one.name, insides.output_type(one.source, subgraph.nodes)) for one in subgraph.outputs]
    if spec is not None:
        return [Socket(one.name, one.type, is_list=one.is_list) for one in spec.outputs]
    listed = [as_object(one) or {} for one in as_list(editor_data(node).get("outputs"))]
    drawn = [Socket(as_text(one.get("name")) or "", as_text(one.get("type")) or ANY) for one in listed]
    return drawn + [Socket(f"output_{index}", ANY) for index in range(len(drawn), least)]


def output_slots(node: Node, insides: Insides) -> dict[str, tuple[int, str]]:
    """Position and type of each named output."""
    sockets = output_sockets(node, 0, insides)
    names = [one.name for one in sockets]
    unknown = insides.of(node) is None and node.type not in insides.catalogue and node.type != REROUTE
    return {
        name: (position, sockets[position].type)
        for position, name in enumerate(drawn_outputs(names) if unknown else names)
    }


def numbered_output(name: str) -> int | None:
    """The position of an output that has no other name (`output_3`)."""
    number = name.removeprefix("output_")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 5 else None


def widget_values(node: Node, insides: Insides) -> Json:
    """The `widgets_values` of a node that is no subgraph; a list wherever the order of its widgets is known."""
    if node.type == REROUTE:
        return []
    literals = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
    values = (as_object(node.ui.get("beneath")) or {}) | literals
    spec = insides.catalogue.get(node.type)
    return _placed(node, values, spec) if spec is not None else _unknown_values(node, values)


def _placed(node: Node, values: Mapping[str, Json], spec: NodeSpec) -> Json:
    surplus = as_list(editor_data(node).get("surplus"))
    return [*place_values(widget_slots(spec), values, controls(node), surplus)]


def controls(node: Node) -> dict[str, str]:
    """What happens to which seed after a run."""
    given = as_object(node.ui.get("control")) or {}
    return {name: word for name, word in given.items() if isinstance(word, str) and word in CONTROLS}


def _unknown_values(node: Node, values: Mapping[str, Json]) -> Json:
    """By position if the drawn inputs say which, as it was found if nothing has a name, else by name."""
    names = [one.name for one in _drawn_inputs(node) if one.widget]
    if values and values.keys() <= set(names):
        return [*place_values([WidgetSlot(name) for name in names], values, controls(node))]
    return {**values} if values else as_list(editor_data(node).get("values"))


def _drawn_inputs(node: Node) -> list[Socket]:
    """The inputs of a node of unknown type as a canvas file once drew them."""
    listed = [as_object(one) or {} for one in as_list(editor_data(node).get("inputs"))]
    return [
        Socket(as_text(one.get("widget")) or as_text(one.get("name")) or "", as_text(one.get("type")) or ANY,
               as_text(one.get("widget")) is not None)
        for one in listed
    ]  # fmt: skip


def parameter_socket(subgraph: Subgraph, name: str, insides: Insides) -> Socket:
    """The input of a subgraph as its instances draw it, like the inner input that it stands for."""
    behind = insides.face(subgraph, name)
    if behind.port is None:
        return Socket(name, ANY, widget=behind.value is not None)
    return Socket(name, behind.port.type, behind.port.widget is not None, behind.port.optional)
