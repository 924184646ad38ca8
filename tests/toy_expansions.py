"""Toy nodes that return a graph: loops, lists, and graphs that are none."""

from __future__ import annotations

from typing import Annotated

from graph.declare import Lazy, SocketOnly, node
from graph.result import Expansion, ExpansionNode, Inner, Outer
from tests.toy_values import Tile


@node("AddTwice", category="toy", returns="out", lane="inline")
def add_twice(*, a: Annotated[int, SocketOnly()], b: int = 0) -> int | Expansion:
    """a + b + b, out of two Adds."""
    return Expansion(
        {
            "once": ExpansionNode("Add", {"a": Outer("a"), "b": Outer("b")}),
            "twice": ExpansionNode("Add", {"a": Inner("once", "out"), "b": Outer("b")}),
        },
        {"out": Inner("twice", "out")},
    )


@node("Countdown", category="toy", returns="out", lane="inline")
def countdown(*, rounds: int = 10, value: int = 0) -> int | Expansion:
    """A loop that ends in a call of itself: value + rounds."""
    if rounds == 0:
        return value
    return Expansion(
        {
            "body": ExpansionNode("Add", {"a": Outer("value"), "b": 1}),
            "next": ExpansionNode("Countdown", {"rounds": rounds - 1, "value": Inner("body", "out")}),
        },
        {"out": Inner("next", "out")},
    )


@node("ExpandsIntoBoom", category="toy", returns="out", lane="inline")
def expands_into_boom(*, value: int = 0) -> int | Expansion:
    """Comes to grief inside."""
    return Expansion({"bad": ExpansionNode("Boom", {"value": Outer("value")})}, {"out": Inner("bad", "out")})


@node("BlendLoop", category="toy", returns="out", lane="inline")
def blend_loop(*, tile: Tile, rounds: int = 3) -> Tile | Expansion:
    """A loop that carries an opaque value."""
    if rounds == 0:
        return tile
    return Expansion(
        {
            "body": ExpansionNode("Copy", {"tile": Outer("tile"), "mark": rounds}),
            "next": ExpansionNode("BlendLoop", {"tile": Inner("body", "out"), "rounds": rounds - 1}),
        },
        {"out": Inner("next", "out")},
    )


@node("Copy", category="toy", returns="out", lane="inline")
def copy(*, tile: Tile, mark: int = 0) -> Tile:
    """A tile of its own, of the same pixels."""
    return Tile(bytes(tile.pixels))


@node("SaveTwice", category="toy", effect=False, returns="out", lane="inline")
def save_twice(*, text: str = "") -> str | Expansion:
    """Effects inside an expansion."""
    return Expansion(
        {
            "one": ExpansionNode("Save", {"text": Outer("text"), "name": "one.txt"}),
            "two": ExpansionNode("Save", {"text": Outer("text"), "name": "two.txt"}),
            "same": ExpansionNode("Concat", {"a": Outer("text")}),
        },
        {"out": Inner("same", "out")},
    )


def _nothing_needed(*, value: object) -> list[str]:
    return []


@node("Postpone", category="toy", returns="out", lane="inline", needs=_nothing_needed)
def postpone(*, value: Annotated[object | None, Lazy()] = None) -> object | Expansion:
    """Hands a lazy input on, unevaluated, to what it expands into."""
    return Expansion({"inner": ExpansionNode("Pass", {"value": Outer("value")})}, {"out": Inner("inner", "out")})


@node("PostponeEach", category="toy", returns="out", lane="inline", needs=lambda **_: [])
def postpone_each(*, index: int, value: Annotated[object | None, Lazy()] = None) -> object | Expansion:
    """The same, beside an input that may be a list."""
    return Expansion({"value": ExpansionNode("Pass", {"value": Outer("value")})}, {"out": Inner("value", "out")})


@node("Spread", category="toy", returns=("all", "first"), lane="inline")
def spread(*, value: int) -> tuple[list[int], int] | Expansion:
    """Outputs of both kinds, by expansion: lists join, single values stay single."""
    inner = ExpansionNode("Neighbours", {"value": Outer("value")})
    return Expansion({"inner": inner}, {"all": Inner("inner", "all"), "first": Inner("inner", "first")})


@node("SometimesExpands", category="toy", returns="out", lane="inline")
def sometimes_expands(*, value: int) -> int | Expansion:
    """Even numbers come back as they are, odd ones through an Add."""
    if value % 2 == 0:
        return value
    return Expansion({"value": ExpansionNode("Add", {"a": Outer("value"), "b": 100})}, {"out": Inner("value", "out")})


@node("EmptyExpansion", category="toy", returns="out", lane="inline")
def empty_expansion(*, value: int = 5) -> int | Expansion:
    """Its output is its own input."""
    return Expansion({}, {"out": Outer("value")})


_PASSING = {"value": Outer("value")}
BAD_EXPANSIONS: dict[str, Expansion] = {
    "unknown_type": Expansion({"x": ExpansionNode("Nope", _PASSING)}, {"out": Inner("x", "out")}),
    "unknown_inner": Expansion({"x": ExpansionNode("Pass", _PASSING)}, {"out": Inner("y", "out")}),
    "unknown_output": Expansion({"x": ExpansionNode("Pass", _PASSING)}, {"out": Inner("x", "result")}),
    "unknown_outer": Expansion({"x": ExpansionNode("Pass", {"value": Outer("values")})}, {"out": Inner("x", "out")}),
    "no_output": Expansion({"x": ExpansionNode("Pass", _PASSING)}, {}),
    "cycle": Expansion(
        {
            "x": ExpansionNode("Pass", {"value": Inner("y", "out")}),
            "y": ExpansionNode("Pass", {"value": Inner("x", "out")}),
        },
        {"out": Inner("x", "out")},
    ),
    "not_json": Expansion({"x": ExpansionNode("Pass", {"value": object()})}, {"out": Inner("x", "out")}),  # type: ignore[dict-item]
    "not_finite": Expansion({"x": ExpansionNode("Pass", {"value": float("nan")})}, {"out": Inner("x", "out")}),
    "bad_literal": Expansion({"x": ExpansionNode("Concat", {"a": 7})}, {"out": Inner("x", "out")}),
    "wrong_type": Expansion({"x": ExpansionNode("Paint", {})}, {"out": Inner("x", "out")}),
    "not_a_node": Expansion({"x": "Pass"}, {"out": Inner("x", "out")}),  # type: ignore[dict-item]
}


@node("BadExpansion", category="toy", returns="out", lane="inline")
def bad_expansion(*, kind: str, value: int = 0) -> str | Expansion:
    """Every way of returning a graph that is none."""
    return BAD_EXPANSIONS[kind]
