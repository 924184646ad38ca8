"""What a file that is given away says of its model: the words that it knows, and the colours of its latents."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nodes.diffusion.config import Rgb
from nodes.diffusion.vae import Vae
from nodes.training.pixels import in_batches
from nodes.training_data.colours import BACKGROUND_COLOURS, OBJECT_COLOURS
from nodes.training_data.composition import PLACES, TIMES
from nodes.training_data.objects import object_kinds


def known_words() -> dict[str, list[str]]:
    """The words the pictures were captioned with: a model knows no others."""
    things = object_kinds()
    return {
        "objects": sorted({word for thing in things for word in (thing.noun, *thing.synonyms)}),
        "recolourable": sorted(thing.noun for thing in things if thing.recolourable),
        "object_colours": list(OBJECT_COLOURS),
        "background_colours": list(BACKGROUND_COLOURS),
        "places": list(PLACES),
        "times": list(TIMES),
    }


@torch.no_grad()
def colours_of_latents(vae: Vae, scale_factor: float, pixels: Tensor) -> tuple[Rgb, ...]:
    """Least-squares linear map from a scaled latent cell to the mean colour (-1..1) under it, one row per channel."""
    latents = torch.cat([vae.encode(part).mode() for part in in_batches(pixels, 8)]) * scale_factor
    cells = _cells(latents)  # (N h w, 4)
    colours = _cells(nn.functional.avg_pool2d(pixels, vae.config.downscale))  # (N h w, 3)
    solution = torch.linalg.lstsq(cells, colours).solution
    return tuple((round(row[0], 4), round(row[1], 4), round(row[2], 4)) for row in solution.tolist())


def _cells(maps: Tensor) -> Tensor:
    return maps.movedim(1, -1).flatten(0, 2)  # (B, C, h, w) -> (B h w, C)
