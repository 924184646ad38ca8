"""A typed Python function becomes a node: its signature is its declaration.

    @node("VAEDecode", category="latent", returns="IMAGE")
    def vae_decode(*, samples: Latent, vae: Vae) -> Image:
        '''Decode latents to pixels.'''

Parameters are inputs in their order; annotations give socket types and widgets, defaults give defaults, `X | None = None`
an optional input. `Annotated` carries what Python's types cannot say (`Range`, `Choices`, `FileIn`, ...). A parameter of
type `Context` is given by the run. The decorator returns the function itself, callable as before, and refuses at import
what it cannot type.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from graph.context import Context
from graph.errors import DeclarationError
from graph.json import Json
from graph.socket_types import outputs_of, socket_type, without_none
from graph.spec import (
    MISSING,
    Choice,
    ExtraName,
    FileChoice,
    Input,
    Lane,
    Missing,
    NodeSpec,
    Number,
    Text,
    Toggle,
    Widget,
)

NodeFunction = TypeVar("NodeFunction", bound=Callable[..., object])
Needs = Callable[..., Sequence[str]]
Check = Callable[..., "str | None"]


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both included; `step` and `round` as the editor offers and keeps them."""

    minimum: int | float | None = None
    maximum: int | float | None = None
    step: int | float | None = None
    round: float | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """One of these names. (`Literal["a", "b"]` says the same for short lists.)"""

    options: Sequence[str]


@dataclass(frozen=True, slots=True)
class FileIn:
    """The name of a file in a known folder; its content is part of the node's key. `extra`: see `spec.FileChoice`."""

    folder: str
    upload: bool = False
    extra: tuple[ExtraName, ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """Many inputs of one kind with one default, on a parameter that is a mapping: the function is given their values by
    name. The names need not be Python's, and marks beside this one are those of each input."""

    names: tuple[str, ...]
    default: Json


@dataclass(frozen=True, slots=True)
class Multiline:
    """A text field of several lines; `dynamic_prompts` for prompts."""

    dynamic_prompts: bool = False


@dataclass(frozen=True, slots=True)
class Mentions:
    """A text that may name files of a known folder; their content is part of the node's key. See `spec.Text`."""

    folder: str
    pattern: str
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quotes:
    """A text that may quote what other nodes were given, as in `%sampler.seed%`. See `quotes.py`."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed: editors offer to change it after each run."""


@dataclass(frozen=True, slots=True)
class Lazy:
    """Evaluated only when the node's `needs` function names it; otherwise passed as None."""


@dataclass(frozen=True, slots=True)
class Unlinked:
    """An optional input that has a widget and a default (ComfyUI's `optional` section)."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """Seldom changed: editors fold it away until it is asked for."""


@dataclass(frozen=True, slots=True)
class SocketOnly:
    """A number, text or toggle that has no field: it can only be linked."""


@dataclass(frozen=True, slots=True)
class Tooltip:
    """Help for one input."""

    text: str


@dataclass(frozen=True, slots=True)
class Implementation:
    """A spec and what runs it. `needs` names the lazy inputs wanted; `check` adds a validation over the literals."""

    spec: NodeSpec
    function: Callable[..., object]
    needs: Needs | None = None
    check: Check | None = None
    context: str | None = None


ATTRIBUTE = "__latentgraph_node__"


def node(
    type: str,  # noqa: A002 - the document's word
    *,
    category: str,
    returns: str | tuple[str, ...] = (),
    display_name: str = "",
    version: int = 1,
    effect: bool = False,
    saves: str = "",
    passes_on: bool = False,
    deterministic: bool = True,
    lane: Lane = "cpu",
    deprecated: bool = False,
    experimental: bool = False,
    aliases: tuple[tuple[str, str], ...] = (),
    words: tuple[str, ...] = (),
    needs: Needs | None = None,
    check: Check | None = None,
) -> Callable[[NodeFunction], NodeFunction]:
    """Declare the decorated function as the node `type`. `returns` names its outputs, `aliases` gives the names that inputs
    once had, `words` are what else people look for it by. A node that `saves` files has an effect by that.

    Raises `DeclarationError`, naming the function and the parameter, for what cannot be typed.
    """

    def declare(function: NodeFunction) -> NodeFunction:
        name = getattr(function, "__qualname__", repr(function))
        hints = _hints(function, name)
        context, inputs, takes_lists = _inputs(function, hints, name)
        outputs, expands = outputs_of(hints.get("return", MISSING), returns, name)
        spec = NodeSpec(
            type=type,
            category=category,
            inputs=inputs,
            outputs=outputs,
            display_name=display_name or type,
            description=inspect.cleandoc(function.__doc__ or ""),
            version=version,
            effect=effect or saves != "",
            saves=saves,
            passes_on=passes_on,
            deterministic=deterministic,
            takes_lists=takes_lists,
            expands=expands,
            asynchronous=inspect.iscoroutinefunction(function),
            lane=lane,
            deprecated=deprecated,
            experimental=experimental,
            aliases=aliases,
            words=words,
            module=function.__module__,
        )
        _expect_sound(spec, needs, name)
        setattr(function, ATTRIBUTE, Implementation(spec, _gathering(function, hints), needs, check, context))
        return function

    return declare


def implementation(function: object) -> Implementation | None:
    """The declaration of a decorated function, None for anything else."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, Implementation) else None


def _expect_sound(spec: NodeSpec, needs: Needs | None, name: str) -> None:
    if (needs is None) != (not any(one.lazy for one in spec.inputs)):
        raise DeclarationError(f"{name}: lazy inputs and a `needs` function belong together")
    given = [(one.type, one.is_list) for one in spec.outputs]
    if spec.passes_on and (len(given) != 1 or [(one.type, spec.takes_lists) for one in spec.inputs] != given):
        raise DeclarationError(f"{name}: what passes its input on has one input, and one output of the same type")


def _hints(function: Callable[..., object], name: str) -> dict[str, object]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DeclarationError(f"{name}: an annotation cannot be resolved: {error}") from error


def _inputs(
    function: Callable[..., object], hints: dict[str, object], name: str
) -> tuple[str | None, tuple[Input, ...], bool]:
    context: str | None = None
    inputs: list[Input] = []
    lists: list[bool] = []
    for parameter in inspect.signature(function).parameters.values():
        place = f"{name}({parameter.name})"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise DeclarationError(f"{place}: inputs are passed by name, one parameter each")
        if parameter.name not in hints:
            raise DeclarationError(f"{place}: has no type annotation")
        annotation = hints[parameter.name]
        if annotation is Context:
            context = parameter.name
            continue
        default = MISSING if parameter.default is parameter.empty else parameter.default
        for input_name, hint, value in _declared(parameter.name, annotation, default):
            one, is_list = _input(input_name, hint, value, place)
            inputs.append(one)
            lists.append(is_list)
    if any(lists) and not all(lists):
        raise DeclarationError(f"{name}: either every input is a list or none is")
    return context, tuple(inputs), bool(lists) and all(lists)


def _declared(name: str, annotation: object, default: object) -> Iterable[tuple[str, object, object]]:
    """The inputs that one parameter stands for, each with its annotation and its default."""
    fields = _fields(annotation)
    if fields is None:
        return [(name, annotation, default)]
    mapping, *marks = get_args(annotation)
    _, value = get_args(mapping)
    each = Annotated[(value, *(mark for mark in marks if mark is not fields))] if len(marks) > 1 else value
    return [(one, each, fields.default) for one in fields.names]


def _fields(annotation: object) -> Fields | None:
    return _mark(get_args(annotation)[1:], Fields) if get_origin(annotation) is Annotated else None


def _gathering(function: Callable[..., object], hints: Mapping[str, object]) -> Callable[..., object]:
    """The function called with the inputs of its mappings one by one; the function itself where it has no mapping."""
    parameters = {parameter: fields.names for parameter, hint in hints.items() if (fields := _fields(hint))}
    if not parameters:
        return function

    @wraps(function)
    def called(**inputs: object) -> object:
        mappings = {one: {name: inputs.pop(name) for name in names} for one, names in parameters.items()}
        return function(**inputs, **mappings)

    return called


def _input(name: str, annotation: object, default: Any, place: str) -> tuple[Input, bool]:
    marks: tuple[object, ...] = ()
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        marks = tuple(extras)
    annotation, optional = without_none(annotation)
    if optional and default is not None and not isinstance(default, Missing):
        raise DeclarationError(f"{place}: an input that may be None has no other default than None")
    if default is None and not optional:
        raise DeclarationError(f"{place}: a default of None is for an input that may be None (`X | None`)")
    is_list = get_origin(annotation) is list
    if is_list:
        (annotation,) = get_args(annotation)
        if get_origin(annotation) is Annotated:
            annotation, *extras = get_args(annotation)
            marks += tuple(extras)
    if get_origin(annotation) is Literal:
        marks += (Choices(get_args(annotation)),)
        annotation = str
    if is_list and isinstance(default, list) and len(default) == 1:
        (default,) = default  # `= [1]` for a list of numbers: 1 is what its field says
    widget = _widget(annotation, marks, place)
    kind = "COMBO" if isinstance(widget, Choice | FileChoice) else socket_type(annotation, place)
    one = Input(
        name=name,
        type=kind,
        widget=widget,
        default=_default(default, widget, place),
        optional=optional or _mark(marks, Unlinked) is not None,
        lazy=_mark(marks, Lazy) is not None,
        advanced=_mark(marks, Advanced) is not None,
        tooltip=tooltip.text if (tooltip := _mark(marks, Tooltip)) else None,
    )
    return one, is_list


def _default(default: Any, widget: Widget | None, place: str) -> Json | Missing:
    if isinstance(default, Missing) or default is None:
        return MISSING
    if widget is None:
        raise DeclarationError(f"{place}: only an input with a field can have a default")
    if isinstance(widget, Number) and widget.kind == "FLOAT":
        return float(default)
    if isinstance(widget, Choice) and default not in widget.options:
        raise DeclarationError(f"{place}: default {default!r} is not among its choices")
    return typing.cast("Json", default)


def _widget(annotation: object, marks: tuple[object, ...], place: str) -> Widget | None:
    if _mark(marks, SocketOnly):
        return None
    if (files := _mark(marks, FileIn)) is not None:
        return FileChoice(files.folder, files.upload, files.extra)
    if (choices := _mark(marks, Choices)) is not None:
        if not all(isinstance(option, str) for option in choices.options):
            raise DeclarationError(f"{place}: choices are texts")
        return Choice(tuple(choices.options))
    if annotation is bool:
        return Toggle()
    if annotation is int or annotation is float:
        bounds = _mark(marks, Range) or Range()
        seed = _mark(marks, Seed) is not None
        kind: Literal["INT", "FLOAT"] = "INT" if annotation is int else "FLOAT"
        return Number(kind, bounds.minimum, bounds.maximum, bounds.step, bounds.round, seed)
    if annotation is str:
        lines = _mark(marks, Multiline)
        text = Text(lines is not None, lines is not None and lines.dynamic_prompts)
        if (named := _mark(marks, Mentions)) is not None:
            text = replace(text, mentions=named.folder, pattern=named.pattern, suffixes=named.suffixes)
        return replace(text, quotes=True) if _mark(marks, Quotes) else text
    return None


Mark = TypeVar("Mark")


def _mark(marks: tuple[object, ...], kind: type[Mark]) -> Mark | None:
    return next((mark for mark in marks if isinstance(mark, kind)), None)
