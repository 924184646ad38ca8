"""The fixed sheet: thirty-six prompts, one seed each, nothing picked. What a run shows of itself as it goes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import Run, diffusion_model, plain_latent, sample
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.training.model import LatentDiffusion, token_rows
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
def write_sample_sheet(model: LatentDiffusion, size: int, path: Path) -> None:
    """Sample every prompt with the model's default settings and write the sheet as PNG."""
    latents = _latents(model, size)
    pictures = torch.cat([model.vae.decode(part) for part in in_batches(latents, _DECODED_AT_ONCE)])
    sheet([to_image(picture) for picture in pictures], PROMPTS, _COLUMNS).save(path)


def _latents(model: LatentDiffusion, size: int) -> Tensor:
    defaults = model.config.defaults
    diffusion = diffusion_model(model.config, model.unet)
    positive = model.text(token_rows(model, PROMPTS, whole=True))[0]
    negative = model.text(token_rows(model, [""], whole=True))[0]
    empty = torch.zeros(len(PROMPTS), model.vae.config.z_channels, size // 8, size // 8)
    run = Run(
        diffusion,
        (ConditioningEntry(positive),),
        (ConditioningEntry(negative),),
        defaults.cfg,
        SAMPLERS[defaults.sampler],
        SCHEDULERS[defaults.scheduler](diffusion.denoiser.schedule, defaults.steps),
        empty,
        seeded_noise(0, empty),
    )
    last = empty
    for step in sample(run):
        last = step.x
    return plain_latent(model.config, last)
