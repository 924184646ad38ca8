"""Documents to ComfyUI's API prompts: what its editor would send for the same graph.

Structure is resolved by the engine itself (`graph/flatten.py`), so subgraphs get colon ids and muted, bypassed and reroute
nodes are gone, exactly as in a run of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from graph.comfyui.node import drawn_outputs
from graph.comfyui.prompt import WRAPPED
from graph.comfyui.shapes import as_list
from graph.comfyui.widgets import default_value, in_order
from graph.document import Document, InputValue, Link, Node
from graph.errors import InputError, errors_only
from graph.flatten import FlatGraph, flatten
from graph.json import Json, JsonObject
from graph.spec import Catalogue, Input, Missing, NodeSpec


def export_prompt(document: Document, catalogue: Catalogue) -> JsonObject:
    """The API prompt of a document. Widgets that the document leaves out get their defaults, which ComfyUI demands.

    Raises `InputError` if the structure cannot be resolved (unknown or self-containing subgraphs).
    """
    flat = flatten(document, catalogue)
    faults = errors_only(flat.problems)
    if faults:
        raise InputError(faults)
    return {name: _node(name, node, flat, catalogue) for name, node in flat.nodes.items()}


def _node(name: str, node: Node, flat: FlatGraph, catalogue: Catalogue) -> Json:
    spec = catalogue.get(node.type)
    inputs: JsonObject = {}
    for key, value in (_completed(name, node, spec, flat) if spec else node.inputs).items():
        if not isinstance(value, Link):
            inputs[key] = {WRAPPED: value} if isinstance(value, list) else value
        elif value.node in flat.nodes:
            inputs[key] = [value.node, output_position(value.output, flat.nodes[value.node], catalogue)]
    title = node.title or (spec.display_name if spec else "") or node.type
    return {"inputs": inputs, "class_type": node.type, "_meta": {"title": title}}


def _completed(name: str, node: Node, spec: NodeSpec, flat: FlatGraph) -> Mapping[str, InputValue]:
    """The inputs in the declared order, widgets that were left out with their defaults, undeclared ones last.

    An input whose source was muted away stays away.
    """
    inputs: dict[str, InputValue] = {}
    for port in in_order(spec):
        if port.name in node.inputs:
            inputs[port.name] = node.inputs[port.name]
        elif _must_be_sent(port) and (name, port.name) not in flat.lost:
            default = default_value(port)
            if default is not None:
                inputs[port.name] = default
    return {**inputs, **node.inputs}


def _must_be_sent(port: Input) -> bool:
    return port.widget is not None and not (port.optional and isinstance(port.default, Missing))


def output_position(output: str, node: Node, catalogue: Catalogue) -> int:
    """The position of an output: as declared; for an unknown type as it was drawn, or as its name `output_3` says."""
    spec = catalogue.get(node.type)
    names = [one.name for one in spec.outputs] if spec else drawn_output_names(node)
    if output in names:
        return names.index(output)
    number = output.removeprefix("output_")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 0


def drawn_output_names(node: Node) -> list[str]:
    """The names of the outputs of an unknown type, as a canvas file once drew them."""
    drawn = node.ui.get("comfyui")
    slots = as_list(drawn.get("outputs")) if isinstance(drawn, dict) else []
    return drawn_outputs([str(one.get("name") or "") if isinstance(one, dict) else "" for one in slots])
