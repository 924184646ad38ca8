"""Latents to train on: a window of encoded pictures that moves on as training does.

Every picture is drawn once, encoded once, used a few times and never seen again, so nothing but the sprites can be
learned by heart. Blocks of latents lie on disk, so that resuming does not encode them again; a missing one is
made anew, with the same content.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file
from torch import Tensor

from nodes.training.checkpoint import write_atomically
from nodes.training.picture_blocks import BlockOrder, BlockRenderer, Pictures

Encode = Callable[[Pictures], Tensor]


class LatentPool:
    """The newest `depth` blocks of an order, encoded. Latents are kept in float16."""

    def __init__(self, folder: Path, renderer: BlockRenderer, encode: Encode, depth: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._renderer = renderer
        self._encode = encode
        self._depth = depth
        self._blocks: dict[int, Tensor] = {}

    @property
    def order(self) -> BlockOrder:
        """Which pictures the pool holds."""
        return self._renderer.order

    def move_to(self, newest: int) -> None:
        """Make the pool hold blocks `newest` - depth + 1 .. `newest`, encoding what is not on disk."""
        wanted = range(newest - self._depth + 1, newest + 1)
        for number in [number for number in self._blocks if number not in wanted]:
            del self._blocks[number]
            self._path(number).unlink(missing_ok=True)
        for number in wanted:
            if number not in self._blocks:
                self._blocks[number] = self._stored(number)

    def draw(self, random: Random, count: int) -> tuple[Tensor, list[int]]:
        """`count` random latents, float32 [count, 4, h, w], and the seeds of their pictures."""
        numbers = sorted(self._blocks)
        picks = [(random.choice(numbers), random.randrange(self.order.length)) for _ in range(count)]
        latents = torch.stack([self._blocks[number][index] for number, index in picks]).float()
        return latents, [self.order.seeds(number)[index] for number, index in picks]

    def _stored(self, number: int) -> Tensor:
        path = self._path(number)
        if not path.exists():
            latents = self._encode(self._renderer.block(number)).half()
            write_atomically(path, {"latents": latents}, {"first_seed": str(self.order.seeds(number)[0])})
        return load_file(path)["latents"]

    def _path(self, number: int) -> Path:
        return self._folder / f"latents-{number:07d}.safetensors"
