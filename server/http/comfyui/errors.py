"""Our problems in the words of ComfyUI's `/prompt`: which of its error types, on which node, for which outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from graph.bound import BoundGraph, BoundNode
from graph.comfyui.object_info import object_info
from graph.errors import Problem
from graph.json import Json, JsonObject
from graph.spec import NodeSpec
from nodes.folders import Folders
from server.http.checking import Checked

_TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "missing_input": ("required_input_missing", "Required input is missing"),
    "comfyui_bad_link": ("bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]"),
    "type_mismatch": ("return_type_mismatch", "Return type mismatch between linked nodes"),
    "unknown_output": ("return_type_mismatch", "Return type mismatch between linked nodes"),
    "comfyui_unknown_slot": ("return_type_mismatch", "Return type mismatch between linked nodes"),
    "unknown_node": ("exception_during_inner_validation", "Exception when validating inner node"),
    "unknown_node of an output": ("exception_during_validation", "Exception when validating node"),
    "wrong_type": ("invalid_input_type", "Failed to convert an input value"),
    "link_expected": ("invalid_input_type", "Failed to convert an input value"),
    "too_small": ("value_smaller_than_min", "Value smaller than the minimum"),
    "too_big": ("value_bigger_than_max", "Value bigger than the maximum"),
    "not_a_choice": ("value_not_in_list", "Value not in list"),
    "file_not_found": ("value_not_in_list", "Value not in list"),
    "check_failed": ("custom_validation_failed", "Custom validation failed for node"),
}
_FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "required_input_missing": ("input_name",),
    "bad_linked_input": ("input_name", "input_config", "received_value"),
    "return_type_mismatch": ("input_name", "input_config", "received_type", "linked_node"),
    "exception_during_inner_validation": (
        "input_name", "input_config", "exception_message", "exception_type", "traceback", "linked_node",
    ),
    "exception_during_validation": ("exception_type", "traceback"),
    "invalid_input_type": ("input_name", "input_config", "received_value", "exception_message"),
    "value_smaller_than_min": ("input_name", "input_config", "received_value"),
    "value_bigger_than_max": ("input_name", "input_config", "received_value"),
    "value_not_in_list": ("input_name", "input_config", "received_value"),
    "custom_validation_failed": ("input_name",),
}  # fmt: skip
"""What the `extra_info` of each type holds."""

Declared: TypeAlias = Callable[[NodeSpec], Json]

_LONGEST_LIST: Final = 20
_MOST_PAIRS: Final = 100_000
"""Of a faulty node and an output that needs it, told at once."""


def graph_error(kind: str, message: str, details: str = "", extra: JsonObject | None = None) -> JsonObject:
    """The `error` of an answer."""
    return {"type": kind, "message": message, "details": details, "extra_info": extra or {}}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Which outputs can run, which need a faulty node, and which need a circle."""

    sound: Sequence[str]
    unsound: Sequence[str]
    circular: Sequence[str]

    def among(self, wanted: Collection[Json]) -> Outputs:
        """The same of some outputs alone."""
        kept = ([one for one in each if one in wanted] for each in (self.sound, self.unsound, self.circular))
        return Outputs(*kept)


def outputs_of(checked: Checked) -> Outputs:
    """The outputs of a prompt."""
    sound: list[str] = []
    circular: list[str] = []
    unsound: list[str] = []
    spoilt = _downstream(checked.graph, checked.faults)
    endless = _endless(checked.graph)
    unbound = [
        name for name in checked.faults if name not in checked.graph.nodes
    ]  # outputs of nothing, to be told of all the same
    for output in [*checked.outputs, *unbound]:
        if output in spoilt:
            unsound.append(output)
        elif output in endless:
            circular.append(output)
        elif output not in checked.graph.unavailable:
            sound.append(output)
    return Outputs(sound, unsound, circular)


def node_errors(checked: Checked, outputs: Outputs, prompt: JsonObject, files: Folders) -> JsonObject:
    """`node_errors`: every faulty node that some output needs."""
    told: JsonObject = {}
    faults, unsound, declared = checked.faults, set(outputs.unsound), _declared(files)
    for name, needing in _dependents(checked.graph, faults, outputs.unsound).items():
        errors = [_node_error(one, checked.graph, declared, is_output=name in unsound) for one in faults[name]]
        told[name] = _told(errors, needing, class_type(prompt, name))
    if outputs.circular:
        circle = _circle_from(checked.graph, _endless(checked.graph), outputs.circular[0])
        error = _circle_error(circle, prompt)
        told[circle[0]] = _told([error], outputs.circular, class_type(prompt, circle[0]))
    return told


def _users(graph: BoundGraph) -> dict[str, list[str]]:
    """Who is linked to each node, also to one that is missing."""
    users: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        for source in {link.node for link in node.links.values()}:
            users.setdefault(source, []).append(name)
    return users


def _downstream(graph: BoundGraph, names: Iterable[str]) -> set[str]:
    """These nodes and all that need any of them."""
    users, found = _users(graph), set(names)
    pending = list(found)
    while pending:
        new = [user for user in users.get(pending.pop(), ()) if user not in found]
        found.update(new)
        pending += new
    return found


def _dependents(graph: BoundGraph, faulty: Collection[str], outputs: Sequence[str]) -> dict[str, list[str]]:
    """The faulty nodes that any of these outputs needs, each with those that need it. Of very many the first: there may be
    as many pairs as the square of the nodes."""
    if not outputs:
        return {}
    import networkx  # 0.2 s that only faulty prompts pay

    drawn: networkx.DiGraph[str] = networkx.DiGraph()
    drawn.add_nodes_from([*faulty, *outputs])
    drawn.add_edges_from((source, user) for source, users in _users(graph).items() for user in users)
    whole = networkx.condensation(drawn)  # a circle is needed as one
    own = {name: 1 << index for index, name in enumerate(outputs)}
    needing: dict[int, int] = {}
    for part in reversed(list(networkx.topological_sort(whole))):
        found = 0
        for name in whole.nodes[part]["members"]:
            found |= own.get(name, 0)
        for user in whole.successors(part):
            found |= needing[user]
        needing[part] = found
    most = max(1, _MOST_PAIRS // len(faulty))
    by_fault = {name: _chosen(needing[whole.graph["mapping"][name]], outputs, most) for name in faulty}
    return {name: chosen for name, chosen in by_fault.items() if chosen}


def _chosen(bits: int, outputs: Sequence[str], most: int) -> list[str]:
    """The first of the outputs whose bits are set."""
    found: list[str] = []
    while bits and len(found) < most:
        lowest = bits & -bits
        found.append(outputs[lowest.bit_length() - 1])
        bits ^= lowest
    return found


def _circle_from(graph: BoundGraph, endless: Collection[str], start: str) -> list[str]:
    """The nodes of a circle that `start` needs, each linked to the next and the last to the first. A node that is endless
    needs one that is, so there is always a way on."""
    trail: dict[str, None] = {}
    at = start
    while at not in trail:
        trail[at] = None
        at = next(link.node for link in graph.nodes[at].links.values() if link.node in endless)
    names = list(trail)
    return names[names.index(at) :]


def _endless(graph: BoundGraph) -> set[str]:
    """The nodes in a circle or that need one."""
    users = _users(graph)
    left = {name: 0 for name in graph.nodes}
    for source in users.keys() & graph.nodes.keys():
        for user in users[source]:
            left[user] += 1
    ready = [name for name, count in left.items() if count == 0]
    while ready:
        for user in users.get(ready.pop(), ()):
            left[user] -= 1
            if left[user] == 0:
                ready.append(user)
    return {name for name, count in left.items() if count > 0}


def _told(errors: list[JsonObject], outputs: Sequence[str], kind: str) -> JsonObject:
    return {"errors": list[Json](errors), "dependent_outputs": list[Json](outputs), "class_type": kind}


def _circle_error(circle: Sequence[str], prompt: JsonObject) -> JsonObject:
    named = [f"{name} ({class_type(prompt, name)})" for name in circle[:_LONGEST_LIST]]
    more = " -> ..." if len(circle) > _LONGEST_LIST else ""
    extra: JsonObject = {"node_id": circle[0], "cycle_nodes": list[Json](circle)}
    details = " -> ".join(named) + more + f" -> {circle[0]}"
    return {"type": "dependency_cycle", "message": "Dependency cycle detected", "details": details, "extra_info": extra}


def class_type(prompt: JsonObject, node: str) -> str:
    one = prompt.get(node)
    return str(one.get("class_type", "")) if isinstance(one, dict) else ""


def _node_error(one: Problem, graph: BoundGraph, declared: Declared, *, is_output: bool) -> JsonObject:
    code = "unknown_node of an output" if one.code == "unknown_node" and is_output else one.code
    kind, message = _TYPES.get(code, ("custom_validation_failed", "Custom validation failed for node"))
    details = f"{one.input}: {one.message}" if one.input else one.message
    facts: JsonObject = {"exception_message": one.message, "exception_type": "KeyError", "traceback": []}
    if one.input:
        facts["input_name"] = one.input
        node = graph.nodes.get(one.node or "")
        if node is not None:
            facts |= _input_facts(one.input, node, graph, declared)
    extra: JsonObject = {name: facts[name] for name in _FACTS[kind] if name in facts}
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _declared(files: Folders) -> Declared:
    """The inputs of node types as `/object_info` has them, each type's looked up once: it lists folders."""
    known: dict[str, Json] = {}

    def inputs(spec: NodeSpec) -> Json:
        if spec.type not in known:
            known[spec.type] = object_info(spec, files)["input"]
        return known[spec.type]

    return inputs


def _input_facts(port: str, node: BoundNode, graph: BoundGraph, declared: Declared) -> JsonObject:
    facts: JsonObject = {}
    sections = declared(node.spec)
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
