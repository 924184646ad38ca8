"""HyperTile against the formula written out: queries in tiles, keys and values parted in reading order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nodes.diffusion.attention import CrossAttention
from nodes.diffusion.freeu import _structure
from nodes.diffusion.hypertile import HyperTile, _TiledAttention, _Tiler


def written_out(attention: CrossAttention, x: Tensor, down: int, across: int, side: int) -> Tensor:
    """x [1, side * side, C], tile after tile: with which run of cells each of them is."""
    cells = x.view(side, side, -1)
    height, width = side // down, side // across
    made = torch.empty_like(cells)
    for number in range(down * across):
        rows = slice(number // across * height, (number // across + 1) * height)
        columns = slice(number % across * width, (number % across + 1) * width)
        tile = cells[rows, columns].reshape(1, height * width, -1)
        run = x[:, number * height * width : (number + 1) * height * width]
        made[rows, columns] = attention(tile, run).view(height, width, -1)
    return made.view(1, side * side, -1)


@pytest.mark.parametrize(("tile", "down"), [(128, 2), (64, 4)])
def test_a_tile_sees_a_run_of_cells(tile: int, down: int) -> None:
    torch.manual_seed(0)
    side = 32
    attention = CrossAttention(16, 16, 2).requires_grad_(requires_grad=False)
    tiler = _Tiler(HyperTile(tile, 1, 0, scale_depth=False), torch.Generator(), side, side)
    x = torch.randn(2, side * side, 16)
    made = _TiledAttention(attention, tiler)(x, x)
    for row in range(2):
        torch.testing.assert_close(made[row : row + 1], written_out(attention, x[row : row + 1], down, down, side))


@pytest.mark.parametrize(("height", "width"), [(1, 8), (8, 1)])
def test_a_map_of_one_row_is_not_tiled(height: int, width: int) -> None:
    tiler = _Tiler(HyperTile(1, 128, 10, scale_depth=False), torch.Generator(), height, width)
    assert all(tiler.grid(tokens) is None for tokens in (1, 2, 4))


def test_freeu_finds_no_structure_where_all_is_alike() -> None:
    assert torch.equal(_structure(torch.full((2, 4, 1, 1), 3.0)), torch.zeros(2, 1, 1, 1))
