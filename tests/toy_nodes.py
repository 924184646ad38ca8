"""Nodes small enough to see through, each with one property of the engine that a test can ask about."""

from __future__ import annotations

from typing import Annotated, Literal

from graph.context import Context
from graph.declare import FileIn, Implementation, Lazy, Range, Seed, SocketOnly, Unlinked, implementation, node
from graph.errors import GraphError
from graph.result import Blocked, Report, SavedFile
from tests import toy_expansions, toy_lanes
from tests.toy_values import Dice, Handle, OutputFolder, Tile

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


@node("BlockEven", category="toy", returns="out", lane="inline")
def block_even(*, value: int) -> int | Blocked:
    """Blocks the other elements of a list, silently."""
    return value if value % 2 else Blocked()


# Files and effects


@node("Save", category="toy", saves="output", lane="io")
def save(*, text: str, name: str = "saved.txt", context: Context) -> Report:
    """Writes a text into the output folder."""
    path = context.service(OutputFolder).path / name
    path.write_text(text)
    return Report((SavedFile.at(path, "output", name),))


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
    """Every toy node by type."""
    declared = [*globals().values(), *vars(toy_expansions).values(), *vars(toy_lanes).values()]
    found = (implementation(one) for one in declared)
    return {one.spec.type: one for one in found if one is not None}
