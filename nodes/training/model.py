"""The networks being trained, read from a model file, and captions as their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, load_part, open_checkpoint
from nodes.weights.vocabulary import load_tokenizer

_ROUNDED_TO = 8  # tokens


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


def token_rows(model: LatentDiffusion, captions: Sequence[str], *, whole: bool) -> Tensor:
    """Token ids int64 [B, T]: start, caption, end, padding. T is the whole context, or what the longest needs."""
    text = model.config.text[0]
    longest = text.max_position_embeddings
    bodies = [model.tokenizer.encode(caption)[: longest - 2] for caption in captions]
    needed = -(-(max(len(body) for body in bodies) + 2) // _ROUNDED_TO) * _ROUNDED_TO
    length = longest if whole else min(needed, longest)
    rows = [[text.bos_token_id, *body, text.eos_token_id] for body in bodies]
    return torch.tensor([row + [text.pad_token_id] * (length - len(row)) for row in rows])
