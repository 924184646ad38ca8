"""Training pictures in numbered blocks, rendered ahead of need by a process of their own.

A block holds the pictures of consecutive seeds, so its number says everything about it. The process ends when
its owner does, however that ends.
"""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nodes.training_data.composition import Split, composition
from nodes.training_data.objects import object_kinds
from nodes.training_data.rendering import reduced, render
from nodes.training_data.sprites import SpriteSet

Pictures: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BlockOrder:
    """Which pictures a block holds: `length` of them, `size` pixels square, from a split."""

    split: Split
    size: int
    length: int
    first_seed: int = 0

    def seeds(self, number: int) -> range:
        """The seeds of a block's pictures."""
        start = self.first_seed + number * self.length
        return range(start, start + self.length)


def render_block(order: BlockOrder, number: int, sprites: SpriteSet) -> Pictures:
    """The pictures of a block, uint8 [length, size, size, 3]."""
    things = object_kinds()
    pictures = (render(composition(seed, order.split, things), sprites) for seed in order.seeds(number))
    return np.stack([np.asarray(reduced(picture, order.size)) for picture in pictures])


class BlockRenderer:
    """Gives the blocks of an order; while one is in use the next is being rendered."""

    def __init__(self, order: BlockOrder) -> None:
        self.order = order
        self._connection, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(other, order), daemon=True)
        self._process.start()
        other.close()
        self._ordered: list[int] = []

    def block(self, number: int) -> Pictures:
        """A block; waits until it is rendered."""
        if number not in self._ordered:
            self._order(number)
        while True:
            ready = self._ordered.pop(0)
            pictures: Pictures = self._connection.recv()
            if ready == number:
                break
        if number + 1 not in self._ordered:
            self._order(number + 1)
        return pictures

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join()

    def _order(self, number: int) -> None:
        self._connection.send(number)
        self._ordered.append(number)


def _serve(connection: Connection, order: BlockOrder) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # these reach the whole group; the owner decides when to end
        signal.signal(number, signal.SIG_IGN)
    sprites = SpriteSet()
    try:
        while True:
            connection.send(render_block(order, connection.recv(), sprites))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the owner is gone
