"""The fixed sheet: thirty-six prompts, one seed each, nothing picked."""

from __future__ import annotations

from pathlib import Path

import torch

from nodes.diffusion.sampling import plain_latent
from nodes.training.captioned_latents import Networks
from nodes.training.drawing import sampled_latents
from nodes.training.model import LatentDiffusion
from nodes.training.pixels import in_batches, to_image
from nodes.training_data.contact_sheet import sheet

PROMPTS: tuple[str, ...] = (
    "a red apple on a blue background",
    "a small cat on the left on a green background",
    "a fox in the snow at night",
    "mountains at sunset",
    "a dog on a yellow background",
    "a large penguin on a light blue background",
    "the sea at night with a full moon",
    "a blue car in the desert on a sunny day",
    "a purple heart on a white background",
    "a rocket on a blue and purple gradient background",
    "a hamburger on a pink background",
    "a panda in a forest",
    "a sunflower on a black background",
    "a small green car on the right on a gray background",
    "a robot by the sea at sunset",
    "an owl in a pine forest at night",
    "strawberry",
    "a green meadow on a sunny day",
    "a birthday cake on a teal background",
    "a yellow umbrella under a purple sky",
    "a unicorn on an orange background",
    "a castle in the mountains at sunset",
    "a whale at the sea under a blue sky",
    "a guitar on a red background",
    "an astronaut in space",
    "two cats on a purple background",
    "a tree to the left of a house in a meadow on a sunny day",
    "a city skyline at night with stars",
    "a shark underwater",
    "an autumn forest under a blue sky",
    "a teddy bear in a room",
    "a mountain lake at dawn",
    "three balloons in the sky on a sunny day",
    "a dragon, mountains, storm",
    "a white rose on a black background",
    "a tiger on a beach with clouds",
)
_COLUMNS = 9
_DECODED_AT_ONCE = 8


@torch.no_grad()
def write_sample_sheet(model: LatentDiffusion, networks: Networks, path: Path) -> None:
    """Sample every prompt at the model's own size with its default settings and write the sheet as PNG."""
    cells = (model.config.native_size[0] // model.vae.config.downscale,) * 2
    latents = plain_latent(model.config, sampled_latents(networks, PROMPTS, cells, 0))
    pictures = torch.cat([model.vae.decode(part) for part in in_batches(latents, _DECODED_AT_ONCE)])
    sheet([to_image(picture) for picture in pictures], PROMPTS, _COLUMNS).save(path)
