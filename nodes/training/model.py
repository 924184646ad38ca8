"""The networks of a model file, all in float32: what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, load_part, open_checkpoint
from nodes.weights.vocabulary import load_tokenizer


@dataclass(frozen=True, eq=False)
class LatentDiffusion:
    """The networks of one model in float32, and what belongs to them."""

    config: ModelConfig
    unet: UNet
    vae: Vae
    text: TextEncoder
    tokenizer: Tokenizer


def read_model(path: Path) -> LatentDiffusion:
    """The networks of a single-file checkpoint. Raises a `WeightsError`."""
    config = open_checkpoint(path).config

    def part(which: Part) -> nn.Module:
        return load_part(WeightsRef(path, "", which, config), torch.float32).module

    return LatentDiffusion(
        config,
        cast("UNet", part(Part.UNET)),
        cast("Vae", part(Part.VAE)),
        cast("TextEncoder", part(Part.TEXT)),
        load_tokenizer(path),
    )
