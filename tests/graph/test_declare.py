"""A typed function is a declaration: what is read off its signature, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest

from graph.context import Context
from graph.declare import (
    Advanced,
    Choices,
    Fields,
    FileIn,
    Lazy,
    Multiline,
    Range,
    Seed,
    SocketOnly,
    Tooltip,
    Unlinked,
    implementation,
    node,
)
from graph.errors import DeclarationError
from graph.result import Blocked, Expansion, Report
from graph.socket_types import socket_type
from graph.spec import (
    MISSING,
    Choice,
    ExtraName,
    FileChoice,
    Input,
    NodeSpec,
    Number,
    Output,
    Text,
    Toggle,
    from_json,
    to_json,
)
from tests.toy_nodes import toys
from tests.toy_values import Tile


class Mask:
    socket_type: ClassVar[str] = "MASK"


def spec_of(function: Callable[..., object], **declared: Any) -> NodeSpec:
    found = implementation(node("T", category="c", **declared)(function))
    assert found is not None
    return found.spec


def _nothing_needed(**_: object) -> list[str]:
    return []


def input_of(annotation: object, default: object = MISSING) -> Input:
    """The input that a parameter `x` of this annotation becomes."""

    def function(*, x: object) -> None: ...

    function.__annotations__ = {"x": annotation, "return": None}
    if default is not MISSING:
        function.__kwdefaults__ = {"x": default}
    lazy = Lazy() in getattr(annotation, "__metadata__", ())
    (one,) = spec_of(function, needs=_nothing_needed if lazy else None).inputs
    return one


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, MISSING, Input("x", "INT", Number("INT"))),
        (int, 5, Input("x", "INT", Number("INT"), 5)),
        (float, 5, Input("x", "FLOAT", Number("FLOAT"), 5.0)),
        (str, "", Input("x", "STRING", Text(), "")),
        (bool, True, Input("x", "BOOLEAN", Toggle(), True)),
        (object, MISSING, Input("x", "*")),
        (Tile, MISSING, Input("x", "TILE")),
        (Tile | None, None, Input("x", "TILE", optional=True)),
        (Optional[Tile], None, Input("x", "TILE", optional=True)),  # noqa: UP045 - both spellings are read
        (Tile | Mask, MISSING, Input("x", "TILE,MASK")),
        (Tile | Mask | None, None, Input("x", "TILE,MASK", optional=True)),
        (list[Tile], MISSING, Input("x", "TILE")),
        (list[Tile] | None, None, Input("x", "TILE", optional=True)),
        (Literal["a", "b"], MISSING, Input("x", "COMBO", Choice(("a", "b")))),
        (Literal["a", "b"], "b", Input("x", "COMBO", Choice(("a", "b")), "b")),
        (Annotated[str, Choices(["a", "b"])], "a", Input("x", "COMBO", Choice(("a", "b")), "a")),
        (Annotated[str, FileIn("models")], MISSING, Input("x", "COMBO", FileChoice("models"))),
        (
            Annotated[str, FileIn("input", upload=True, extra=(ExtraName("none", "models", ("a", "b")),))],
            MISSING,
            Input("x", "COMBO", FileChoice("input", True, (ExtraName("none", "models", ("a", "b")),))),
        ),
        (Annotated[int, Range(1, 9, 2)], 3, Input("x", "INT", Number("INT", 1, 9, 2), 3)),
        (Annotated[float, Range(0, 1, round=0.01)], 1, Input("x", "FLOAT", Number("FLOAT", 0, 1, None, 0.01), 1.0)),
        (Annotated[int, Seed()], 0, Input("x", "INT", Number("INT", seed=True), 0)),
        (Annotated[str, Multiline()], "", Input("x", "STRING", Text(multiline=True), "")),
        (Annotated[str, Multiline(dynamic_prompts=True)], "", Input("x", "STRING", Text(True, True), "")),
        (Annotated[float, SocketOnly()], MISSING, Input("x", "FLOAT")),
        (Annotated[int, Unlinked()], 4, Input("x", "INT", Number("INT"), 4, optional=True)),
        (Annotated[int, Tooltip("help")], 4, Input("x", "INT", Number("INT"), 4, tooltip="help")),
        (Annotated[int, Advanced()], 4, Input("x", "INT", Number("INT"), 4, advanced=True)),
        (Annotated[object | None, Lazy()], None, Input("x", "*", optional=True, lazy=True)),
        (Annotated[Tile, Lazy()], MISSING, Input("x", "TILE", lazy=True)),
    ],
    ids=repr,
)
def test_what_a_parameter_becomes(annotation: object, default: object, expected: Input) -> None:
    one = input_of(annotation, default)
    assert one == expected
    assert type(one.default) is type(expected.default)


@pytest.mark.parametrize(
    ("annotation", "returns", "outputs", "expands"),
    [
        (None, (), [], False),
        (Report, (), [], False),
        (int, "INT", [Output("INT", "INT")], False),
        (int | Blocked, "n", [Output("n", "INT")], False),
        (list[int], "n", [Output("n", "INT", is_list=True)], False),
        (list[int] | Blocked, "n", [Output("n", "INT", is_list=True)], False),
        (tuple[int, Tile], ("n", "t"), [Output("n", "INT"), Output("t", "TILE")], False),
        (tuple[int, list[Tile]], ("n", "t"), [Output("n", "INT"), Output("t", "TILE", is_list=True)], False),
        (tuple[int, Report], "n", [Output("n", "INT")], False),
        (tuple[int | Blocked, Tile | Mask], ("n", "t"), [Output("n", "INT"), Output("t", "TILE,MASK")], False),
        (int | Expansion, "n", [Output("n", "INT")], True),
        (tuple[int, int] | Expansion, ("a", "b"), [Output("a", "INT"), Output("b", "INT")], True),
        (Annotated[Tile, "remark"], "t", [Output("t", "TILE")], False),
        (object, "x", [Output("x", "*")], False),
    ],
    ids=repr,
)
def test_what_a_return_annotation_becomes(
    annotation: object, returns: str | tuple[str, ...], outputs: list[Output], expands: bool
) -> None:
    def function() -> object: ...

    function.__annotations__ = {"return": annotation}
    spec = spec_of(function, returns=returns)
    assert list(spec.outputs) == outputs
    assert spec.expands is expands


def _untyped(x): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202


def _no_return(x: int): ...  # type: ignore[no-untyped-def]  # noqa: ANN202


def _arguments(*x: int) -> None: ...


def _keywords(**x: int) -> None: ...


def _positional(x: int, /) -> None: ...


def _no_socket(x: dict[str, int]) -> None: ...


def _unresolved(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def _half_lists(x: list[int], y: int) -> None: ...


def _none_default(x: int = None) -> None: ...  # type: ignore[assignment]


def _other_default(x: int | None = 3) -> None: ...


def _socket_default(x: Annotated[int, SocketOnly()] = 3) -> None: ...


def _wrong_choice(x: Literal["a"] = "b") -> None: ...  # type: ignore[assignment]


def _number_choice(x: Literal[1, 2]) -> None: ...


def _lazy_alone(x: Annotated[int, Lazy()]) -> None: ...


def _two_types() -> int | str:
    return 1


def _two_numbers(*, a: int, b: int) -> int:
    return a + b


def _as_text(*, value: int) -> str:
    return str(value)


def _nothing() -> Report:
    return Report()


def _as_list(*, value: int) -> list[int]:
    return [value]


@pytest.mark.parametrize(
    ("function", "declared", "says"),
    [
        (_untyped, {}, "_untyped(x): has no type annotation"),
        (_no_return, {}, "_no_return: has no return annotation"),
        (_arguments, {}, "_arguments(x): inputs are passed by name"),
        (_keywords, {}, "_keywords(x): inputs are passed by name"),
        (_positional, {}, "_positional(x): inputs are passed by name"),
        (_no_socket, {}, "_no_socket(x): dict[str, int] is not a socket type"),
        (_unresolved, {}, "_unresolved: an annotation cannot be resolved"),
        (_half_lists, {}, "_half_lists: either every input is a list or none is"),
        (_none_default, {}, "_none_default(x): a default of None"),
        (_other_default, {}, "_other_default(x): an input that may be None has no other default"),
        (_socket_default, {}, "_socket_default(x): only an input with a field can have a default"),
        (_wrong_choice, {}, "_wrong_choice(x): default 'b' is not among its choices"),
        (_number_choice, {}, "_number_choice(x): choices are texts"),
        (_lazy_alone, {}, "_lazy_alone: lazy inputs and a `needs` function belong together"),
        (_positional, {"needs": lambda: []}, "_positional"),
        (_two_types, {"returns": "x"}, "_two_types: returns one type or one tuple of types"),
        (_two_numbers, {"returns": "x", "passes_on": True}, "_two_numbers: what passes its input on has one input"),
        (_as_text, {"returns": "x", "passes_on": True}, "_as_text: what passes its input on has one input"),
        (_nothing, {"passes_on": True}, "_nothing: what passes its input on has one input"),
        (_as_list, {"returns": "x", "passes_on": True}, "_as_list: what passes its input on has one input"),
        (lambda: None, {}, "<lambda>: has no return annotation"),
    ],
)
def test_what_cannot_be_typed_is_refused(
    function: Callable[..., object], declared: dict[str, object], says: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        spec_of(function, **declared)
    assert says in str(caught.value)


def test_a_node_that_saves_has_an_effect() -> None:
    def saves(*, value: int) -> Report:
        return Report(text=(str(value),))

    assert [spec_of(saves, **declared).effect for declared in ({"saves": "output"}, {"effect": True}, {})] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("returns", ["a", ("a",), ("a", "b", "c"), ("a", "a")])
def test_outputs_need_one_name_each(returns: str | tuple[str, ...]) -> None:
    def two() -> tuple[int, int]:
        return 1, 2

    with pytest.raises(DeclarationError, match="distinct names for 2 outputs"):
        spec_of(two, returns=returns)


def test_traits() -> None:
    async def saves(*, images: list[Tile], note: list[str] | None = None, context: Context) -> Report:
        """First line.

        More.
        """
        return Report()

    declared = node(
        "T",
        category="c/d",
        display_name="Saves",
        version=3,
        effect=True,
        deterministic=False,
        lane="io",
        deprecated=True,
        experimental=True,
        aliases=(("picture", "images"),),
        words=("write", "keep"),
    )(saves)
    found = implementation(declared)
    assert found is not None
    assert declared is saves
    assert found.context == "context"
    spec = found.spec
    assert (spec.type, spec.category, spec.display_name, spec.version) == ("T", "c/d", "Saves", 3)
    assert (spec.effect, spec.deterministic, spec.lane, spec.deprecated) == (True, False, "io", True)
    assert (spec.experimental, spec.takes_lists, spec.asynchronous, spec.expands) == (True, True, True, False)
    assert spec.description == "First line.\n\nMore."
    assert spec.module == __name__
    assert [one.name for one in spec.inputs] == ["images", "note"]
    assert spec.input("picture") is spec.inputs_by_name["images"]
    assert spec.input("nothing") is None
    assert spec.words == ("write", "keep")


def test_a_declared_function_is_called_as_before() -> None:
    assert toys()["Add"].function(a=1, b=2) == 3
    assert implementation(len) is None


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "INT"),
        (float, "FLOAT"),
        (str, "STRING"),
        (bool, "BOOLEAN"),
        (object, "*"),
        (Tile, "TILE"),
        (int | Tile, "INT,TILE"),
    ],
)
def test_socket_types(annotation: object, name: str) -> None:
    assert socket_type(annotation, "place") == name


@pytest.mark.parametrize("one", toys().values(), ids=toys().keys())
def test_specs_travel_as_json(one: Any) -> None:
    data = json.loads(json.dumps(to_json(one.spec)))
    again = from_json(data)
    assert again == one.spec
    assert to_json(again) == to_json(one.spec)


@pytest.mark.parametrize(
    ("widget", "schema"),
    [
        (Number("INT", 1, 9), {"type": "integer", "minimum": 1, "maximum": 9}),
        (Number("FLOAT"), {"type": "number"}),
        (Text(), {"type": "string"}),
        (Toggle(), {"type": "boolean"}),
        (Choice(("a", "b")), {"enum": ["a", "b"]}),
        (FileChoice("models"), {"type": "string", "minLength": 1}),
    ],
)
def test_widgets_have_a_schema(widget: Any, schema: object) -> None:
    assert widget.schema() == schema


def test_async_functions_stay_async() -> None:
    function = toys()["MeetAsync"].function
    assert asyncio.iscoroutinefunction(function)


def test_a_mapping_of_fields_is_many_inputs() -> None:
    @node("Mixed", category="x", returns="FLOAT")
    def mixed(
        *, first: int, ratios: Annotated[Mapping[str, float], Fields(("a.", "b c"), 0.5), Range(0.0, 1.0)], last: bool
    ) -> float:
        """Mixes."""
        return first + ratios["a."] + 10 * ratios["b c"] + last

    found = implementation(mixed)
    assert found is not None
    assert [(one.name, one.type) for one in found.spec.inputs] == [
        ("first", "INT"),
        ("a.", "FLOAT"),
        ("b c", "FLOAT"),
        ("last", "BOOLEAN"),
    ]
    assert found.spec.inputs[1].default == 0.5
    assert found.spec.inputs[2].widget == Number("FLOAT", 0.0, 1.0)
    assert found.function(**{"first": 1, "a.": 0.25, "b c": 0.5, "last": True}) == 7.25
    assert mixed(first=1, ratios={"a.": 0.25, "b c": 0.5}, last=True) == 7.25
