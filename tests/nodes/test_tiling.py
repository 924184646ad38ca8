"""Tiles cover the whole, meet without seams, and change nothing that a network computes from one place alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from graph.context import CancelToken, Context
from graph.errors import Cancelled
from nodes.builtin.tiled_vae import vae_decode_tiled, vae_encode_tiled
from nodes.builtin.vae import vae_decode, vae_encode
from nodes.diffusion.tiling import Tiling, three_tilings, tiled, tiled_thrice
from nodes.folders import Folders
from nodes.sockets import Image, Latent, Vae
from nodes.weights.keymaps import Part
from tests.nodes.checkpoints import reference, write_tiny_checkpoint
from tests.nodes.running import Bench


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def spans(tiling: Tiling, height: int, width: int) -> list[tuple[int, int, int, int]]:
    return [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in tiling.places(height, width)]


@pytest.mark.parametrize(
    ("tiling", "size", "expected"),
    [
        (Tiling(8, 8, 2), (8, 8), [(0, 8, 0, 8)]),
        (Tiling(8, 8, 2), (4, 9), [(0, 4, 0, 8), (0, 4, 6, 9)]),
        (Tiling(8, 8, 2), (8, 14), [(0, 8, 0, 8), (0, 8, 6, 14)]),
        (Tiling(4, 16, 0), (8, 16), [(0, 4, 0, 16), (4, 8, 0, 16)]),
    ],
)
def test_places(tiling: Tiling, size: tuple[int, int], expected: list[tuple[int, int, int, int]]) -> None:
    assert spans(tiling, *size) == expected
    assert tiling.count(*size) == len(expected)


@pytest.mark.parametrize("size", [(5, 5), (16, 16), (17, 40), (40, 9), (31, 33)])
@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_every_place_is_covered(size: tuple[int, int], overlap: int) -> None:
    covered = torch.zeros(size)
    for rows, columns in Tiling(8, 8, overlap).places(*size):
        covered[rows, columns] += 1
    assert bool((covered > 0).all())


@pytest.mark.parametrize("size", [8, 32])
def test_tiles_are_put_together_where_the_whole_is(size: int) -> None:
    """Whatever computes them: a card holds one tile, not the picture."""
    whole = torch.empty(2, 3, 20, 20, device="meta")
    made = tiled(whole, lambda tile: torch.zeros(1, 3, 2 * tile.shape[2], 2 * tile.shape[3]), Tiling(size, size, 2), 2)
    assert made.device == whole.device
    assert made.shape == (2, 3, 40, 40)


def test_the_three_tilings_have_one_area() -> None:
    assert [(one.height, one.width) for one in three_tilings(Tiling(16, 16, 4))] == [(16, 16), (8, 32), (32, 8)]


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


@pytest.mark.parametrize(("compute", "scale"), [(torch.sin, 1), (double, 2), (halve, 0.5)])
def test_what_looks_at_one_place_only_is_not_changed(compute: object, scale: float) -> None:
    assert callable(compute)
    x = noise(2, 3, 22, 30)
    torch.testing.assert_close(tiled(x, compute, Tiling(8, 12, 4), scale), compute(x))
    torch.testing.assert_close(tiled_thrice(x, compute, Tiling(12, 12, 2), scale), compute(x))


def test_overlaps_fade_linearly() -> None:
    """Two tiles that say 0 and 1: what both say at once rises evenly."""
    calls = iter((0.0, 1.0))
    row = tiled(torch.zeros(1, 1, 1, 12), lambda tile: torch.full_like(tile, next(calls)), Tiling(5, 8, 4), 1)
    falling, rising = torch.tensor([1.0, 0.75, 0.5, 0.25]), torch.tensor([0.25, 0.5, 0.75, 1.0])
    torch.testing.assert_close(row[0, 0, 0, 4:8], rising / (falling + rising))
    assert row[0, 0, 0, :4].tolist() == [0.0] * 4
    assert row[0, 0, 0, 8:].tolist() == [1.0] * 4


@pytest.mark.parametrize("overlap", [8, 9, -1])
def test_an_overlap_must_be_smaller_than_a_tile(overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        Tiling(8, 16, overlap)


class TestNodes:
    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        return Context(services=Bench(tmp_path).services)

    @pytest.fixture
    def vae(self, tmp_path: Path, context: Context) -> Vae:
        path = write_tiny_checkpoint(tmp_path / "tiny.safetensors")
        return Vae(replace(reference(path, Part.VAE), digest=context.service(Folders).digest(path)))

    def test_one_tile_is_the_whole(self, vae: Vae, context: Context) -> None:
        latent, picture = Latent(noise(2, 4, 8, 8)), Image(torch.rand(2, 64, 64, 3))
        whole = vae_decode(samples=latent, vae=vae, context=context)
        tiles = vae_decode_tiled(samples=latent, vae=vae, context=context)
        torch.testing.assert_close(tiles.pixels, whole.pixels)
        encoded = vae_encode(pixels=picture, vae=vae, context=context)
        in_tiles = vae_encode_tiled(pixels=picture, vae=vae, context=context)
        torch.testing.assert_close(in_tiles.samples, encoded.samples)

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_many_tiles_give_the_same_size(self, vae: Vae, context: Context, channels: int) -> None:
        picture = Image(torch.rand(1, 203, 150, channels))
        latent = vae_encode_tiled(pixels=picture, vae=vae, tile_size=64, overlap=64, context=context)
        assert latent.samples.shape == (1, 4, 25, 18)
        decoded = vae_decode_tiled(samples=latent, vae=vae, tile_size=64, overlap=64, context=context)
        assert decoded.pixels.shape == (1, 200, 144, 3)
        assert 0.0 <= float(decoded.pixels.min()) <= float(decoded.pixels.max()) <= 1.0

    def test_progress_counts_all_tiles(self, vae: Vae, context: Context) -> None:
        seen: list[tuple[int, int]] = []
        watched = Context(services=context.services, sink=lambda value, maximum, _: seen.append((value, maximum)))
        vae_decode_tiled(samples=Latent(noise(1, 4, 16, 16)), vae=vae, tile_size=64, overlap=0, context=watched)
        assert seen == [(done, 12) for done in range(13)]

    def test_cancel_between_two_tiles(self, vae: Vae, context: Context) -> None:
        token = CancelToken()
        stopping = Context(
            services=context.services,
            cancel=token,
            sink=lambda value, _maximum, _preview: token.cancel() if value == 1 else None,
        )
        with pytest.raises(Cancelled):
            vae_decode_tiled(samples=Latent(noise(1, 4, 16, 16)), vae=vae, tile_size=64, context=stopping)
