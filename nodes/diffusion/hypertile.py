"""HyperTile: self-attention of the upper levels within tiles (tfernd, 2023), of sizes drawn by the generator of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.denoiser import NetworkCall
from nodes.diffusion.patching import Hooks, Start, self_attention_names, wrap_layers

_CELL = 8  # pixels
_SMALLEST_TILE = 32  # pixels


@dataclass(frozen=True, slots=True)
class HyperTile:
    """`tile_size` in pixels is the least side of a tile; one of `swap_size` ways to divide is drawn each time.

    Levels 0 to `max_depth` are tiled, with `scale_depth` in larger tiles the deeper they are.
    """

    tile_size: int
    swap_size: int
    max_depth: int
    scale_depth: bool

    def begin(self, start: Start) -> Hooks:
        tiler = _Tiler(self, start.generator)
        return Hooks(
            network=lambda network: wrap_layers(
                network, self_attention_names(network), lambda attention: _TiledAttention(attention, tiler)
            ),
            observe=tiler.observe,
        )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Tiles down and across, and the sides of the map that they divide."""

    down: int
    across: int
    height: int
    width: int


@dataclass(slots=True, eq=False)
class _Tiler:
    settings: HyperTile
    generator: torch.Generator
    height: int = 0
    width: int = 0

    def observe(self, call: NetworkCall) -> None:
        self.height, self.width = call.height, call.width

    def grid(self, tokens: int) -> _Grid | None:
        """How tokens are tiled; None where they are not."""
        depths = [(self.height / 2**depth) * (self.width / 2**depth) for depth in range(self.settings.max_depth + 1)]
        if tokens not in depths:
            return None
        factor = 2 ** depths.index(tokens) if self.settings.scale_depth else 1
        least = max(_SMALLEST_TILE, self.settings.tile_size) // _CELL * factor
        # The sides are taken the other way round than the map has them, as in every picture made with this so far.
        aspect = self.width / self.height
        height, width = round(math.sqrt(tokens * aspect)), round(math.sqrt(tokens / aspect))
        if height * width != tokens:  # so flat that its sides cannot be told from their product
            return None
        down, across = self._tiles(height, least), self._tiles(width, least)
        return _Grid(down, across, height // down, width // across) if down * across > 1 else None

    def _tiles(self, side: int, least: int) -> int:
        """Into how many tiles, none smaller than `least`, a side is divided this time."""
        divisors = [size for size in range(min(least, side), side + 1) if side % size == 0]
        counts = [side // size for size in divisors[: self.settings.swap_size]]
        if len(counts) == 1:
            return counts[0]
        return counts[int(torch.randint(0, len(counts) - 1, (1,), generator=self.generator))]


class _TiledAttention(nn.Module):
    def __init__(self, attention: nn.Module, tiler: _Tiler) -> None:
        super().__init__()
        self.attention = attention
        self.tiler = tiler

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        grid = self.tiler.grid(x.shape[1])
        if grid is None:
            out: Tensor = self.attention(x, context)
            return out
        tiles = _into_tiles(x, grid)
        # Keys and values are not cut into tiles, but only parted: tile number t sees the t-th run of cells in reading order,
        # as in every picture made with this so far.
        runs = x.reshape(tiles.shape)  # (B * tiles, cells of a tile, C)
        return _from_tiles(self.attention(tiles, runs), grid)


def _into_tiles(x: Tensor, grid: _Grid) -> Tensor:
    batch, _, channels = x.shape
    cells = x.view(batch, grid.down, grid.height, grid.across, grid.width, channels).transpose(2, 3)
    return cells.reshape(-1, grid.height * grid.width, channels)  # (B * tiles, cells of a tile, C)


def _from_tiles(x: Tensor, grid: _Grid) -> Tensor:
    channels = x.shape[-1]
    tiles = x.view(-1, grid.down, grid.across, grid.height, grid.width, channels).transpose(2, 3)
    return tiles.reshape(tiles.shape[0], -1, channels)  # (B, N, C)
