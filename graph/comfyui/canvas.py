"""ComfyUI's canvas JSON as typed values: version 0.4 (links are tuples), 1.0 (links are objects) and what lies between.

Only shapes are judged here: what cannot be read is reported and left out, so that `ui.py` interprets a sound canvas. A
subgraph definition is a canvas too, with inputs and outputs of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from graph.comfyui.imported import Findings, quoted
from graph.comfyui.shapes import as_identity, as_list, as_object, as_slot, as_text
from graph.errors import InputError, Problem
from graph.json import Json, JsonObject

INPUT_NODE: Final = "-10"
OUTPUT_NODE: Final = "-20"


@dataclass(frozen=True, slots=True)
class Slot:
    """An input or output as drawn. `widget` names the widget that this input stands for, `link` what feeds it."""

    name: str
    type: str
    link: str | None = None
    widget: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class CanvasNode:
    """A node as drawn. `data` is its JSON, from which `ui.py` takes what belongs to the editor."""

    id: str
    type: str
    mode: int
    title: str | None
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    data: JsonObject
    path: str


@dataclass(frozen=True, slots=True)
class CanvasLink:
    """A link between slots by position. `reroute` is the last point it runs through."""

    origin: str
    origin_slot: int
    target: str
    target_slot: int
    reroute: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Canvas:
    """A graph as drawn: the file's own, or that of a subgraph definition (then with `inputs` and `outputs`)."""

    nodes: Mapping[str, CanvasNode]
    links: Mapping[str, CanvasLink]
    data: JsonObject
    path: str
    inputs: tuple[Slot, ...] = ()
    outputs: tuple[Slot, ...] = ()
    input_node: str = INPUT_NODE
    output_node: str = OUTPUT_NODE


@dataclass(frozen=True, slots=True)
class Definition:
    """A subgraph: nodes whose type is `id` stand for the canvas."""

    id: str
    name: str
    canvas: Canvas
    data: JsonObject = field(default_factory=dict)


def read_canvas(data: Json, findings: Findings) -> Canvas:
    """The canvas of a whole file. Raises `InputError` (comfyui_not_a_canvas) if it has no list of nodes."""
    canvas = as_object(data)
    if canvas is None or not isinstance(canvas.get("nodes"), list):
        message = "this is not a ComfyUI workflow: it has no list of `nodes`"
        hint = "Save it again with ComfyUI's Save or Export."
        raise InputError([Problem("comfyui_not_a_canvas", message, path="$.nodes", hint=hint)])
    return _canvas(canvas, "$", findings)


def read_definitions(root: Canvas, findings: Findings) -> tuple[Definition, ...]:
    """All subgraph definitions of a file, also those nested in others, each id once."""
    found: dict[str, Definition] = {}
    waiting = deque(_definitions_in(root.data, "$"))
    while waiting:
        path, data = waiting.popleft()
        identity = as_identity(data.get("id"))
        if identity is None or not isinstance(data.get("nodes"), list):
            message = "a subgraph definition needs an id and a list of nodes"
            findings.error("comfyui_definition", message, path)
            continue
        waiting += _definitions_in(data, path)
        if identity in found:
            findings.warn("comfyui_duplicate_definition", f"subgraph {identity!r} is defined twice", path)
            continue
        found[identity] = Definition(identity, as_text(data.get("name")) or "", _canvas(data, path, findings), data)
    return tuple(found.values())


def _definitions_in(data: JsonObject, path: str) -> list[tuple[str, JsonObject]]:
    listed = as_list((as_object(data.get("definitions")) or {}).get("subgraphs"))
    return [
        (f"{path}.definitions.subgraphs[{index}]", definition)
        for index, one in enumerate(listed)
        if (definition := as_object(one)) is not None
    ]


def _canvas(data: JsonObject, path: str, findings: Findings) -> Canvas:
    return Canvas(
        nodes=_nodes(as_list(data.get("nodes")), f"{path}.nodes", findings),
        links=_links(data, f"{path}.links", findings),
        data=data,
        path=path,
        inputs=_slots(data.get("inputs")),
        outputs=_slots(data.get("outputs")),
        input_node=_boundary(data.get("inputNode"), INPUT_NODE),
        output_node=_boundary(data.get("outputNode"), OUTPUT_NODE),
    )


def _boundary(data: Json, usual: str) -> str:
    return as_identity((as_object(data) or {}).get("id")) or usual


def _nodes(listed: list[Json], path: str, findings: Findings) -> dict[str, CanvasNode]:
    nodes: dict[str, CanvasNode] = {}
    for index, one in enumerate(listed):
        node = _node(one, f"{path}[{index}]", findings)
        if node is None:
            continue
        if node.id in nodes:
            message = f"two nodes have the id {quoted(node.id)}; the second is left out"
            findings.error("comfyui_duplicate_node", message, node.path, node=node.id)
            continue
        nodes[node.id] = node
    return nodes


def _node(value: Json, path: str, findings: Findings) -> CanvasNode | None:
    data = as_object(value)
    if data is None:
        findings.error("comfyui_node", f"a node is an object, not {quoted(value)}", path)
        return None
    identity = as_identity(data.get("id"))
    if identity is None:
        message = f"a node's id is a number or a text, not {quoted(data.get('id'))}"
        findings.error("comfyui_node_id", message, f"{path}.id")
        return None
    kind = as_text(data.get("type"))
    if kind is None:
        findings.error("comfyui_node_type", "the node has no type", f"{path}.type", node=identity)
        return None
    return CanvasNode(
        id=identity,
        type=kind,
        mode=_mode(data.get("mode")),
        title=as_text(data.get("title")),
        inputs=_slots(data.get("inputs")),
        outputs=_slots(data.get("outputs")),
        data=data,
        path=path,
    )


def _mode(value: Json) -> int:
    number = as_slot(value)
    return 0 if number is None else number


def _slots(value: Json) -> tuple[Slot, ...]:
    """Slots keep their positions, so one that cannot be read becomes one without a name."""
    return tuple(_slot(as_object(one) or {}) for one in as_list(value))


def _slot(data: JsonObject) -> Slot:
    kind = data.get("type")
    words = [one for one in kind if isinstance(one, str)] if isinstance(kind, list) else []
    return Slot(
        name=as_text(data.get("name")) or "",
        type=as_text(kind) or ",".join(words) or "*",
        link=as_identity(data.get("link")),
        widget=as_text((as_object(data.get("widget")) or {}).get("name")),
        label=as_text(data.get("label")),
    )


def _links(canvas: JsonObject, path: str, findings: Findings) -> dict[str, CanvasLink]:
    extensions = _link_extensions(canvas)
    links: dict[str, CanvasLink] = {}
    for index, one in enumerate(as_list(canvas.get("links"))):
        if one is None:
            continue  # a deleted link
        parts = _link_parts(one)
        identity = as_identity(parts[0])
        origin, target = as_identity(parts[1]), as_identity(parts[3])
        origin_slot, target_slot = as_slot(parts[2]), as_slot(parts[4])
        if identity is None or origin is None or target is None or origin_slot is None or target_slot is None:
            message = "a link is [id, from node, from slot, to node, to slot, type], or the same as an object"
            findings.warn("comfyui_link", message, f"{path}[{index}]")
            continue
        reroute = as_identity(parts[5]) or extensions.get(identity)
        links[identity] = CanvasLink(origin, origin_slot, target, target_slot, reroute, f"{path}[{index}]")
    return links


_LINK_KEYS: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "parentId")


def _link_parts(value: Json) -> list[Json]:
    """Id, origin, slot, target, slot, reroute; what is missing is None."""
    if isinstance(value, dict):
        return [value.get(key) for key in _LINK_KEYS]
    parts = value[:5] if isinstance(value, list) else []
    return [*parts, *[None] * (6 - len(parts))]


def _link_extensions(canvas: JsonObject) -> dict[str, str]:
    """Where 0.4 notes which reroute a link runs through: beside the tuples, in `extra`."""
    listed = as_list((as_object(canvas.get("extra")) or {}).get("linkExtensions"))
    pairs = [(as_identity(one.get("id")), as_identity(one.get("parentId"))) for one in listed if isinstance(one, dict)]
    return {link: reroute for link, reroute in pairs if link is not None and reroute is not None}
