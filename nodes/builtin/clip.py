"""Prompts to conditioning: the text encoders of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import torch

from graph.context import Context
from graph.declare import Multiline, Range, node
from nodes.diffusion.clip import TextEncoding, encode_prompt
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.prompt import tokenize_prompt
from nodes.models import Models
from nodes.sockets import Clip, Conditioning
from nodes.weights.load import WeightsRef


@node(
    "CLIPTextEncode",
    display_name="CLIP Text Encode (Prompt)",
    category="conditioning",
    returns="CONDITIONING",
    lane="device",
)
def clip_text_encode(
    *, text: Annotated[str, Multiline(dynamic_prompts=True)], clip: Clip, context: Context
) -> Conditioning:
    """Turn a prompt into what guides a diffusion model.

    `(word)` makes a word count 1.1 times, `(word:1.3)` exactly 1.3 times, `\\(` and `\\)` are plain parentheses.
    """
    models = Models.of(context)
    encodings = [_encode(models, clip, tower, text) for tower in clip.towers]
    embedding = torch.cat([encoding.context for encoding in encodings], dim=-1)  # (1, T, D of all towers)
    return Conditioning((ConditioningEntry(embedding, encodings[-1].pooled),))


@node("CLIPSetLastLayer", display_name="CLIP Set Last Layer", category="conditioning", returns="CLIP", lane="inline")
def clip_set_last_layer(*, clip: Clip, stop_at_clip_layer: Annotated[int, Range(-24, -1, 1)] = -1) -> Clip:
    """Take the output of an earlier layer of the text encoder ("CLIP skip"): -1 is the last, -2 the one before."""
    return replace(clip, layer=stop_at_clip_layer)


def _encode(models: Models, clip: Clip, tower: WeightsRef, text: str) -> TextEncoding:
    with models.text_encoder(tower, clip.adapters) as encoder:
        chunks = tokenize_prompt(text, models.tokenizer(tower), encoder.config)
        with torch.inference_mode():
            encoding = encode_prompt(encoder, chunks, clip.layer)
    return TextEncoding(encoding.context.cpu().clone(), encoding.pooled.cpu().clone())
