"""What a node is, as data: sockets, widgets, defaults, traits.

A `NodeSpec` is all that validation, planning, the editor, the command line and the API ever need to know of a node; the
Python function behind it is needed only to run it. Specs travel as JSON (`to_json`, `from_json`), so that processes
which must not import torch can still read the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast

from graph.json import Json, JsonObject

Lane = Literal["inline", "cpu", "io", "device"]
NumberKind = Literal["INT", "FLOAT"]


@dataclass(frozen=True, slots=True)
class Number:
    """An INT or FLOAT field. `round` is the precision to which FLOATs are kept, `seed` marks what each run may draw."""

    kind: NumberKind
    minimum: int | float | None = None
    maximum: int | float | None = None
    step: int | float | None = None
    round: float | None = None
    seed: bool = False

    @property
    def takes(self) -> str:
        """What may be given, in words."""
        word = "a whole number" if self.kind == "INT" else "a number"
        low = f" from {self.minimum}" if self.minimum is not None else ""
        return word + low + (f" up to {self.maximum}" if self.maximum is not None else "")

    def schema(self) -> JsonObject:
        schema: JsonObject = {"type": "integer" if self.kind == "INT" else "number"}
        if self.minimum is not None:
            schema["minimum"] = self.minimum
        if self.maximum is not None:
            schema["maximum"] = self.maximum
        return schema


@dataclass(frozen=True, slots=True)
class Text:
    """A STRING field. `dynamic_prompts` marks prompts that may leave words open (`alternatives.py`), drawn at each run.

    A text may mention files of the known folder `mentions`: group 1 of each match of `pattern` is a name, to which one of
    `suffixes` may have to be added. What those files hold enters the key of the node, as that of a `FileChoice` does.
    With `quotes` it may quote what other nodes were given, `%sampler.seed%` (`quotes.py`).
    """

    multiline: bool = False
    dynamic_prompts: bool = False
    mentions: str | None = None
    pattern: str | None = None
    suffixes: tuple[str, ...] = ()
    quotes: bool = False

    def schema(self) -> JsonObject:
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Toggle:
    """A BOOLEAN field."""

    def schema(self) -> JsonObject:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a fixed list of names (a COMBO)."""

    options: tuple[str, ...]

    def schema(self) -> JsonObject:
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class ExtraName:
    """A name offered beside the files of a folder. What it stands for are `files` of the known folder `folder`, if any."""

    name: str
    folder: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileChoice:
    """The name of a file in one of the known folders (a COMBO whose options are on disk).

    The file's content enters the key of the node, and its name too unless files can be uploaded there. `extra` are names
    offered beside the files; what the files behind them hold enters the key likewise.
    """

    folder: str
    upload: bool = False
    extra: tuple[ExtraName, ...] = ()

    @property
    def extra_names(self) -> list[str]:
        return [one.name for one in self.extra]

    def extra_name(self, name: str) -> ExtraName | None:
        return next((one for one in self.extra if one.name == name), None)

    def schema(self) -> JsonObject:
        return {"type": "string", "minLength": 1}


Widget: TypeAlias = "Number | Text | Toggle | Choice | FileChoice"


class Missing:
    """The type of `MISSING`: no default was declared, which is not the same as a default of null."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@dataclass(frozen=True, slots=True)
class Input:
    """A named input: a socket, a widget, or both (a widget that can be linked).

    `type` is a socket type, several joined by commas, or `*`. `optional` inputs may stay unlinked; a widget without
    default must be given. `lazy` inputs are evaluated only when the node asks for them. `advanced` ones are folded away by
    editors.
    """

    name: str
    type: str
    widget: Widget | None = None
    default: Json | Missing = MISSING
    optional: bool = False
    lazy: bool = False
    tooltip: str | None = None
    advanced: bool = False

    @property
    def needed(self) -> bool:
        """Whether a document must give it."""
        return not self.optional and isinstance(self.default, Missing)


@dataclass(frozen=True, slots=True)
class Output:
    """A named output. `is_list`: the node returns a list, and consumers run once for each element."""

    name: str
    type: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """The declaration of one node type.

    `version` changes when the same inputs give other results (it enters every key). `effect`: the node does something
    outside the graph (saves a file), so it is a root of the run. `saves`: the known folder that it saves files in, if any.
    `passes_on`: its one output is its one input as it is. `deterministic=False`: runs every time.
    `takes_lists`: called once with whole lists. `lane`: where it may run beside others. `aliases`: names that inputs once
    had, each with today's. `words`: what else people look for it by.
    """

    type: str
    category: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    display_name: str = ""
    description: str = ""
    version: int = 1
    effect: bool = False
    saves: str = ""
    passes_on: bool = False
    deterministic: bool = True
    takes_lists: bool = False
    expands: bool = False
    asynchronous: bool = False
    lane: Lane = "cpu"
    deprecated: bool = False
    experimental: bool = False
    aliases: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] = ()
    module: str = ""
    inputs_by_name: Mapping[str, Input] = field(init=False, repr=False, compare=False)
    outputs_by_name: Mapping[str, Output] = field(init=False, repr=False, compare=False)
    file_inputs: frozenset[str] = field(init=False, repr=False, compare=False)
    """Inputs that name a file, or may mention one, whose content counts."""
    quoting_inputs: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """Texts that may quote what other nodes were given."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs_by_name", {one.name: one for one in self.inputs})
        object.__setattr__(self, "outputs_by_name", {one.name: one for one in self.outputs})
        object.__setattr__(self, "file_inputs", frozenset(one.name for one in self.inputs if _names_file(one.widget)))
        quoting = tuple(one.name for one in self.inputs if isinstance(one.widget, Text) and one.widget.quotes)
        object.__setattr__(self, "quoting_inputs", quoting)

    def input(self, name: str) -> Input | None:
        """The input of that name, or of the name it once had."""
        found = self.inputs_by_name.get(name)
        if found is None and self.aliases:
            found = self.inputs_by_name.get(dict(self.aliases).get(name, name))
        return found


def _names_file(widget: Widget | None) -> bool:
    return isinstance(widget, FileChoice) or (isinstance(widget, Text) and widget.mentions is not None)


Catalogue: TypeAlias = "Mapping[str, NodeSpec]"
"""The node types there are, by name."""


def to_json(spec: NodeSpec) -> JsonObject:
    """A spec as JSON; `from_json(to_json(spec)) == spec`."""
    data: JsonObject = {
        "type": spec.type,
        "category": spec.category,
        "display_name": spec.display_name,
        "description": spec.description,
        "module": spec.module,
        "inputs": [_input_to_json(one) for one in spec.inputs],
        "outputs": [{"name": one.name, "type": one.type, "is_list": one.is_list} for one in spec.outputs],
    }
    for name, default in _TRAITS.items():
        value = getattr(spec, name)
        if value != default:
            data[name] = value
    if spec.aliases:
        data["aliases"] = dict(spec.aliases)
    if spec.words:
        data["words"] = list(spec.words)
    return data


def from_json(data: JsonObject) -> NodeSpec:
    """The inverse of `to_json`. Trusts its input: it is our own catalogue, never a user's file."""
    fields = dict(data)
    inputs = cast("list[JsonObject]", fields.pop("inputs"))
    outputs = cast("list[dict[str, object]]", fields.pop("outputs"))
    aliases = cast("dict[str, str]", fields.pop("aliases", {}))
    words = cast("list[str]", fields.pop("words", []))
    return NodeSpec(
        inputs=tuple(_input_from_json(one) for one in inputs),
        outputs=tuple(Output(**one) for one in outputs),  # type: ignore[arg-type]
        aliases=tuple(aliases.items()),
        words=tuple(words),
        **fields,  # type: ignore[arg-type]
    )


_TRAITS: Final[Mapping[str, Json]] = {
    "version": 1,
    "effect": False,
    "saves": "",
    "passes_on": False,
    "deterministic": True,
    "takes_lists": False,
    "expands": False,
    "asynchronous": False,
    "lane": "cpu",
    "deprecated": False,
    "experimental": False,
}

_WIDGETS: Final[Mapping[str, type[Number] | type[Text] | type[Toggle] | type[Choice] | type[FileChoice]]] = {
    "number": Number,
    "text": Text,
    "toggle": Toggle,
    "choice": Choice,
    "file": FileChoice,
}
_WIDGET_NAMES: Final = {kind: name for name, kind in _WIDGETS.items()}


def _input_to_json(one: Input) -> JsonObject:
    data: JsonObject = {"name": one.name, "type": one.type}
    if one.widget is not None:
        data["widget"] = widget_to_json(one.widget)
    if not isinstance(one.default, Missing):
        data["default"] = one.default
    for trait in ("optional", "lazy", "advanced"):
        if getattr(one, trait):
            data[trait] = True
    if one.tooltip:
        data["tooltip"] = one.tooltip
    return data


def widget_to_json(widget: Widget) -> JsonObject:
    """A widget as JSON, with its kind under `widget`; fields that say nothing are left out."""
    data: JsonObject = {"widget": _WIDGET_NAMES[type(widget)]}
    for name in type(widget).__slots__:
        value = getattr(widget, name)
        if value is not None and value is not False and value != ():
            data[name] = [_item_to_json(item) for item in value] if isinstance(value, tuple) else value
    return data


def _item_to_json(item: str | ExtraName) -> Json:
    if isinstance(item, str):
        return item
    return {"name": item.name, "folder": item.folder, "files": list(item.files)}


def _input_from_json(data: JsonObject) -> Input:
    fields = dict(data)
    widget = cast("JsonObject | None", fields.pop("widget", None))
    return Input(widget=_widget_from_json(widget) if widget else None, **fields)  # type: ignore[arg-type]


def _widget_from_json(data: JsonObject) -> Widget:
    fields = {
        name: tuple(map(_item_from_json, value)) if isinstance(value, list) else value for name, value in data.items()
    }
    kind = _WIDGETS[cast("str", fields.pop("widget"))]
    return kind(**fields)  # type: ignore[arg-type]


def _item_from_json(item: Json) -> Json | ExtraName:
    if not isinstance(item, dict):
        return item
    files = cast("list[str]", item["files"])
    return ExtraName(cast("str", item["name"]), cast("str", item["folder"]), tuple(files))
