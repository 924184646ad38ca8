"""The autoencoder against diffusers on the same small random weights, and against the tables of real checkpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch
from diffusers.loaders import single_file_utils
from torch.nn.attention import SDPBackend, sdpa_kernel

from nodes.diffusion.config import SD15, VaeConfig
from nodes.diffusion.vae import (
    LatentDistribution,
    PictureTooSmallError,
    Vae,
    crop_to_multiple,
    decode_image,
    encode_image,
)
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.tiny import VAE, tiny_vae

DIFFUSERS: Any = diffusers  # its classes are typed only in part
CONVERSION: Any = single_file_utils

CONFIGS = {
    "four levels": VAE,
    "two residual blocks, other widths": replace(VAE, ch_mult=(1, 1, 2), num_res_blocks=2),
}


def diffusers_vae(vae: Vae) -> Any:
    config = vae.config
    levels = len(config.ch_mult)
    other = DIFFUSERS.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=tuple(config.ch * mult for mult in config.ch_mult),
        layers_per_block=config.num_res_blocks,
        norm_num_groups=config.norm_num_groups,
    )
    prefixed = {f"first_stage_model.{name}": tensor for name, tensor in vae.state_dict().items()}
    other.load_state_dict(CONVERSION.convert_ldm_vae_checkpoint(prefixed, config=dict(other.config)))
    return other.eval()


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_equals_diffusers(config: VaeConfig) -> None:
    vae, pixels, latent = tiny_vae(config), noise(2, 3, 32, 48), noise(2, 4, 4, 6)
    other = diffusers_vae(vae)
    with torch.no_grad():
        theirs = other.encode(pixels).latent_dist
        decoded = other.decode(latent).sample
    ours = vae.encode(pixels)
    torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.log_variance, theirs.logvar, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(vae.decode(latent), decoded, rtol=1e-4, atol=1e-4)


def test_attention_never_holds_a_number_for_every_pair_of_cells() -> None:
    vae = tiny_vae()
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # refuses what only the kernel that makes them all could do
        vae.encode(noise(1, 3, 32, 48))
        vae.decode(noise(1, 4, 4, 6))


@pytest.mark.parametrize("family", ["sd15", "sd15_inpaint", "sd21_v", "sdxl_base"])
@pytest.mark.golden
@needs_shared
def test_parameters_are_those_of_real_checkpoints(family: str) -> None:
    with torch.device("meta"):
        vae = Vae(SD15.vae)
    ours = {name: list(tensor.shape) for name, tensor in vae.state_dict().items()}
    assert ours == state_dict_shapes(family, "first_stage_model.")


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((16, 24), (0, 16), (0, 24)),
        ((17, 24), (0, 16), (0, 24)),
        ((18, 31), (1, 17), (3, 27)),
        ((23, 8), (3, 19), (0, 8)),
    ],
)
def test_sides_are_cropped_around_the_centre(
    size: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    pixels = noise(1, 3, *size)
    assert torch.equal(crop_to_multiple(pixels, 8), pixels[..., slice(*rows), slice(*columns)])


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 64), (64, 7)])
def test_a_picture_of_which_nothing_would_be_left_is_refused(height: int, width: int) -> None:
    with pytest.raises(PictureTooSmallError, match=f"{width}x{height} pixels is too small: 8x8 at least"):
        crop_to_multiple(torch.zeros(1, 3, height, width), 8)


def test_an_image_becomes_its_most_likely_latent_and_alpha_is_dropped() -> None:
    vae, image = tiny_vae(), noise(1, 17, 16, 4).sigmoid()
    latent = encode_image(vae, image)
    assert latent.shape == (1, 4, 2, 2)
    assert torch.equal(latent, encode_image(vae, image[:, :16, :, :3]))
    assert torch.equal(latent, vae.encode(image[:, :16, :, :3].movedim(-1, 1) * 2 - 1).mode())


def test_a_decoded_image_is_in_range_whatever_the_latent() -> None:
    image = decode_image(tiny_vae(), 100 * noise(1, 4, 2, 3))
    assert image.shape == (1, 16, 24, 3)
    assert image.dtype is torch.float32
    assert image.is_contiguous()
    assert 0.0 <= image.min() <= image.max() <= 1.0


def test_samples_follow_the_distribution_and_the_noise() -> None:
    distribution = LatentDistribution(torch.full((4000,), 3.0), torch.full((4000,), 4.0).log())
    first = distribution.sample(torch.randn(4000, generator=torch.Generator().manual_seed(1)))
    assert torch.equal(distribution.sample(torch.zeros(4000)), distribution.mode())
    assert first.mean().item() == pytest.approx(3.0, abs=0.15)
    assert first.std().item() == pytest.approx(2.0, abs=0.15)
