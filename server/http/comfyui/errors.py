"""Our problems in the words of ComfyUI's `/prompt`: which of its error types, on which node, for which outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from graph.bound import BoundGraph, BoundNode
from graph.comfyui.object_info import object_info
from graph.errors import Problem, errors_only
from graph.json import Json, JsonObject
from nodes.folders import Folders
from server.http.checking import Checked, upstream

_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "missing_input": ("required_input_missing", "Required input is missing"),
    "comfyui_bad_link": ("bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]"),
    "type_mismatch": ("return_type_mismatch", "Return type mismatch between linked nodes"),
    "unknown_output": ("return_type_mismatch", "Return type mismatch between linked nodes"),
    "comfyui_unknown_slot": ("return_type_mismatch", "Return type mismatch between linked nodes"),
    "unknown_node": ("exception_during_inner_validation", "Exception when validating inner node"),
    "wrong_type": ("invalid_input_type", "Failed to convert an input value"),
    "link_expected": ("invalid_input_type", "Failed to convert an input value"),
    "too_small": ("value_smaller_than_min", "Value smaller than the minimum"),
    "too_big": ("value_bigger_than_max", "Value bigger than the maximum"),
    "not_a_choice": ("value_not_in_list", "Value not in list"),
    "file_not_found": ("value_not_in_list", "Value not in list"),
    "check_failed": ("custom_validation_failed", "Custom validation failed for node"),
    "cycle": ("dependency_cycle", "Nodes depend on each other in a circle"),
}
_LONGEST_LIST: Final = 20


def graph_error(kind: str, message: str, details: str = "", extra: JsonObject | None = None) -> JsonObject:
    """The `error` of an answer."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra or {}}


def sound_outputs(checked: Checked) -> tuple[list[str], dict[str, list[str]]]:
    """The outputs that can run, and for each other one the faulty nodes it needs."""
    sound: list[str] = []
    unsound: dict[str, list[str]] = {}
    lost = {one.node for one in errors_only(checked.problems) if one.node}
    for output in [*checked.outputs, *_faulty_outputs(checked)]:
        faulty = [name for name in upstream(checked.graph, output) if name in lost]
        if faulty:
            unsound[output] = faulty
        elif output not in checked.graph.unavailable:
            sound.append(output)
    return sound, unsound


def node_errors(
    checked: Checked, unsound: Mapping[str, Sequence[str]], prompt: JsonObject, files: Folders
) -> JsonObject:
    """`node_errors`: every faulty node that some output needs."""
    dependents: dict[str, list[str]] = {}
    for output, faulty in unsound.items():
        for name in faulty:
            dependents.setdefault(name, []).append(output)
    told: JsonObject = {}
    for name, outputs in dependents.items():
        own = [one for one in errors_only(checked.problems) if one.node == name]
        told[name] = {
            "errors": [_node_error(one, checked.graph, files) for one in own],
            "dependent_outputs": list[Json](outputs),
            "class_type": class_type(prompt, name),
        }
    return told


def class_type(prompt: JsonObject, node: str) -> str:
    one = prompt.get(node)
    return str(one.get("class_type", "")) if isinstance(one, dict) else ""


def _faulty_outputs(checked: Checked) -> list[str]:
    """Nodes so wrong that they are not even bound are outputs of nothing, and still must be told of."""
    lost = {one.node for one in errors_only(checked.problems) if one.node}
    return [name for name in lost if name not in checked.graph.nodes]


def _node_error(one: Problem, graph: BoundGraph, files: Folders) -> JsonObject:
    kind, message = _TYPES.get(one.code, ("custom_validation_failed", "Custom validation failed for node"))
    details = f"{one.input}: {one.message}" if one.input else one.message
    extra: JsonObject = {}
    if one.input:
        extra = {"input_name": one.input}
        node = graph.nodes.get(one.node or "")
        if node is not None:
            extra |= _input_facts(one.input, node, graph, files)
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _input_facts(port: str, node: BoundNode, graph: BoundGraph, files: Folders) -> JsonObject:
    facts: JsonObject = {}
    sections = object_info(node.spec, files)["input"]
    for section in sections.values() if isinstance(sections, dict) else ():
        if isinstance(section, dict) and port in section:
            facts["input_config"] = _shortened(section[port])
    if port in node.literals:
        facts["received_value"] = node.literals[port]
    if port in node.links:
        link = node.links[port]
        facts["linked_node"] = [link.node, link.output]
        source = graph.nodes.get(link.node)
        output = source.spec.outputs_by_name.get(link.output) if source else None
        facts["received_type"] = output.type if output else None
    return facts


def _shortened(config: Json) -> Json:
    """A combo of many choices is left out, as there."""
    choices = config[0] if isinstance(config, list) and config else None
    return None if isinstance(choices, list) and len(choices) > _LONGEST_LIST else config
