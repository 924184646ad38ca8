"""Networks run over a picture piece by piece, so that memory depends on the tile and not on the picture.

Tiles overlap; each result counts less towards its edges, and what overlaps is averaged. The autoencoder, whose middle
sees the whole tile, is run over three tilings (square, wide and tall), so that no seam of one survives the mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Compute = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Tiling:
    """Tiles of so many rows and columns of the input, each sharing `overlap` of them with its neighbour."""

    height: int
    width: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < min(self.height, self.width):
            raise ValueError(f"tiles of {self.height}x{self.width} cannot overlap by {self.overlap}")

    def count(self, height: int, width: int) -> int:
        """How many tiles cover an input of this size."""
        return len(self._starts(height, self.height)) * len(self._starts(width, self.width))

    def places(self, height: int, width: int) -> list[tuple[slice, slice]]:
        """The tiles of an input of this size, row by row; the last of a row or column may be smaller."""
        rows, columns = self._starts(height, self.height), self._starts(width, self.width)
        return [
            (slice(top, min(top + self.height, height)), slice(left, min(left + self.width, width)))
            for top, left in itertools.product(rows, columns)
        ]

    def _starts(self, length: int, tile: int) -> list[int]:
        return [0] if length <= tile else list(range(0, length - self.overlap, tile - self.overlap))


def tiled(x: Tensor, compute: Compute, tiling: Tiling, scale: float) -> Tensor:
    """`compute` over the tiles of x [B, C, H, W], put together to [B, C', H scale, W scale] in float32, where x is.

    `compute` is given [1, C, h, w] and enlarges (or, with a scale below 1, reduces) both sides `scale` times, on whatever
    device.
    """
    return torch.cat([_tiled_one(one, compute, tiling, scale) for one in x.chunk(x.shape[0])])


def three_tilings(tiling: Tiling) -> tuple[Tiling, Tiling, Tiling]:
    """A tiling, one of half the height and twice the width, and one of twice the height and half the width."""
    return (
        tiling,
        replace(tiling, height=tiling.height // 2, width=tiling.width * 2),
        replace(tiling, height=tiling.height * 2, width=tiling.width // 2),
    )


def tiled_thrice(x: Tensor, compute: Compute, tiling: Tiling, scale: float) -> Tensor:
    """The mean of `tiled` over `three_tilings`."""
    low, wide, tall = (tiled(x, compute, one, scale) for one in three_tilings(tiling))
    return (tall + wide + low) / 3.0


def _tiled_one(x: Tensor, compute: Compute, tiling: Tiling, scale: float) -> Tensor:
    height, width = x.shape[2:]
    places = tiling.places(height, width)
    if len(places) == 1:
        return compute(x).to(x.device, torch.float32)
    sums = weights = torch.zeros(())
    for index, (rows, columns) in enumerate(places):
        result = compute(x[:, :, rows, columns]).to(x.device, torch.float32)
        if index == 0:
            sums = result.new_zeros(1, result.shape[1], round(height * scale), round(width * scale))
            weights = result.new_zeros(1, 1, *sums.shape[2:])
        weight = _weight(result, round(tiling.overlap * scale))
        top, left = round(rows.start * scale), round(columns.start * scale)
        area = (..., slice(top, top + result.shape[2]), slice(left, left + result.shape[3]))
        sums[area] += result * weight
        weights[area] += weight
    return sums / weights


def _weight(result: Tensor, fade: int) -> Tensor:
    """[1, 1, h, w]: 1 inside, falling to 1 / fade at the edges; no fall along a side that is not longer than it."""
    rows, columns = (_ramp(length, fade).to(result) for length in result.shape[2:])
    return (rows.unsqueeze(1) * columns.unsqueeze(0))[None, None]


def _ramp(length: int, fade: int) -> Tensor:
    ramp = torch.ones(length)
    if 0 < fade < length:
        rise = torch.arange(1, fade + 1) / fade
        ramp[:fade] *= rise
        ramp[-fade:] *= rise.flip(0)
    return ramp
