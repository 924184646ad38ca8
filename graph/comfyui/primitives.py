"""Primitives: on ComfyUI's canvas a value drawn as a node, shared by every widget that it is linked to.

A document has no such node. The value is written into each widget, where everybody can see it, and the sharing becomes a
parameter of the document: one name that sets them all, on the command line, in the API and in the form. Where the
primitive was drawn is kept in `ui.primitives`, so an export draws it again. What became of each is told, since who drew it
looks for it on the canvas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from graph.comfyui.canvas import CanvasNode
from graph.comfyui.decoration import leftovers, placement
from graph.comfyui.imported import Findings, quoted
from graph.comfyui.names import Names, identifier
from graph.comfyui.shapes import as_list, as_text
from graph.comfyui.widgets import CONTROLS, DEFAULT_CONTROL
from graph.document import Link, Node, Parameter
from graph.errors import listed
from graph.json import Json, JsonObject

CODE: Final = "comfyui_primitive"

_UNTITLED: Final = frozenset({"", "primitive", "primitivenode"})
_MOST_NAMED: Final = 4

Bind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Primitive:
    """A primitive of a canvas, and the inputs that it sets there."""

    node: CanvasNode
    binds: tuple[Bind, ...]


def value_of(node: CanvasNode) -> Json:
    """The value that a primitive holds, None if it was never set."""
    values = as_list(node.data.get("widgets_values"))
    return values[0] if values else None


def entry(primitive: Primitive) -> JsonObject:
    """A primitive as an entry of `ui.primitives`; the value itself is in the widgets it sets."""
    node, binds = primitive.node, primitive.binds
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


def parameters(primitives: Iterable[Primitive], findings: Findings) -> tuple[Parameter, ...]:
    """One parameter for each primitive that sets something, named by its title or by the first input that it sets."""
    names = Names()
    found: list[Parameter] = []
    for one in primitives:
        if not one.binds:
            _tell_unlinked(one, findings)
            continue
        node, name = one.binds[0]
        parameter = Parameter(names.take(_name(one.node.title, one.binds[0])), one.binds)
        message = f"{_called(one)} is now the parameter {parameter.name!r}, which sets {_listed(one.binds)}"
        hint = "Its value stands in each of them. Set them all at once in the form, or where the workflow is run."
        findings.warn(CODE, message, one.node.path, node=node, input=name, hint=hint)
        found.append(parameter)
    return tuple(found)


def tell_inside(primitives: Iterable[Primitive], subgraph: str, findings: Findings) -> None:
    """Say what became of the primitives of a subgraph, which has no parameters of its own."""
    for one in primitives:
        if not one.binds:
            _tell_unlinked(one, findings)
            continue
        message = f"the value of {_called(one)} in subgraph {quoted(subgraph)} now stands in {_listed(one.binds)}"
        hint = "Each is set by itself. Make one an input of the subgraph to set it from outside."
        findings.warn(CODE, message, one.node.path, hint=hint)


def _tell_unlinked(primitive: Primitive, findings: Findings) -> None:
    message = f"{_called(primitive)} sets nothing: it is kept for ComfyUI, and not shown"
    findings.warn(CODE, message, primitive.node.path)


def _called(primitive: Primitive) -> str:
    title = as_text(primitive.node.title) or ""
    return f"primitive {primitive.node.id}" if identifier(title) in _UNTITLED else f"primitive {quoted(title)}"


def _listed(binds: Sequence[Bind]) -> str:
    return listed([f"{node}.{name}" for node, name in binds], _MOST_NAMED)


def _name(title: str | None, first: Bind) -> str:
    word = identifier(as_text(title) or "")
    return first[1] if word in _UNTITLED else word
