"""Write a trained model as the single file we ship: SD 1.x names, float16, everything needed in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from nodes.diffusion.config import Rgb
from nodes.diffusion.vae import Vae
from nodes.training.checkpoint import write_atomically
from nodes.training.model import LatentDiffusion
from nodes.training.picture_blocks import BlockOrder, render_block
from nodes.training.pixels import in_batches, to_pixels
from nodes.training_data.colours import BACKGROUND_COLOURS, OBJECT_COLOURS
from nodes.training_data.composition import PLACES, TIMES
from nodes.training_data.objects import object_kinds
from nodes.training_data.sprites import SpriteSet
from nodes.weights.metadata import write_config

ATTRIBUTION = (
    "Trained on renders of Fluent Emoji 3D art, Copyright (c) Microsoft Corporation, MIT licence (npm "
    "@lobehub/fluent-emoji-3d 1.1.0, only glyphs present in microsoft/fluentui-emoji); backgrounds generated "
    "procedurally by this project. Single sprites are reproducible from the weights. Not endorsed by Microsoft."
)
_PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text": "cond_stage_model.transformer.",
}


def export_model(model: LatentDiffusion, base: Path, target: Path, size: int, training: Mapping[str, object]) -> None:
    """Write the networks as they are to `target`; the tokenizer is copied from the file the run began from."""
    parts: Mapping[str, nn.Module] = {"unet": model.unet, "vae": model.vae, "text": model.text}
    tensors = {
        _PREFIXES[part] + name: tensor.detach().half()
        for part, network in parts.items()
        for name, tensor in network.state_dict().items()
    }
    config = replace(model.config, native_size=(size, size), size_multiple=32, preview_rgb=preview_rgb(model, size))
    with safe_open(base, "pt") as file:
        inherited = {key: value for key, value in file.metadata().items() if key.startswith("tokenizer.")}
    metadata = inherited | {
        "format": "pt",
        "modelspec.architecture": "stable-diffusion-v1-tiny",
        "modelspec.prediction_type": config.schedule.prediction,
        "license": "MIT",
        "attribution": ATTRIBUTION,
        "config": write_config(config),
        "known_words": json.dumps(known_words()),
        "training": json.dumps(dict(training)),
    }
    write_atomically(target, tensors, metadata)


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
def preview_rgb(model: LatentDiffusion, size: int, pictures: int = 64) -> tuple[Rgb, ...]:
    """The colours of the latents of some training pictures."""
    pixels = to_pixels(render_block(BlockOrder("training", size, pictures), 0, SpriteSet()))
    return colours_of_latents(model.vae, model.config.scale_factor, pixels)


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
