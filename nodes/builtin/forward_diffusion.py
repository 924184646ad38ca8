"""The forward process of training as a node: what a network is shown, and has to undo."""

from __future__ import annotations

from typing import Annotated, Final

import torch

from graph.context import Context
from graph.declare import Tooltip, node
from nodes.builtin.sampling import SeedValue
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.sampling import plain_latent, scaled_latent
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.training.noising import forward_process, noised
from nodes.errors import UnsuitableInput
from nodes.sockets import Latent, Model, Sigmas

_MOST: Final = 64


@node(
    "ForwardDiffusion",
    display_name="Forward Diffusion",
    category="training",
    returns=("LATENT", "SIGMAS"),
)
def forward_diffusion(
    *,
    model: Model,
    samples: Latent,
    timesteps: Annotated[str, Tooltip("Training timesteps, from 0 (clean) to 999 (noise), with commas.")] = (
        "0, 100, 250, 500, 750, 999"
    ),
    seed: SeedValue = 0,
    context: Context,
) -> tuple[Latent, Sigmas]:
    """A latent with the noise of some training timesteps: a batch, one for each, all with the same noise.

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) epsilon (Ho et al., 2020), on the schedule the model was trained on.
    `SIGMAS` are the noise levels of these timesteps as samplers count them.
    """
    schedule = noise_schedule(model.config.schedule)
    process = forward_process(schedule)
    t = torch.tensor(_timesteps(timesteps, process.timesteps))
    context.cancel.check()
    x0 = scaled_latent(model.config, samples.samples[:1])
    x = noised(process, x0.expand(len(t), -1, -1, -1), seeded_noise(seed, x0), t)
    return Latent(plain_latent(model.config, x)), Sigmas(schedule.sigmas[t])


def _timesteps(text: str, count: int) -> list[int]:
    """The numbers in a text. Raises `UnsuitableInput` for anything else, and for timesteps the model does not have."""
    words = text.replace(",", " ").split()
    hint = f"Write whole numbers from 0 to {count - 1} with commas between them, at most {_MOST}."
    if not 1 <= len(words) <= _MOST:
        raise UnsuitableInput(f"there are {len(words)} timesteps in {text[:40]!r}", hint=hint)
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) < 9 and int(word) < count):
            raise UnsuitableInput(f"{word[:40]!r} is no timestep of this model", hint=hint)
    return [int(word) for word in words]
