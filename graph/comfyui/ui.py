"""ComfyUI's canvas files to documents.

What the canvas says by position (widget values, slots, links) is said by name; virtual nodes are resolved: primitives
into values and parameters, notes into `ui.notes`, subgraph definitions into subgraphs. `Reroute` nodes stay, since the
engine dissolves them. What is only drawn goes to `ui` and comes back on export (`export_ui.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from graph.comfyui.canvas import Canvas, CanvasNode, Definition, read_canvas, read_definitions
from graph.comfyui.controls import tell_controls
from graph.comfyui.decoration import NOTES, groups, note, view
from graph.comfyui.group_nodes import with_definitions
from graph.comfyui.imported import Findings, Imported
from graph.comfyui.instances import with_instance_values
from graph.comfyui.node import Reading, document_node, output_name
from graph.comfyui.own import OWN_KEY, with_own_data
from graph.comfyui.primitives import Primitive, entry, parameters, tell_inside
from graph.comfyui.reroutes import reroutes
from graph.comfyui.shapes import as_numbers, as_object
from graph.comfyui.subgraphs import Interface, interfaces, passages
from graph.comfyui.wiring import PRIMITIVE, REROUTE_SLOT, FromNode, behind_reroutes, source
from graph.document import Document, Link, Node, Subgraph, SubgraphOutput
from graph.flatten import REROUTE
from graph.json import Json, JsonObject
from graph.spec import Catalogue

_FILE_KEYS: Final = ("id", "revision", "config", "models")
_DEFINITION_KEYS: Final = ("id", "revision", "config", "description", "category", "extra")
_RESOLVED_EXTRAS: Final = frozenset({"ds", "reroutes", "linkExtensions", "groupNodes", OWN_KEY})


def import_ui(data: Json, catalogue: Catalogue) -> Imported:
    """The document that a canvas file (UI JSON 0.4 or 1.0) draws.

    Raises `InputError` if the file has no list of nodes; everything else that is wrong with it is in `problems`.
    """
    findings = Findings()
    root = read_canvas(with_definitions(data, catalogue, findings), findings)
    definitions = read_definitions(root, findings)
    canvases = [root, *(one.canvas for one in definitions)]
    outside = interfaces(definitions, canvases, catalogue)
    graph = _graph(root, Reading(catalogue, outside, findings))
    subgraphs = {
        outside[one.id].key: _subgraph(one, outside[one.id], Reading(catalogue, outside, findings))
        for one in definitions
    }
    shared = parameters(graph.primitives, findings)
    document = Document(graph.nodes, parameters=shared, subgraphs=subgraphs, ui=_file_ui(root, graph.ui))
    document = with_instance_values(document, root, definitions, outside, catalogue)
    tell_controls(document, findings)
    own = (as_object(root.data.get("extra")) or {}).get(OWN_KEY)
    return Imported(with_own_data(document, own), tuple(findings.problems))


@dataclass(frozen=True, slots=True)
class _Graph:
    """A canvas as nodes, what is drawn beside them, and its primitives."""

    nodes: Mapping[str, Node]
    ui: JsonObject
    primitives: tuple[Primitive, ...]


def _graph(canvas: Canvas, reading: Reading) -> _Graph:
    primitives = behind_reroutes(canvas)
    nodes: dict[str, Node] = {}
    shared: dict[str, list[tuple[str, str]]] = {}
    for one in canvas.nodes.values():
        if one.type in NOTES or one.type == PRIMITIVE:
            continue
        nodes[one.id], fed = document_node(one, canvas, primitives, reading)
        for primitive, name in fed:
            shared.setdefault(primitive, []).append((one.id, name))
    drawn = tuple(
        Primitive(one, tuple(shared.get(one.id, ()))) for one in canvas.nodes.values() if one.type == PRIMITIVE
    )
    ui: JsonObject = {
        "groups": groups(canvas.data.get("groups")),
        "notes": [note(one) for one in canvas.nodes.values() if one.type in NOTES],
        "primitives": [entry(one) for one in drawn],
        "reroutes": reroutes(canvas),
    }
    return _Graph(nodes, {key: value for key, value in ui.items() if value}, drawn)


def _subgraph(definition: Definition, interface: Interface, reading: Reading) -> Subgraph:
    canvas = definition.canvas
    graph = _graph(canvas, reading)
    title = definition.name or interface.key
    tell_inside(graph.primitives, title, reading.findings)
    crossing = passages(canvas)
    nodes = {**graph.nodes, **{one.node: _passing(index) for index, one in enumerate(crossing)}}
    sources = _sources(canvas, reading)
    sources |= {one.output_slot: Link(one.node, REROUTE_SLOT) for one in crossing}
    outputs: list[SubgraphOutput] = []
    for index, name in enumerate(interface.outputs):
        if index in sources:
            outputs.append(SubgraphOutput(name, sources[index]))
        else:
            message = f"output {name!r} of subgraph {interface.key!r} comes from nowhere"
            reading.findings.warn("comfyui_open_output", message, f"{canvas.path}.outputs[{index}]")
    kept: JsonObject = {
        key: value for key in _DEFINITION_KEYS if (value := definition.data.get(key)) not in (None, {}, 0)
    }
    for key, pseudo in (("input_box", "inputNode"), ("output_box", "outputNode")):
        box = as_numbers((as_object(definition.data.get(pseudo)) or {}).get("bounding"), 4)
        if box is not None:
            kept[key] = box
    ui = graph.ui | {"comfyui": kept}
    return Subgraph(title, nodes, interface.parameters, tuple(outputs), ui)


def _passing(row: int) -> Node:
    """A reroute for a link that crosses a subgraph; drawn, since every node of a canvas has a place."""
    return Node(REROUTE, ui={"pos": [0, 40 * row], "size": [75, 26]})


def _sources(canvas: Canvas, reading: Reading) -> dict[int, Link]:
    """What each output of the subgraph comes from, by position."""
    primitives: Mapping[str, CanvasNode] = {}
    found: dict[int, Link] = {}
    for link in canvas.links.values():
        if link.target != canvas.output_node or link.target in canvas.nodes:
            continue
        origin = source(link, canvas, primitives)
        if isinstance(origin, FromNode):
            found[link.target_slot] = Link(origin.node.id, output_name(origin.node, origin.slot, link.path, reading))
    return found


def _file_ui(root: Canvas, ui: JsonObject) -> JsonObject:
    """The document's `ui`: what is drawn, the last view, and what only ComfyUI's editor needs."""
    extra = as_object(root.data.get("extra")) or {}
    kept: JsonObject = {key: value for key in _FILE_KEYS if (value := root.data.get(key)) not in (None, {}, [], 0)}
    rest: JsonObject = {key: value for key, value in extra.items() if key not in _RESOLVED_EXTRAS}
    if rest:
        kept["extra"] = rest
    result = dict(ui)
    seen = view(extra)
    if seen is not None:
        result["view"] = seen
    return result | {"comfyui": kept} if kept else result
