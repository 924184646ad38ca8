"""Enlarging by diffusion: the x4 upscaler of Stable Diffusion, which is shown the small picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from graph.declare import Range, node
from nodes.diffusion.conditioning import ConcatImage
from nodes.diffusion.resize import resize_cropped
from nodes.diffusion.vae import pixels_of
from nodes.sockets import Conditioning, Image, Latent

_CELL = 4  # pixels of the enlarged picture for each cell of its latent: this family's VAE has a level less
_LATENT_CHANNELS = 4


@node(
    "SD_4XUpscale_Conditioning",
    category="conditioning/upscale_diffusion",
    returns=("positive", "negative", "latent"),
    lane="cpu",
)
def sd_4x_upscale_conditioning(
    *,
    images: Image,
    positive: Conditioning,
    negative: Conditioning,
    scale_ratio: Annotated[float, Range(0.0, 10.0, 0.01)] = 4.0,
    noise_augmentation: Annotated[float, Range(0.0, 1.0, 0.001)] = 0.0,
) -> tuple[Conditioning, Conditioning, Latent]:
    """Show small pictures to the x4 upscaler. The latent is an empty one for pictures `scale_ratio` times as large.

    With noise added to what it is shown the model invents more.
    """
    width, height = (max(1, round(side * scale_ratio)) for side in images.size)
    cells = (max(1, width // _CELL), max(1, height // _CELL))
    pixels = resize_cropped(pixels_of(images.pixels, 3), *cells, "bilinear")
    shown = ConcatImage(pixels, noise_augmentation=noise_augmentation)
    latent = torch.zeros(len(pixels), _LATENT_CHANNELS, cells[1], cells[0])
    return _showing(positive, shown), _showing(negative, shown), Latent(latent)


def _showing(conditioning: Conditioning, shown: ConcatImage) -> Conditioning:
    return Conditioning(tuple(replace(entry, concat=shown) for entry in conditioning.entries))
