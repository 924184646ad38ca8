"""The values that instances of subgraphs give to the widgets they show, read and written.

An instance lists such values by position, like any node; their types and defaults are inside the subgraph. So they are
read when the whole document is known. A value equal to the one inside says nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from graph.comfyui.boundary import Insides
from graph.comfyui.canvas import Canvas, CanvasNode, Definition
from graph.comfyui.decoration import entries
from graph.comfyui.primitives import primitive_binds
from graph.comfyui.shapes import as_object
from graph.comfyui.sockets import editor_data, parameter_socket
from graph.comfyui.subgraphs import Interface, proxies, shown_inputs
from graph.comfyui.widgets import WidgetSlot, coerce, name_values
from graph.document import Document, Link, Node, Subgraph
from graph.json import Json, JsonObject
from graph.spec import Catalogue

_PROXIES = "proxyWidgets"


def with_instance_values(
    document: Document,
    root: Canvas,
    definitions: Sequence[Definition],
    interfaces: Mapping[str, Interface],
    catalogue: Catalogue,
) -> Document:
    """The document with the widget values that its canvases write on instances of subgraphs.

    First all are read, then those that say nothing are dropped: which these are depends on what was read.
    """
    if not definitions:
        return document
    insides = Insides(document.subgraphs, catalogue)
    canvases = {interfaces[one.id].key: one.canvas for one in definitions}
    subgraphs = {
        key: replace(one, nodes=_filled(one.nodes, canvases[key], interfaces, insides))
        for key, one in document.subgraphs.items()
    }
    nodes = _filled(document.nodes, root, interfaces, insides)
    full = Insides(subgraphs, catalogue)
    return replace(
        document,
        nodes=_restrained(nodes, document.ui, full),
        subgraphs={key: replace(one, nodes=_restrained(one.nodes, one.ui, full)) for key, one in subgraphs.items()},
    )


def instance_widgets(node: Node, subgraph: Subgraph, insides: Insides) -> tuple[list[tuple[str, str]], list[Json]]:
    """The inner widgets that an instance shows, and their values; no values if it has none of its own."""
    wanted = _widget_binds(subgraph, insides)
    kept = proxies(editor_data(node).get("properties"))
    names = shown_inputs(kept, subgraph.parameters)
    if not wanted.keys() <= set(names):
        kept, names = list(wanted.values()), list(wanted)
    literals = {name: value for name, value in node.inputs.items() if not isinstance(value, Link)}
    values = [_shown_value(name, literals, subgraph, insides) for name in names] if literals else []
    return kept, values


def _filled(
    nodes: Mapping[str, Node], canvas: Canvas, interfaces: Mapping[str, Interface], insides: Insides
) -> dict[str, Node]:
    """The nodes with the values that their canvas writes on instances."""
    filled = dict(nodes)
    for name, node in nodes.items():
        drawn, subgraph = canvas.nodes.get(name), insides.of(node)
        interface = interfaces.get(drawn.type) if drawn else None
        if drawn is not None and subgraph is not None and interface is not None:
            linked = node.inputs  # links, and the values of primitives
            filled[name] = replace(node, inputs={**_given(drawn, interface, subgraph, insides), **linked})
    return filled


def _restrained(nodes: Mapping[str, Node], ui: JsonObject, insides: Insides) -> dict[str, Node]:
    """The nodes with instances rid of the values that are inside anyway. What a primitive sets stays: it is shared."""
    shared = {bind for one in entries(ui, "primitives") for bind in primitive_binds(one, nodes)}
    restrained = dict(nodes)
    for name, node in nodes.items():
        subgraph = insides.of(node)
        if subgraph is not None:
            inputs = {
                key: value
                for key, value in node.inputs.items()
                if isinstance(value, Link)
                or (name, key) in shared
                or not _same(value, insides.face(subgraph, key).value)
            }
            restrained[name] = replace(node, inputs=inputs, ui=_without_usual_proxies(node.ui, subgraph, insides))
    return restrained


def _given(drawn: CanvasNode, interface: Interface, subgraph: Subgraph, insides: Insides) -> dict[str, Json]:
    """The values an instance lists, by input name, in the types of the widgets inside."""
    listed = drawn.data.get("widgets_values")
    values = listed if isinstance(listed, list) else []
    shown = proxies(drawn.data.get("properties"))
    if shown:  # every entry has its own value, controls of seeds too
        names = shown_inputs(shown, interface.parameters)
        given = {
            name: coerce(_widget(name, subgraph, insides).widget, value)
            for name, value in zip_longest(names, values[: len(names)])
            if name and value is not None
        }
    else:
        given = name_values([_widget(name, subgraph, insides) for name in _drawn(drawn, interface)], values).values
    named = (as_object(listed) or {}) | (as_object(drawn.data.get("widgets_values_named")) or {})
    for one in interface.parameters:
        if named.get(one.name) is not None:
            given[one.name] = coerce(_widget(one.name, subgraph, insides).widget, named[one.name])
    return given


def _drawn(drawn: CanvasNode, interface: Interface) -> Sequence[str]:
    """The inputs that stand for widgets, in files older than `proxyWidgets`."""
    names = {one.name for one in interface.parameters}
    return [slot.name for slot in drawn.inputs if slot.widget and slot.name in names] or interface.widgets


def _widget(name: str, subgraph: Subgraph, insides: Insides) -> WidgetSlot:
    port = insides.face(subgraph, name).port
    return WidgetSlot(name, port.widget if port else None)


def _widget_binds(subgraph: Subgraph, insides: Insides) -> dict[str, tuple[str, str]]:
    """The inputs that stand for widgets, each with the first inner widget that it sets."""
    return {
        one.name: one.binds[0]
        for one in subgraph.parameters
        if one.binds and parameter_socket(subgraph, one.name, insides).widget
    }


def _shown_value(name: str | None, literals: Mapping[str, Json], subgraph: Subgraph, insides: Insides) -> Json:
    if name is None:
        return None
    return literals[name] if name in literals else insides.face(subgraph, name).value


def _without_usual_proxies(ui: JsonObject, subgraph: Subgraph, insides: Insides) -> JsonObject:
    """The list of shown widgets is kept only where it says something else than what an export would write anyway."""
    kept = as_object(ui.get("comfyui")) or {}
    properties = as_object(kept.get("properties")) or {}
    if _PROXIES not in properties or proxies(properties) != list(_widget_binds(subgraph, insides).values()):
        return ui
    rest = {key: value for key, value in properties.items() if key != _PROXIES}
    others = {key: value for key, value in kept.items() if key != "properties"} | ({"properties": rest} if rest else {})
    return {key: value for key, value in {**ui, "comfyui": others}.items() if key != "comfyui" or others}


def _same(one: Json, other: Json) -> bool:
    """Equal as JSON: 1 and 1.0 are, 1 and true are not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
