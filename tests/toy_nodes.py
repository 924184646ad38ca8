"""Nodes small enough to see through, each with one property of the engine that a test can ask about."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from graph.context import Context
from graph.declare import FileIn, Implementation, Lazy, Range, Seed, SocketOnly, Unlinked, implementation, node
from graph.errors import GraphError
from graph.result import Blocked, Expansion, ExpansionNode, Inner, Outer, Report, SavedFile
from graph.values import Encoded, RawTensor, Values, value_type

# Values: a tile is opaque (consumers are keyed by where it came from), a handle cannot leave memory


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Tile:
    """A picture of a few bytes."""

    socket_type: ClassVar[str] = "TILE"
    pixels: bytes


@dataclass(frozen=True, slots=True)
class Handle:
    """A value that cannot be encoded, as a model's weights."""

    socket_type: ClassVar[str] = "HANDLE"
    name: str


def _decode_tile(encoded: Encoded) -> Tile:
    if encoded.tensors.keys() != {"pixels"}:
        raise ValueError("not a tile")
    return Tile(encoded.tensors["pixels"].data)


TILE = value_type(
    Tile,
    name="tile",
    nbytes=lambda tile: len(tile.pixels),
    encode=lambda tile: Encoded(None, {"pixels": RawTensor("U8", (len(tile.pixels),), tile.pixels)}),
    decode=_decode_tile,
    describe=lambda tile: f"tile of {len(tile.pixels)}",
)


def toy_values() -> Values:
    return Values([TILE])


# Services: what a test lends to the bodies


@dataclass
class Gate:
    """Bodies that pass through it are counted while inside; `together` is the most that were in at once. With
    `parties`, each waits until so many have entered, which only happens if they truly overlap."""

    parties: int = 1
    inside: int = 0
    together: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    all_in: threading.Event = field(default_factory=threading.Event)

    def enter(self) -> None:
        with self.lock:
            self.inside += 1
            self.together = max(self.together, self.inside)
            if self.inside >= self.parties:
                self.all_in.set()

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1


@dataclass
class Bell:
    """Rung by a body that has begun; what it then waits for is up to the test."""

    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class OutputFolder:
    path: Path


# Plain


@node("Integer", category="toy", returns="out", lane="inline")
def integer(*, value: int = 0) -> int:
    """A whole number."""
    return value


@node("Real", category="toy", returns="out", lane="inline")
def real(*, value: Annotated[float, Range(-10, 10)] = 0.0) -> float:
    """A number."""
    return value


@node("Word", category="toy", returns="out", lane="inline")
def word(*, value: str = "") -> str:
    """A text."""
    return value


@node("Add", category="toy", returns="out", lane="inline")
def add(*, a: int, b: int = 0) -> int:
    """a + b."""
    return a + b


@node("Concat", category="toy", returns="out", lane="inline")
def concat(*, a: str, b: str = "", times: Annotated[int, Range(1, 100)] = 1) -> str:
    """a followed by b."""
    return (a + b) * times


@node("Scale", category="toy", returns="out")
def scale(*, value: float, by: float = 2.0) -> float:
    """value * by, and proof that FLOAT inputs get floats."""
    if type(value) is not float:
        raise TypeError(f"got {type(value).__name__}")
    return value * by


@node("Odd", category="toy", returns="out", lane="inline")
def odd(*, value: int) -> bool:
    """Whether value is odd: many inputs, few outputs."""
    return value % 2 == 1


@node("Nap", category="toy", returns="out", lane="inline")
def nap(*, index: int) -> float:
    """How long each of a list shall sleep: the first for long, the others not at all."""
    return 60.0 if index == 0 else 0.0


@node("Divide", category="toy", returns=("quotient", "remainder"), lane="inline")
def divide(*, a: int, b: int = 2) -> tuple[int, int]:
    """Two outputs."""
    return divmod(a, b)


@node("Pass", category="toy", returns="out", lane="inline")
def pass_on(*, value: object) -> object:
    """Any value, as it is."""
    return value


@node("Clamp", category="toy", returns="out", lane="inline")
def clamp(*, value: int, most: int = 3) -> int:
    """At most `most`: many inputs, few outputs."""
    return min(value, most)


@node("NotFinite", category="toy", returns="out", lane="inline")
def not_finite(*, kind: str = "nan") -> float:
    """A float that JSON does not have."""
    return float(kind)


# Opaque values


@node("Paint", category="toy", returns="out")
def paint(*, shade: Annotated[int, Range(0, 255)] = 0, size: Annotated[int, Range(1, 10_000)] = 4) -> Tile:
    """A tile of one shade."""
    return Tile(bytes([shade % 256]) * size)


@node("Blend", category="toy", returns="out")
def blend(*, a: Tile, b: Tile | None = None) -> Tile:
    """The mean of two tiles, or the one."""
    if b is None:
        return a
    return Tile(bytes((one + other) // 2 for one, other in zip(a.pixels, b.pixels, strict=True)))


@node("Shade", category="toy", returns="out")
def shade_of(*, tile: Tile) -> int:
    """From an opaque value to a small one."""
    return tile.pixels[0]


@node("Mixed", category="toy", returns=("number", "tile"))
def mixed() -> tuple[int, Tile]:
    """Outputs of two types."""
    return 1, Tile(b"1")


@node("Render", category="toy", returns="out", lane="device")
def render(*, tile: Tile) -> Tile:
    """Work on the device lane, so that precision is part of its key."""
    return tile


@node("OpenHandle", category="toy", returns="out")
def open_handle(*, name: str = "weights") -> Handle:
    """A value that no disk can hold."""
    return Handle(name)


@node("ReadHandle", category="toy", returns="out")
def read_handle(*, handle: Handle) -> str:
    return handle.name


# What can go wrong


@node("Boom", category="toy", returns="out")
def boom(*, value: int = 0) -> int:
    """Fails, as a bug does."""
    raise RuntimeError(f"boom {value}")


@node("Refuse", category="toy", returns="out")
def refuse(*, tile: Tile) -> Tile:
    """Fails on purpose, with a code and a hint."""
    raise GraphError(f"no tile of {len(tile.pixels)}", code="tile_size", hint="Use another size.")


@node("WrongCount", category="toy", returns=("a", "b"))
def wrong_count() -> tuple[int, int]:
    """Returns one value for two outputs."""
    return 1  # type: ignore[return-value]


@node("EndsProcess", category="toy", returns="out")
def ends_process() -> int:
    """Calls sys.exit, as some libraries do."""
    raise SystemExit(3)


@node("EndsLoop", category="toy", returns="out")
async def ends_loop() -> int:
    raise SystemExit(3)


@node("Random", category="toy", returns="out", deterministic=False)
def random_number(*, context: Context) -> int:
    """Not the same each time: the service decides what comes."""
    return next(context.service(Dice).rolls)


class Dice:
    """What `Random` will give, in order."""

    def __init__(self, *rolls: int) -> None:
        self.rolls = iter(rolls)


@node("RandomTile", category="toy", returns="out", deterministic=False)
def random_tile(*, context: Context) -> Tile:
    return Tile(bytes([next(context.service(Dice).rolls)]))


# Lists


@node("Range", category="toy", returns="out", lane="inline")
def count_up(*, count: int = 3, start: int = 0) -> list[int]:
    """A list: consumers run once for each element."""
    return list(range(start, start + count))


@node("Sum", category="toy", returns="out", lane="inline")
def total(*, values: list[int]) -> int:
    """Takes whole lists."""
    return sum(values)


@node("Gather", category="toy", returns="out", lane="inline")
def gather(*, values: Annotated[list[object], SocketOnly()], more: list[object] | None = None) -> str:
    """Shows the lists it was given."""
    return f"{values} {more}"


@node("Neighbours", category="toy", returns=("all", "first"), lane="inline")
def neighbours(*, value: int) -> tuple[list[int], int]:
    """A list output beside a plain one."""
    return [value - 1, value + 1], value


# Lazy inputs


def _switch_needs(*, on: bool, yes: object, no: object) -> list[str]:
    return ["yes" if on else "no"]


@node("Switch", category="toy", returns="out", lane="inline", needs=_switch_needs)
def switch(
    *, on: bool = True, yes: Annotated[object | None, Lazy()] = None, no: Annotated[object | None, Lazy()] = None
) -> object:
    """Evaluates only the branch it passes on."""
    return yes if on else no


def _choose_needs(*, on: int, yes: object, no: object) -> list[str]:
    return ["yes" if on % 2 else "no"]


@node("Choose", category="toy", returns="out", lane="inline", needs=_choose_needs)
def choose(*, on: int, yes: Annotated[int, Lazy(), SocketOnly()], no: Annotated[int, Lazy(), SocketOnly()]) -> int:
    """A switch that turns on odd numbers and gives a small value."""
    return yes if on % 2 else no


def _first_needs(*, a: int | None, b: int | None, c: int | None) -> list[str]:
    if a is None:
        return ["a"]
    return ["b"] if a == 0 and b is None else ["c"] if a == 0 and b == 0 else []


@node("FirstNonZero", category="toy", returns="out", lane="inline", needs=_first_needs)
def first_non_zero(
    *,
    a: Annotated[int | None, Lazy(), SocketOnly()] = None,
    b: Annotated[int | None, Lazy(), SocketOnly()] = None,
    c: Annotated[int | None, Lazy(), SocketOnly()] = None,
) -> int:
    """Asks again after each answer."""
    return a or b or c or 0


def _broken_needs(*, on: int, value: object) -> list[str]:
    return {0: [], 1: ["nothing"]}[on]


@node("BrokenNeeds", category="toy", returns="out", needs=_broken_needs)
def broken_needs(*, on: int = 0, value: Annotated[object | None, Lazy()] = None) -> int:
    """Names an input that does not exist (1), or fails while asking (2)."""
    return 0


# Blockers


@node("Block", category="toy", returns="out", lane="inline")
def block(*, value: object, when: bool = True, message: str = "") -> object | Blocked:
    """Stops what comes after it."""
    return Blocked(message or None) if when else value


@node("BlockOdd", category="toy", returns="out", lane="inline")
def block_odd(*, value: int) -> int | Blocked:
    """Blocks some elements of a list."""
    return Blocked(f"{value} is odd") if value % 2 else value


# Expansion


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


# Time: lanes, progress, cancelling, the event loop


@node("Slow", category="toy", returns="out")
def slow(*, value: int = 0, steps: int = 3, context: Context) -> int:
    """Tells its progress; where a `Bell` is lent, waits for it after the first step."""
    bell = context.services.get(Bell)
    for step in range(steps):
        context.progress(step + 1, steps)
        if isinstance(bell, Bell):
            bell.begun.set()
            bell.go_on.wait(60)
    return value


@node("HoldDevice", category="toy", returns="out", lane="device")
def hold_device(*, value: int = 0, context: Context) -> int:
    """Keeps the device until the test lets it go."""
    context.service(Bell).go_on.wait(60)
    return value


@node("MeetOnDevice", category="toy", returns="out", lane="device")
def meet_on_device(*, value: int = 0, context: Context) -> int:
    return _meet(value, context)


@node("MeetOnCpu", category="toy", returns="out", lane="cpu")
def meet_on_cpu(*, value: int = 0, context: Context) -> int:
    return _meet(value, context)


@node("MeetOnIo", category="toy", returns="out", lane="io")
def meet_on_io(*, value: int = 0, context: Context) -> int:
    """Waits inside the gate until its `parties` are there."""
    return _meet(value, context)


def _meet(value: int, context: Context) -> int:
    gate = context.service(Gate)
    gate.enter()
    gate.all_in.wait(60)
    gate.leave()
    return value


@node("MeetAsync", category="toy", returns="out")
async def meet_async(*, value: int = 0, context: Context) -> int:
    gate = context.service(Gate)
    gate.enter()
    while not gate.all_in.is_set():  # noqa: ASYNC110 - the gate is shared with threads
        await asyncio.sleep(0.001)
    gate.leave()
    return value


@node("SleepAsync", category="toy", returns="out")
async def sleep_async(*, value: int = 0, seconds: float = 0.0, fail: bool = False, context: Context) -> int:
    """Sleeps on the event loop; says in the ledger how that ended."""
    ledger = context.service(Ledger)
    ledger.lines.append("asleep")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        ledger.lines.append("woken")
        raise
    if fail:
        raise RuntimeError("bad dream")
    return value


@dataclass
class Ledger:
    """What bodies write down."""

    lines: list[str] = field(default_factory=list)


# Files and effects


@node("Save", category="toy", effect=True, lane="io")
def save(*, text: str, name: str = "saved.txt", context: Context) -> Report:
    """Writes a text into the output folder."""
    path = context.service(OutputFolder).path / name
    path.write_text(text)
    return Report((SavedFile("output", name, len(text), str(path)),))


@node("Show", category="toy", effect=True, lane="inline")
def show(*, value: object) -> Report:
    """An effect that leaves no file."""
    return Report(text=(str(value),))


@node("ReadText", category="toy", returns="out", lane="io")
def read_text(*, file: Annotated[str, FileIn("input", upload=True)], context: Context) -> str:
    """A file whose content is the key."""
    return (context.service(OutputFolder).path.parent / "input" / file).read_text()


@node("OpenModel", category="toy", returns="out", lane="io")
def open_model(*, file: Annotated[str, FileIn("models")]) -> Handle:
    """A file whose name counts too: what it returns leads back to it."""
    return Handle(file)


# Declarations of other kinds


@node(
    "Knobs",
    category="toy",
    returns="out",
    lane="inline",
    aliases=(("strenght", "strength"),),
    check=lambda *, strength, mode, **_: "soft is at most 1" if mode == "soft" and strength > 1 else None,
)
def knobs(
    *,
    strength: Annotated[float, Range(0.0, 5.0, 0.1)] = 1.0,
    seed: Annotated[int, Seed(), Range(0, 2**64 - 1)] = 0,
    mode: Literal["hard", "soft"] = "hard",
    on: bool = True,
    label: Annotated[str, Unlinked()] = "",
    tile: Tile | None = None,
) -> str:
    """Every kind of field."""
    return f"{strength} {seed} {mode} {on} {label} {tile}"


def toys() -> dict[str, Implementation]:
    """Every node of this file by type."""
    found = (implementation(one) for one in list(globals().values()))
    return {one.spec.type: one for one in found if one is not None}
