"""Running out of memory: every way out in its order, and an error that says what would fit. Memory is make-believe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from nodes.builtin.sampling import ksampler
from nodes.builtin.vae import vae_decode, vae_encode
from nodes.diffusion.config import SD15
from nodes.diffusion.streaming import StreamedLinear
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.memory.residency import Residency
from nodes.memory.shortage import NotEnoughMemory, step_bytes, what_fits
from nodes.sockets import Image, Latent
from tests.nodes.loaded import Loaded, load_tiny

GIB = 2**30
UNET_FORWARD, DECODE, ENCODE = UNet.forward, Vae.decode, Vae.encode


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    return load_tiny(tmp_path)


def sampled(tiny: Loaded) -> Tensor:
    return ksampler(
        model=tiny.model, seed=1, steps=2, cfg=4.0, sampler_name="euler", scheduler="normal", denoise=1.0,
        positive=tiny.prompt("a cat"), negative=tiny.prompt(""), latent_image=Latent(torch.zeros(3, 4, 8, 16)),
        context=tiny.context,
    ).samples  # fmt: skip


def failing(message: str = "", *, unless: Callable[[UNet], bool] = lambda _: False) -> Callable[..., Tensor]:
    def forward(self: UNet, *inputs: object) -> Tensor:
        if not unless(self):
            raise RuntimeError(message) if message else torch.OutOfMemoryError
        return UNET_FORWARD(self, *inputs)  # type: ignore[arg-type]

    return forward


def is_streamed(unet: UNet) -> bool:
    return isinstance(unet.time_embed[0], StreamedLinear)


@pytest.mark.parametrize("message", ["", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"])
def test_a_unet_that_does_not_fit_is_streamed_to_the_same_picture(tiny: Loaded, message: str) -> None:
    expected = sampled(tiny)
    tiny.context.service(Residency).clear()
    with patch.object(UNet, "forward", failing(message, unless=is_streamed)):
        assert torch.equal(sampled(tiny), expected)
        assert torch.equal(sampled(tiny), expected)


def test_a_unet_is_not_streamed_where_it_is_enough_that_others_go(tiny: Loaded) -> None:
    expected = sampled(tiny)
    residency, held = tiny.context.service(Residency), []

    def forward(self: UNet, *inputs: object) -> Tensor:
        held.append(residency.nbytes)
        if len(held) == 1:
            raise torch.OutOfMemoryError
        return UNET_FORWARD(self, *inputs)  # type: ignore[arg-type]

    with patch.object(UNet, "forward", forward):
        assert torch.equal(sampled(tiny), expected)
    assert held[1] < held[0]
    with residency.unet(tiny.model.weights) as unet:
        assert not is_streamed(unet)


def test_a_unet_that_lacked_memory_once_is_whole_again_after_it_was_freed(tiny: Loaded) -> None:
    residency = tiny.context.service(Residency)
    streamed: list[bool] = []
    for release in (residency.clear, residency.free):
        residency.make_room(tiny.model.weights)
        release()
        with residency.unet(tiny.model.weights) as unet:
            streamed.append(is_streamed(unet))
    assert streamed == [True, False]


def test_when_nothing_helps_the_error_says_what_would_fit(tiny: Loaded) -> None:
    residency = tiny.context.service(Residency)
    config = tiny.model.config.unet
    for free, hint in (
        (step_bytes(config, 2, 8, 16, 4), "A batch of 2 of this size would fit."),
        (step_bytes(config, 1, 8, 8, 4), "Not even 64x64 pixels would fit"),
    ):
        with (
            patch.object(UNet, "forward", failing()),
            patch.object(residency, "free_bytes", lambda _, free=free: free),
            pytest.raises(NotEnoughMemory, match=r"no memory for 3 x 128x64 pixels") as failed,
        ):
            sampled(tiny)
        assert failed.value.code == "out_of_memory"
        assert hint in (failed.value.hint or "")


@pytest.mark.parametrize("message", ["size mismatch", "some other fault"])
def test_other_failures_are_not_taken_for_it(tiny: Loaded, message: str) -> None:
    with patch.object(UNet, "forward", failing(message)), pytest.raises(RuntimeError, match=message):
        sampled(tiny)


@pytest.mark.parametrize(
    ("batch", "cells", "free", "told"),
    [
        (4, (64, 64), 100 * GIB, "A batch of 3 of this size would fit."),
        (1, (64, 64), step_bytes(SD15.unet, 1, 56, 56, 4), "448x448 pixels, one at a time, would fit."),
        (3, (128, 64), step_bytes(SD15.unet, 1, 96, 48, 4), "384x768 pixels, one at a time, would fit."),
        (1, (64, 64), 0, "Not even 64x64 pixels would fit"),
    ],
)
def test_what_fits(batch: int, cells: tuple[int, int], free: int, told: str) -> None:
    assert told in what_fits(SD15.unet, batch, *cells, 4, free)


@pytest.mark.parametrize("most", [64, 40, 20])
def test_a_vae_goes_on_in_smaller_and_smaller_tiles(tiny: Loaded, most: int) -> None:
    """Tiles of 64, 32 and 16 cells; the wide and the tall tilings have sides twice as long."""

    def decode(self: Vae, latent: Tensor) -> Tensor:
        if min(latent.shape[-2:]) > most:
            raise torch.OutOfMemoryError
        return DECODE(self, latent)

    latent = Latent(torch.randn(1, 4, 72, 80, generator=torch.Generator().manual_seed(1)))
    with patch.object(Vae, "decode", decode):
        picture = vae_decode(samples=latent, vae=tiny.vae, context=tiny.context)
    assert picture.pixels.shape == (1, 576, 640, 3)


def test_a_vae_that_fits_in_no_tile_says_so(tiny: Loaded) -> None:
    def encode(self: Vae, pixels: Tensor) -> Tensor:
        raise torch.OutOfMemoryError

    with patch.object(Vae, "encode", encode), pytest.raises(NotEnoughMemory, match="tiles of 128 pixels"):
        vae_encode(pixels=Image(torch.rand(1, 64, 64, 3)), vae=tiny.vae, context=tiny.context)


def test_a_vae_makes_room_before_it_takes_to_tiles(tiny: Loaded) -> None:
    sampled(tiny)
    residency, calls = tiny.context.service(Residency), []

    def decode(self: Vae, latent: Tensor) -> Tensor:
        calls.append(residency.nbytes)
        if len(calls) == 1:
            raise torch.OutOfMemoryError
        return DECODE(self, latent)

    with patch.object(Vae, "decode", decode):
        vae_decode(samples=Latent(torch.zeros(1, 4, 8, 8)), vae=tiny.vae, context=tiny.context)
    assert len(calls) == 2
    assert calls[1] < calls[0]
