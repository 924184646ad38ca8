"""Plain values as nodes: one number or text that several inputs share."""

from __future__ import annotations

from typing import Annotated, Final

from graph.declare import Multiline, Range, Seed, node

LARGEST: Final = 2**63 - 1


@node(
    "PrimitiveString",
    display_name="String",
    category="utils/primitive",
    returns="STRING",
    lane="inline",
    passes_on=True,
    words=("text", "constant", "primitivenode"),
)
def primitive_string(*, value: str) -> str:
    """A line of text."""
    return value


@node(
    "PrimitiveStringMultiline",
    display_name="String (Multiline)",
    category="utils/primitive",
    returns="STRING",
    lane="inline",
    passes_on=True,
    words=("text", "prompt", "primitivenode"),
)
def primitive_string_multiline(*, value: Annotated[str, Multiline()]) -> str:
    """A text of several lines."""
    return value


@node(
    "PrimitiveInt",
    display_name="Int",
    category="utils/primitive",
    returns="INT",
    lane="inline",
    passes_on=True,
    words=("number", "integer", "constant", "primitivenode"),
)
def primitive_int(*, value: Annotated[int, Range(-LARGEST, LARGEST), Seed()]) -> int:
    """A whole number."""
    return value


@node(
    "PrimitiveFloat",
    display_name="Float",
    category="utils/primitive",
    returns="FLOAT",
    lane="inline",
    passes_on=True,
    words=("number", "decimal", "constant", "primitivenode"),
)
def primitive_float(*, value: Annotated[float, Range(-LARGEST, LARGEST)]) -> float:
    """A number."""
    return value


@node(
    "PrimitiveBoolean",
    display_name="Boolean",
    category="utils/primitive",
    returns="BOOLEAN",
    lane="inline",
    passes_on=True,
    words=("switch", "toggle", "primitivenode"),
)
def primitive_boolean(*, value: bool) -> bool:
    """Yes or no."""
    return value


@node("Reroute", category="utils", returns="value", lane="inline", passes_on=True, words=("dot", "point"))
def reroute(*, value: object) -> object:
    """Passes its input on. It only tidies a canvas: it is dissolved before a run."""
    return value
