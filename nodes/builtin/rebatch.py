"""Lists of batches cut anew into batches of one size."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from graph.declare import node
from nodes.builtin.ranges import CELL, BatchSize
from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.resize import resize
from nodes.errors import UnsuitableInput
from nodes.sockets import Image, Latent


@node("RebatchImages", display_name="Rebatch Images", category="image/batch", returns="IMAGE")
def rebatch_images(*, images: list[Image], batch_size: list[BatchSize] = [1]) -> list[Image]:  # noqa: B006 - never changed
    """All pictures of the list, in batches of this size; the last may be smaller."""
    shapes = {image.pixels.shape[1:] for image in images}
    if len(shapes) > 1:
        sizes = ", ".join(f"{width}x{height}" for height, width, _ in sorted(shapes))
        raise UnsuitableInput(f"pictures of one batch have one size, and these have {sizes}", hint="Scale them first.")
    pixels = torch.cat([image.pixels for image in images])
    return [Image(part.clone()) for part in torch.split(pixels, batch_size[0])]


@node("RebatchLatents", display_name="Rebatch Latents", category="latent/batch", returns="LATENT")
def rebatch_latents(*, latents: list[Latent], batch_size: list[BatchSize] = [1]) -> list[Latent]:  # noqa: B006 - as above
    """All latents of the list, in batches of this size. Where the size of the latents changes a new batch begins.

    Each keeps the noise of its place in the whole list.
    """
    singles: list[Latent] = []
    for latent in latents:
        singles += _singles(latent, first=len(singles))
    batches = []
    for _, alike in groupby(singles, key=lambda one: one.samples.shape):
        group = list(alike)
        batches += [_joined(group[start : start + batch_size[0]]) for start in range(0, len(group), batch_size[0])]
    return batches


def _singles(latent: Latent, first: int) -> list[Latent]:
    mask = _full_mask(latent)
    index = latent.batch_index or tuple(range(first, first + latent.batch))
    return [
        Latent(samples.unsqueeze(0), one.unsqueeze(0), (place,))
        for samples, one, place in zip(latent.samples, mask, index, strict=True)
    ]


def _full_mask(latent: Latent) -> Tensor:
    """A mask [B, 8h, 8w] for every latent of a batch: ones where there is none."""
    height, width = (CELL * side for side in latent.samples.shape[2:])
    if latent.noise_mask is None:
        return torch.ones(latent.batch, height, width)
    mask = latent.noise_mask
    if mask.shape[1:] != (height, width):
        mask = resize(mask.unsqueeze(1), width, height, "bilinear").squeeze(1)
    return repeat_to_batch(mask, latent.batch)


def _joined(singles: list[Latent]) -> Latent:
    masks = torch.cat([one.noise_mask for one in singles if one.noise_mask is not None])
    index = tuple(place for one in singles for place in one.batch_index or ())
    samples = torch.cat([one.samples for one in singles])
    return Latent(samples, None if bool((masks == 1.0).all()) else masks, index)
