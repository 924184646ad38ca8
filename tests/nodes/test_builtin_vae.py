"""Pictures shown to models that edit: what conditioning carries, and what is sampled on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from graph.context import Context
from nodes.builtin import vae as nodes
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.config import SD15
from nodes.diffusion.taesd import TaesdConfig, TaesdDecoder, TaesdEncoder, TinyVae, tiny_vae
from nodes.diffusion.vae import LatentDistribution, decode_image, encode_image
from nodes.folders import Folders
from nodes.memory.shortage import NotEnoughMemory
from nodes.sockets import Conditioning, Image, Vae
from nodes.weights.keymaps import Part
from tests.nodes.checkpoints import reference, write_tiny_checkpoint
from tests.nodes.running import Bench
from tests.nodes.tiny import fill

PROMPT = Conditioning((ConditioningEntry(torch.zeros(1, 3, 4)),))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(services=Bench(tmp_path).services)


@pytest.fixture
def vae(tmp_path: Path, context: Context) -> Vae:
    path = write_tiny_checkpoint(tmp_path / "tiny.safetensors")
    return Vae(replace(reference(path, Part.VAE), digest=context.service(Folders).digest(path)))


def test_editing_by_instruction_shows_the_picture_and_starts_from_nothing(vae: Vae, context: Context) -> None:
    picture = Image(torch.rand(2, 19, 35, 3))
    positive, negative, latent = nodes.instruct_pix_to_pix_conditioning(
        positive=PROMPT, negative=PROMPT, vae=vae, pixels=picture, context=context
    )
    encoded = nodes.vae_encode(pixels=picture, vae=vae, context=context)
    for side in (positive, negative):
        shown = side.entries[0].concat
        assert shown is not None
        assert shown.mask is None
        assert torch.equal(shown.latent, encoded.samples)
    assert latent.samples.shape == (2, 4, 2, 4)
    assert not latent.samples.any()


class SmallMemory:
    """An autoencoder on a device that holds only so many places of its input."""

    def __init__(self, module: TinyVae, most: int) -> None:
        self.module, self.most, self.config = module, most, module.config

    def encode(self, pixels: Tensor) -> LatentDistribution:
        self._hold(pixels)
        return self.module.encode(pixels)

    def decode(self, latent: Tensor) -> Tensor:
        self._hold(latent)
        return self.module.decode(latent)

    def _hold(self, x: Tensor) -> None:
        if x.shape[2] * x.shape[3] > self.most:
            raise torch.OutOfMemoryError("too large")


CPU = torch.device("cpu")


def nothing() -> None:
    """There is nothing to make room with."""


def tiny() -> TinyVae:
    encoder = fill(TaesdEncoder(TaesdConfig("encoder", width=4)), 1)
    return tiny_vae(SD15, encoder, fill(TaesdDecoder(TaesdConfig("decoder", width=4)), 2))


def test_without_memory_for_the_whole_pictures_are_coded_in_tiles() -> None:
    whole = tiny()
    latent = torch.randn(1, 4, 8, 160, generator=torch.Generator().manual_seed(1))
    small = SmallMemory(whole, most=8 * 130)
    in_tiles = nodes._decoded(small, latent, CPU, nothing)
    assert in_tiles.shape == (1, 64, 1280, 3)
    assert float((in_tiles - decode_image(whole, latent)).abs().mean()) < 1e-3
    picture = torch.rand(1, 70, 1280, 3, generator=torch.Generator().manual_seed(2))
    small = SmallMemory(whole, most=64 * 1100)
    again = nodes._encoded(small, picture, CPU, nothing)
    assert again.shape == (1, 4, 8, 160)
    expected = encode_image(whole, picture)
    assert float((again - expected).norm() / expected.norm()) < 0.05


def test_what_fits_is_coded_whole() -> None:
    whole, latent = tiny(), torch.randn(1, 4, 8, 8)
    assert torch.equal(nodes._decoded(SmallMemory(whole, most=64), latent, CPU, nothing), decode_image(whole, latent))


def test_without_memory_for_a_tile_the_error_says_so() -> None:
    with pytest.raises(NotEnoughMemory):
        nodes._decoded(SmallMemory(tiny(), most=8), torch.zeros(1, 4, 8, 8), CPU, nothing)
