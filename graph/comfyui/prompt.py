"""ComfyUI's API prompts to documents.

A prompt is what its server runs: node ids to `class_type` and `inputs`, links as `[id, output position]`. There is nothing
to resolve; positions become names, and literals take the type that their widget declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from graph.comfyui.imported import Findings, Imported, quoted
from graph.comfyui.shapes import as_identity, as_object, as_slot, as_text
from graph.comfyui.widgets import coerce
from graph.document import Document, InputValue, Link, Node
from graph.errors import InputError, Problem, nearest
from graph.json import Json, JsonObject
from graph.spec import Catalogue, NodeSpec

WRAPPED: Final = "__value__"
_LEFT_BY_EDITORS: Final = frozenset({"upload", "choose file to upload", "control_after_generate", "is_changed"})
"""Literals that old editors sent along; no node ever read them."""


def import_prompt(data: Json, catalogue: Catalogue) -> Imported:
    """The document that an API prompt says; also from a whole request body `{"prompt": {...}}`.

    Raises `InputError` (comfyui_not_a_prompt) if it is no object of nodes; everything else wrong is in `problems`.
    """
    prompt, path = _nodes_of(data)
    findings = Findings()
    reading = _Reading(catalogue, prompt, findings)
    nodes: dict[str, Node] = {}
    for name, one in prompt.items():
        node = _node(name, one, f"{path}[{name!r}]", reading)
        if node is not None:
            nodes[name] = node
    return Imported(Document(nodes), tuple(findings.problems), as_written=True)


def is_prompt(data: Json) -> bool:
    """Whether this is an API prompt, or a request body that holds one."""
    if not isinstance(data, dict):
        return False
    inner = data.get("prompt")
    nodes = inner if isinstance(inner, dict) and "class_type" not in inner else data
    return any(isinstance(one, dict) and "class_type" in one for one in nodes.values())


@dataclass(frozen=True, slots=True)
class _Reading:
    catalogue: Catalogue
    prompt: JsonObject
    findings: Findings

    def spec_of(self, node: str) -> NodeSpec | None:
        kind = (as_object(self.prompt.get(node)) or {}).get("class_type")
        return self.catalogue.get(kind) if isinstance(kind, str) else None


def _nodes_of(data: Json) -> tuple[JsonObject, str]:
    if not isinstance(data, dict):
        message = f"an API prompt is an object of nodes by id, not {quoted(data)}"
        raise InputError([Problem("comfyui_not_a_prompt", message, path="$")])
    inner = data.get("prompt")
    if isinstance(inner, dict) and "class_type" not in inner:
        return inner, "$.prompt"
    return data, "$"


def _node(name: str, value: Json, path: str, reading: _Reading) -> Node | None:
    data = as_object(value)
    kind = as_text(data.get("class_type")) if data is not None else None
    if data is None or kind is None or not name:
        message = "a node is an object with a `class_type`" if name else "a node's id is not empty"
        hint = "This is the API format; a file saved for the canvas has `nodes` and `links` instead."
        reading.findings.error("comfyui_node", message, path, node=name or None, hint=hint)
        return None
    inputs = data.get("inputs", {})
    if not isinstance(inputs, dict):
        message = f"`inputs` is an object of values by name, not {quoted(inputs)}"
        reading.findings.error("comfyui_inputs", message, f"{path}.inputs", node=name)
        inputs = {}
    spec = reading.catalogue.get(kind)
    given: dict[str, InputValue] = {}
    for key, one in inputs.items():
        found = _input(_Place(name, key, f"{path}.inputs[{key!r}]"), one, spec, reading)
        if found is not None:
            given[found[0]] = found[1]
    title = as_text((as_object(data.get("_meta")) or {}).get("title"))
    return Node(kind, given, title=title, place=path)


@dataclass(frozen=True, slots=True)
class _Place:
    node: str
    input: str
    path: str


def _input(place: _Place, value: Json, spec: NodeSpec | None, reading: _Reading) -> tuple[str, InputValue] | None:
    """The input by its declared name; None for what is left out."""
    port = spec.input(place.input) if spec else None
    if not place.input or (spec is not None and port is None):
        return _undeclared(place, value, spec, reading)
    name = port.name if port else place.input
    if isinstance(value, list):
        link = _link(place, value, reading)
        return None if link is None else (name, link)
    literal = value[WRAPPED] if isinstance(value, dict) and WRAPPED in value else value
    return name, coerce(port.widget if port else None, literal)


def _undeclared(place: _Place, value: Json, spec: NodeSpec | None, reading: _Reading) -> tuple[str, InputValue] | None:
    """As in ComfyUI: a link under an unknown name is passed on, a literal is dropped."""
    is_link = isinstance(value, list) and _target(value) is not None and bool(place.input)
    if place.input not in _LEFT_BY_EDITORS:
        what = "the link is kept, but nothing reads it" if is_link else "the value is dropped"
        message = f"{spec.type if spec else 'the node'} has no input {place.input!r}; {what}"
        hint = nearest(place.input, spec.inputs_by_name if spec else ()) or ""
        code = "comfyui_undeclared_input"
        reading.findings.warn(code, message, place.path, node=place.node, input=place.input, hint=hint)
    link = _link(place, value, reading) if is_link and isinstance(value, list) else None
    return None if link is None else (place.input, link)


def _target(value: list[Json]) -> tuple[str, int] | None:
    """Node and output position of a link: a text (or number) and a number."""
    if len(value) != 2 or isinstance(value[1], str):
        return None
    node, slot = as_identity(value[0]), as_slot(value[1])
    return None if node is None or slot is None else (node, slot)


def _link(place: _Place, value: list[Json], reading: _Reading) -> Link | None:
    target = _target(value)
    if target is None:
        message = f"a link is [node id, output position], and this is {quoted(value)}"
        hint = f'A list that is a value is written {{"{WRAPPED}": [...]}}.'
        reading.findings.error("comfyui_bad_link", message, place.path, node=place.node, input=place.input, hint=hint)
        return None
    node, slot = target
    spec = reading.spec_of(node)
    if spec is not None and slot < len(spec.outputs):
        return Link(node, spec.outputs[slot].name)
    if spec is not None:
        message = f"node {node!r} ({spec.type}) has {len(spec.outputs)} outputs; there is no number {slot}"
        reading.findings.error("comfyui_unknown_slot", message, place.path, node=place.node, input=place.input)
    return Link(node, f"output_{slot}")
