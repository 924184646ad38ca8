"""Values and services that toy nodes deal in: what is on their wires, and what a test lends to their bodies."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

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


@dataclass
class Ledger:
    """What bodies write down."""

    lines: list[str] = field(default_factory=list)


class Dice:
    """What `Random` will give, in order."""

    def __init__(self, *rolls: int) -> None:
        self.rolls = iter(rolls)
