"""The workflow document `latentgraph/1`: one file for the editor, the command line and the API.

Links and widget values are by name, so adding an input to a node breaks no file. The dataclasses here are the document
as written: subgraphs not yet expanded, bypass not yet applied (that is `flatten.py`), nothing checked against node types
(that is `bind.py`). The JSON Schema beside this file (`latentgraph-1.schema.json`) says the same to other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, cast

from graph.errors import InputError, Problem
from graph.json import Json, JsonObject, loads
from graph.record import record

FORMAT: Final = "latentgraph/1"
SUBGRAPH: Final = "subgraph:"

Mode = Literal["on", "mute", "bypass"]


@record
class Link:
    """An input comes from output `output` of node `node`. Written `{"from": [node, output]}`."""

    node: str
    output: str


InputValue: TypeAlias = "Link | Json"


@record
class Node:
    """One node as written. `type` is a node type or `subgraph:NAME`; `ui` belongs to editors and never changes results.
    `place` is the JSON path of a node that was read from a file of another format, for its author to find it."""

    type: str
    inputs: Mapping[str, InputValue] = field(default_factory=dict)
    mode: Mode = "on"
    title: str | None = None
    ui: JsonObject = field(default_factory=dict)
    place: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value offered to the outside: a flag of the command line, a field of the API body and of the form view, or
    (in a subgraph) an input. `binds` are the (node, input) pairs that receive it."""

    name: str
    binds: tuple[tuple[str, str], ...]
    help: str | None = None


@dataclass(frozen=True, slots=True)
class SubgraphOutput:
    """An output of a subgraph and the inner output it comes from."""

    name: str
    source: Link


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A graph used as a node: its parameters are the node's inputs."""

    name: str
    nodes: Mapping[str, Node]
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[SubgraphOutput, ...] = ()
    ui: JsonObject = field(default_factory=dict)
    parameters_by_name: Mapping[str, Parameter] = field(init=False, repr=False, compare=False)
    outputs_by_name: Mapping[str, SubgraphOutput] = field(init=False, repr=False, compare=False)
    """Of several of one name the first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters_by_name", {one.name: one for one in reversed(self.parameters)})
        object.__setattr__(self, "outputs_by_name", {one.name: one for one in reversed(self.outputs)})


@dataclass(frozen=True, slots=True)
class Document:
    """A whole workflow file."""

    nodes: Mapping[str, Node]
    name: str = ""
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    subgraphs: Mapping[str, Subgraph] = field(default_factory=dict)
    ui: JsonObject = field(default_factory=dict)


Upgrade = Callable[[JsonObject], JsonObject]

UPGRADES: Final[Mapping[str, Upgrade]] = {}
"""Format name to the pure function that turns such a file into the next format. `latentgraph/1` is the first."""


def read(text: str | bytes, *, source: str = "document") -> Document:
    """Parse a file's text. Raises `InputError` with every structural problem."""
    return parse(loads(text, source=source))


def parse(data: Json, *, upgrades: Mapping[str, Upgrade] = UPGRADES) -> Document:
    """A document from JSON. Raises `InputError` with every structural problem and its JSON path."""
    if not isinstance(data, dict):
        raise InputError([Problem("document_not_object", "a workflow is a JSON object", path="$")])
    data = upgrade(data, upgrades)
    try:
        return _document(data)
    except (_ShapeError, TypeError, ValueError, KeyError, AttributeError):
        from graph.schema import structural_problems  # only a wrong file pays for the schema validator

        problems = structural_problems(data)
        if problems:
            raise InputError(problems) from None
        raise


def parse_known(data: Json) -> tuple[Document, tuple[Problem, ...]]:
    """As `parse`, but keys that this format does not have are left out and told: what else is wrong can be found as well.
    Raises `InputError` where they are not all that is wrong with the structure."""
    try:
        return parse(data), ()
    except InputError as error:
        known = _known(upgrade(data)) if isinstance(data, dict) else data
        if known == data:
            raise
        try:
            return parse(known), error.problems
        except InputError:
            raise error from None


def _known(data: JsonObject) -> JsonObject:
    """The document without unknown keys, as far as it has the form of one."""
    kept = _known_graph({key: one for key, one in data.items() if key in _DOCUMENT_KEYS})
    subgraphs = kept.get("subgraphs")
    if isinstance(subgraphs, dict):
        kept["subgraphs"] = {
            name: _known_graph(one) if isinstance(one := _only(wanted, _SUBGRAPH_KEYS), dict) else one
            for name, wanted in subgraphs.items()
        }
    return kept


def _known_graph(data: JsonObject) -> JsonObject:
    """The same of the nodes and parameters of a graph."""
    kept = dict(data)
    nodes, parameters = kept.get("nodes"), kept.get("parameters")
    if isinstance(nodes, dict):
        kept["nodes"] = {name: _only(one, _NODE_KEYS) for name, one in nodes.items()}
    if isinstance(parameters, list):
        kept["parameters"] = [_only(one, _PARAMETER_KEYS) for one in parameters]
    return kept


def _only(data: Json, keys: frozenset[str]) -> Json:
    return {key: one for key, one in data.items() if key in keys} if isinstance(data, dict) else data


def upgrade(data: JsonObject, upgrades: Mapping[str, Upgrade] = UPGRADES) -> JsonObject:
    """Walk the chain of formats up to the current one."""
    seen: set[str] = set()
    while (name := data.get("format")) != FORMAT:
        step = upgrades.get(name) if isinstance(name, str) else None
        if step is None or name in seen:
            hint = f"This version reads {', '.join([*upgrades, FORMAT])}."
            raise InputError([Problem("document_format", f"unknown format {name!r}", path="$.format", hint=hint)])
        seen.add(cast("str", name))
        data = step(data)
    return data


def to_json(document: Document) -> JsonObject:
    """The document as JSON, the inverse of `parse`; what is empty is left out."""
    data: JsonObject = {"format": FORMAT}
    if document.name:
        data["name"] = document.name
    if document.description:
        data["description"] = document.description
    data["nodes"] = {name: _node_to_json(node) for name, node in document.nodes.items()}
    if document.parameters:
        data["parameters"] = [_parameter_to_json(one) for one in document.parameters]
    if document.subgraphs:
        data["subgraphs"] = {name: _subgraph_to_json(one) for name, one in document.subgraphs.items()}
    if document.ui:
        data["ui"] = document.ui
    return data


def with_inputs(document: Document, changes: Mapping[tuple[str, str], Json]) -> Document:
    """The document with literal inputs (node, input) replaced. The nodes must exist."""
    by_node: dict[str, dict[str, Json]] = {}
    for (name, input_name), value in changes.items():
        by_node.setdefault(name, {})[input_name] = value
    nodes = dict(document.nodes)
    for name, inputs in by_node.items():
        nodes[name] = replace(nodes[name], inputs={**nodes[name].inputs, **inputs})
    return Document(nodes, document.name, document.description, document.parameters, document.subgraphs, document.ui)


class _ShapeError(Exception):
    """The fast reader met something unexpected; the schema validator then says what, everywhere."""


def _expect(condition: object) -> None:
    if not condition:
        raise _ShapeError


_DOCUMENT_KEYS: Final = frozenset(
    {"format", "name", "description", "nodes", "parameters", "subgraphs", "ui", "$schema"}
)
_NODE_KEYS: Final = frozenset({"type", "inputs", "mode", "title", "ui"})
_SUBGRAPH_KEYS: Final = frozenset({"name", "nodes", "parameters", "outputs", "ui"})
_PARAMETER_KEYS: Final = frozenset({"name", "binds", "help"})
_MODES: Final = frozenset({"on", "mute", "bypass"})


def _document(data: JsonObject) -> Document:
    _expect(data.keys() <= _DOCUMENT_KEYS)
    _text(data.get("$schema", ""))
    return Document(
        nodes=_nodes(data["nodes"]),
        name=_text(data.get("name", "")),
        description=_text(data.get("description", "")),
        parameters=_parameters(data.get("parameters", [])),
        subgraphs={_key(name): _subgraph(one) for name, one in _object(data.get("subgraphs", {})).items()},
        ui=_object(data.get("ui", {})),
    )


def _nodes(data: Json) -> dict[str, Node]:
    return {_key(name): _node(one) for name, one in _object(data).items()}


def _node(data: Json) -> Node:
    data = _object(data)
    _expect(data.keys() <= _NODE_KEYS)
    mode = data.get("mode", "on")
    _expect(mode in _MODES)
    title = data.get("title")
    inputs = {name: _input(one) for name, one in _object(data.get("inputs", {})).items()}
    _expect("" not in inputs)
    return Node(
        type=_key(data["type"]),
        inputs=inputs,
        mode=cast("Mode", mode),
        title=None if title is None else _text(title),
        ui=_object(data.get("ui", {})),
    )


def _input(data: Json) -> InputValue:
    if not isinstance(data, dict):
        return data
    _expect(len(data) == 1)
    if "from" in data:
        return _link(data["from"])
    return data["value"]


def _link(data: Json) -> Link:
    _expect(isinstance(data, list) and len(data) == 2)
    node, output = cast("list[Json]", data)
    return Link(_key(node), _key(output))


def _parameters(data: Json) -> tuple[Parameter, ...]:
    return tuple(_parameter(_object(one)) for one in _list(data))


def _parameter(data: JsonObject) -> Parameter:
    _expect(data.keys() <= _PARAMETER_KEYS)
    binds = [_list(bind) for bind in _list(data["binds"])]
    _expect(all(len(bind) == 2 for bind in binds))
    help_text = data.get("help")
    return Parameter(
        name=_key(data["name"]),
        binds=tuple((_key(node), _key(name)) for node, name in binds),
        help=None if help_text is None else _text(help_text),
    )


def _subgraph(data: Json) -> Subgraph:
    data = _object(data)
    _expect(data.keys() <= _SUBGRAPH_KEYS)
    outputs = [_object(one) for one in _list(data.get("outputs", []))]
    _expect(all(one.keys() == {"name", "from"} for one in outputs))
    return Subgraph(
        name=_text(data.get("name", "")),
        nodes=_nodes(data["nodes"]),
        parameters=_parameters(data.get("parameters", [])),
        outputs=tuple(SubgraphOutput(_key(one["name"]), _link(one["from"])) for one in outputs),
        ui=_object(data.get("ui", {})),
    )


def _object(data: Json) -> JsonObject:
    _expect(isinstance(data, dict))
    return cast("JsonObject", data)


def _list(data: Json) -> list[Json]:
    _expect(isinstance(data, list))
    return cast("list[Json]", data)


def _text(data: Json) -> str:
    _expect(isinstance(data, str))
    return cast("str", data)


def _key(data: Json) -> str:
    _expect(isinstance(data, str) and data)
    return cast("str", data)


def _node_to_json(node: Node) -> JsonObject:
    data: JsonObject = {"type": node.type}
    if node.inputs:
        data["inputs"] = {name: input_to_json(value) for name, value in node.inputs.items()}
    if node.mode != "on":
        data["mode"] = node.mode
    if node.title is not None:
        data["title"] = node.title
    if node.ui:
        data["ui"] = node.ui
    return data


def input_to_json(value: InputValue) -> Json:
    """A link as `{"from": [node, output]}`, an object literal wrapped in `{"value": ...}`, anything else as it is."""
    if isinstance(value, Link):
        return {"from": [value.node, value.output]}
    return {"value": value} if isinstance(value, dict) else value


def _parameter_to_json(parameter: Parameter) -> JsonObject:
    data: JsonObject = {"name": parameter.name, "binds": [list(bind) for bind in parameter.binds]}
    if parameter.help is not None:
        data["help"] = parameter.help
    return data


def _subgraph_to_json(subgraph: Subgraph) -> JsonObject:
    data: JsonObject = {"name": subgraph.name}
    data["nodes"] = {name: _node_to_json(node) for name, node in subgraph.nodes.items()}
    if subgraph.parameters:
        data["parameters"] = [_parameter_to_json(one) for one in subgraph.parameters]
    if subgraph.outputs:
        data["outputs"] = [{"name": one.name, "from": [one.source.node, one.source.output]} for one in subgraph.outputs]
    if subgraph.ui:
        data["ui"] = subgraph.ui
    return data


def json_path(*parts: str | int) -> str:
    """`$.nodes.sampler.inputs.cfg`, with brackets around positions and where a name needs them."""
    names = (f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{part!r}]" for part in parts)
    return "$" + "".join(names)


def links(nodes: Mapping[str, Node]) -> Iterable[tuple[str, str, Link]]:
    """Every link of a graph as (node, input, link)."""
    for name, node in nodes.items():
        for input_name, value in node.inputs.items():
            if isinstance(value, Link):
                yield name, input_name, value
