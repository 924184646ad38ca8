"""The values that instances of subgraphs give to the widgets they show, read and written.

An instance lists such values by position, like any node; their types and defaults are inside the subgraph. So they are
read when the whole document is known. A value equal to the one inside says nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from graph.comfyui.boundary import face, subgraph_of
from graph.comfyui.canvas import Canvas, CanvasNode, Definition
from graph.comfyui.shapes import as_object
from graph.comfyui.sockets import Known, editor_data, parameter_socket
from graph.comfyui.subgraphs import Interface, proxies, shown_inputs
from graph.comfyui.widgets import WidgetSlot, coerce, name_values
from graph.document import Document, Link, Node, Subgraph
from graph.flatten import Catalogue
from graph.json import Json, JsonObject

_PROXIES = "proxyWidgets"


def with_instance_values(
    document: Document,
    root: Canvas,
    definitions: Sequence[Definition],
    interfaces: Mapping[str, Interface],
    catalogue: Catalogue,
) -> Document:
    """The document with the widget values that its canvases write on instances of subgraphs."""
    if not definitions:
        return document
    subgraphs = dict(document.subgraphs)
    reading = _Reading(interfaces, Known(catalogue, subgraphs))
    for one in definitions:
        key = interfaces[one.id].key
        subgraphs[key] = replace(subgraphs[key], nodes=_filled(subgraphs[key].nodes, one.canvas, reading))
    return replace(document, nodes=_filled(document.nodes, root, reading), subgraphs=subgraphs)


def instance_widgets(node: Node, subgraph: Subgraph, known: Known) -> tuple[list[tuple[str, str]], list[Json]]:
    """The inner widgets that an instance shows, and their values; no values if it has none of its own."""
    wanted = _widget_binds(subgraph, known)
    kept = proxies(editor_data(node).get("properties"))
    names = shown_inputs(kept, subgraph.parameters)
    if not wanted.keys() <= set(names):
        kept, names = list(wanted.values()), list(wanted)
    literals = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
    values = [_shown_value(name, literals, subgraph, known) for name in names] if literals else []
    return kept, values


@dataclass(frozen=True, slots=True)
class _Reading:
    """`known.subgraphs` grows complete while the definitions are read."""

    interfaces: Mapping[str, Interface]
    known: Known


def _filled(nodes: Mapping[str, Node], canvas: Canvas, reading: _Reading) -> dict[str, Node]:
    return {name: _with_values(node, canvas.nodes.get(name), reading) for name, node in nodes.items()}


def _with_values(node: Node, drawn: CanvasNode | None, reading: _Reading) -> Node:
    known = reading.known
    subgraph = subgraph_of(node, known.subgraphs)
    interface = reading.interfaces.get(drawn.type) if drawn else None
    if subgraph is None or drawn is None or interface is None:
        return node
    inputs = dict(node.inputs)
    for name, value in _given(drawn, interface, subgraph, known).items():
        if not isinstance(inputs.get(name), Link):
            inputs[name] = value
    stated = {
        name: value
        for name, value in inputs.items()
        if isinstance(value, Link) or not _same(value, face(subgraph, name, known.subgraphs, known.catalogue).value)
    }
    return replace(node, inputs=stated, ui=_without_usual_proxies(node.ui, subgraph, known))


def _given(drawn: CanvasNode, interface: Interface, subgraph: Subgraph, known: Known) -> dict[str, Json]:
    """The values an instance lists, by input name, in the types of the widgets inside."""
    listed = drawn.data.get("widgets_values")
    values = listed if isinstance(listed, list) else []
    shown = proxies(drawn.data.get("properties"))
    if shown:  # every entry has its own value, controls of seeds too
        names = shown_inputs(shown, interface.parameters)
        given = {
            name: coerce(_widget(name, subgraph, known).widget, value)
            for name, value in zip_longest(names, values[: len(names)])
            if name and value is not None
        }
    else:
        given = name_values([_widget(name, subgraph, known) for name in _drawn(drawn, interface)], values).values
    named = (as_object(listed) or {}) | (as_object(drawn.data.get("widgets_values_named")) or {})
    for one in interface.parameters:
        if named.get(one.name) is not None:
            given[one.name] = coerce(_widget(one.name, subgraph, known).widget, named[one.name])
    return given


def _drawn(drawn: CanvasNode, interface: Interface) -> Sequence[str]:
    """The inputs that stand for widgets, in files older than `proxyWidgets`."""
    names = {one.name for one in interface.parameters}
    return [slot.name for slot in drawn.inputs if slot.widget and slot.name in names] or interface.widgets


def _widget(name: str, subgraph: Subgraph, known: Known) -> WidgetSlot:
    port = face(subgraph, name, known.subgraphs, known.catalogue).port
    return WidgetSlot(name, port.widget if port else None)


def _widget_binds(subgraph: Subgraph, known: Known) -> dict[str, tuple[str, str]]:
    """The inputs that stand for widgets, each with the first inner widget that it sets."""
    return {
        one.name: one.binds[0]
        for one in subgraph.parameters
        if one.binds and parameter_socket(subgraph, one.name, known).widget
    }


def _shown_value(name: str | None, literals: Mapping[str, Json], subgraph: Subgraph, known: Known) -> Json:
    if name is None:
        return None
    return literals[name] if name in literals else face(subgraph, name, known.subgraphs, known.catalogue).value


def _without_usual_proxies(ui: JsonObject, subgraph: Subgraph, known: Known) -> JsonObject:
    """The list of shown widgets is kept only where it says something else than what an export would write anyway."""
    kept = as_object(ui.get("comfyui")) or {}
    properties = as_object(kept.get("properties")) or {}
    if _PROXIES not in properties or proxies(properties) != list(_widget_binds(subgraph, known).values()):
        return ui
    rest = {key: value for key, value in properties.items() if key != _PROXIES}
    others = {key: value for key, value in kept.items() if key != "properties"} | ({"properties": rest} if rest else {})
    return {key: value for key, value in {**ui, "comfyui": others}.items() if key != "comfyui" or others}


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: 1 and 1.0 are, 1 and true are not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
