"""Configurations of new models by a word: the layout of Stable Diffusion 1.x in small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from nodes.diffusion.config import (
    ModelConfig,
    Prediction,
    SamplerDefaults,
    ScheduleConfig,
    TextConfig,
    UNetConfig,
    VaeConfig,
)

SizeName = Literal["nano", "small", "medium"]

_SMALL: Final = ModelConfig(
    "stable-diffusion-v1-tiny",
    UNetConfig(
        model_channels=64,
        channel_mult=(1, 2, 3),
        num_res_blocks=1,
        transformer_depth=(0, 1, 1),
        context_dim=192,
        norm_num_groups=8,
    ),
    VaeConfig(ch=32, ch_mult=(1, 2, 2, 4), num_res_blocks=1, norm_num_groups=8),
    (TextConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=3, num_attention_heads=6),),
    size_multiple=32,
    defaults=SamplerDefaults(cfg=4.0),
)
_SIZES: Final[Mapping[SizeName, ModelConfig]] = {
    "nano": replace(
        _SMALL,
        unet=replace(
            _SMALL.unet, model_channels=32, channel_mult=(1, 2), transformer_depth=(0, 1), context_dim=64, num_heads=4
        ),
        vae=replace(_SMALL.vae, ch=16, ch_mult=(1, 2, 2, 2)),
        text=(TextConfig(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4),),
        size_multiple=16,
    ),
    "small": _SMALL,
    "medium": replace(_SMALL, unet=replace(_SMALL.unet, model_channels=96, channel_mult=(1, 2, 2))),
}


def new_config(size: SizeName, prediction: Prediction, side: int, vocabulary: int) -> ModelConfig:
    """A model of a size for square pictures, with a vocabulary whose last ids are start and end."""
    base = _SIZES[size]
    end = vocabulary - 1
    text = replace(base.text[0], vocab_size=vocabulary, bos_token_id=end - 1, eos_token_id=end, pad_token_id=end)
    schedule = ScheduleConfig(prediction=prediction)
    return replace(base, text=(text,), schedule=schedule, native_size=(side, side))
