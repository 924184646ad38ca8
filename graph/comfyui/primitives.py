"""Primitives: on ComfyUI's canvas a value drawn as a node, shared by every widget that it is linked to.

A document has no such node. The value is written into each widget, where everybody can see it, and the sharing becomes a
parameter of the document: one name that sets them all, on the command line, in the API and in the form. Where the
primitive was drawn is kept in `ui.primitives`, so an export draws it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from graph.comfyui.canvas import CanvasNode
from graph.comfyui.decoration import leftovers, placement
from graph.comfyui.names import Names, identifier
from graph.comfyui.shapes import as_list, as_text
from graph.comfyui.widgets import CONTROLS, DEFAULT_CONTROL
from graph.document import Link, Node, Parameter
from graph.json import Json, JsonObject

_UNTITLED: Final = frozenset({"", "primitive", "primitivenode"})

Bind = tuple[str, str]


def value_of(node: CanvasNode) -> Json:
    """The value that a primitive holds, None if it was never set."""
    values = as_list(node.data.get("widgets_values"))
    return values[0] if values else None


def entry(node: CanvasNode, binds: Sequence[Bind]) -> JsonObject:
    """A primitive as an entry of `ui.primitives`; the value itself is in the widgets it sets."""
    kept: JsonObject = {"id": node.id, "binds": [list(bind) for bind in binds]}
    if not binds:
        kept["value"] = value_of(node)
    kind = node.outputs[0].type if node.outputs else None
    if kind is not None:
        kept["type"] = kind
    if node.title is not None:
        kept["title"] = node.title
    control = next((one for one in as_list(node.data.get("widgets_values"))[1:] if one in CONTROLS), None)
    if control is not None and control != DEFAULT_CONTROL:
        kept["control"] = control
    rest = leftovers(node.data)
    return kept | placement(node.data) | ({"comfyui": rest} if rest else {})


def primitive_binds(entry: JsonObject, nodes: Mapping[str, Node]) -> Iterator[tuple[str, str]]:
    """The inputs that a drawn primitive still sets: those that exist and hold the value of the first."""
    first: Json = None
    for bind in as_list(entry.get("binds")):
        name, key = (as_text(one) or "" for one in bind) if isinstance(bind, list) and len(bind) == 2 else ("", "")
        node = nodes.get(name)
        value = node.inputs.get(key) if node else None
        if value is None or isinstance(value, Link):
            continue
        first = value if first is None else first
        if value == first:
            yield name, key


def parameters(nodes: Iterable[CanvasNode], binds: Mapping[str, Sequence[Bind]]) -> tuple[Parameter, ...]:
    """One parameter for each primitive that sets something, named by its title or by the first input that it sets."""
    names = Names()
    return tuple(
        Parameter(names.take(_name(node.title, binds[node.id][0])), tuple(binds[node.id]))
        for node in nodes
        if binds.get(node.id)
    )


def _name(title: str | None, first: Bind) -> str:
    word = identifier(as_text(title) or "")
    return first[1] if word in _UNTITLED else word
