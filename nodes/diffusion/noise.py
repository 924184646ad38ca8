"""Noise from seeds: always drawn on the CPU, so that a seed means the same picture on every device."""

from __future__ import annotations

import torch
from torch import Tensor

from nodes.diffusion.batch import BatchIndex
from nodes.diffusion.samplers.step import Noise


def seeded_noise(seed: int, like: Tensor, batch_index: BatchIndex | None = None) -> Tensor:
    """Standard normal noise in the shape and type of `like` [B, ...], on the CPU. `seed` is 0..2**64 - 1.

    With a batch index, each place of the batch takes the noise that this place of the index has in a larger batch, drawn
    one latent at a time: the third picture of a seed can be made without the first two.
    """
    generator = seeded_generator(seed)
    if batch_index is None:
        return torch.randn(like.shape, dtype=like.dtype, generator=generator)
    single = (1, *like.shape[1:])
    drawn = [torch.randn(single, dtype=like.dtype, generator=generator) for _ in range(max(batch_index) + 1)]
    return torch.cat([drawn[place] for place in batch_index])


def seeded_generator(seed: int) -> torch.Generator:
    return torch.Generator(device="cpu").manual_seed(seed % 2**64)


def gaussian_noise(seed: int, like: Tensor, sigmas: Tensor, drawn: int) -> Noise:  # noqa: ARG001
    """Independent draws from one seed, in the order in which they are asked for, on the device of `like`.

    `drawn` draws are passed over first, which is how an interrupted run goes on with the noise it would have had.
    """
    generator = seeded_generator(seed)

    def draw() -> Tensor:
        return torch.randn(like.shape, dtype=like.dtype, generator=generator)

    for _ in range(drawn):
        draw()
    return lambda sigma, sigma_next: draw().to(like.device)  # noqa: ARG005


def no_noise(seed: int, like: Tensor, sigmas: Tensor, drawn: int) -> Noise:  # noqa: ARG001
    """For samplers that draw none: zeros, if they are asked for."""
    return lambda sigma, sigma_next: torch.zeros_like(like)  # noqa: ARG005
