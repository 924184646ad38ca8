"""Prompts to conditioning: the text encoders of a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph.context import Context
from graph.declare import Range, node
from graph.result import Report
from nodes.builtin.ranges import MAX_SIDE
from nodes.diffusion.conditioning import ConditioningEntry, SizeConditioning
from nodes.errors import UnsuitableInput
from nodes.prompting import Prompt, encode
from nodes.sockets import Clip, Conditioning

TrainingPixels = Annotated[int, Range(0, MAX_SIDE)]


@node(
    "CLIPTextEncode",
    display_name="CLIP Text Encode (Prompt)",
    category="conditioning",
    returns="CONDITIONING",
    lane="device",
    words=("text", "positive", "negative"),
)
def clip_text_encode(*, text: Prompt, clip: Clip, context: Context) -> tuple[Conditioning, Report]:
    """Turn a prompt into what guides a diffusion model.

    `(word)` makes a word count 1.1 times, `(word:1.3)` exactly 1.3 times, `\\(` and `\\)` are plain parentheses;
    `embedding:name` stands for a file in the embeddings folder.
    """
    encoded = encode(clip, [text] * len(clip.towers), context)
    return Conditioning((ConditioningEntry(encoded.embedding, encoded.pooled),)), encoded.report


@node(
    "CLIPSetLastLayer",
    display_name="CLIP Set Last Layer",
    category="conditioning",
    returns="CLIP",
    lane="inline",
    words=("clip skip",),
)
def clip_set_last_layer(*, clip: Clip, stop_at_clip_layer: Annotated[int, Range(-24, -1, 1)] = -1) -> Clip:
    """Take the output of an earlier layer of the text encoder ("CLIP skip"): -1 is the last, -2 the one before."""
    return replace(clip, layer=stop_at_clip_layer)


@node("CLIPTextEncodeSDXL", category="advanced/conditioning", returns="CONDITIONING", lane="device")
def clip_text_encode_sdxl(
    *,
    clip: Clip,
    width: TrainingPixels = 1024,
    height: TrainingPixels = 1024,
    crop_w: TrainingPixels = 0,
    crop_h: TrainingPixels = 0,
    target_width: TrainingPixels = 1024,
    target_height: TrainingPixels = 1024,
    text_g: Prompt,
    text_l: Prompt,
    context: Context,
) -> tuple[Conditioning, Report]:
    """A prompt for SDXL, one text for each of its two encoders, with the picture sizes that it was told in training."""
    if len(clip.towers) != 2:
        raise UnsuitableInput(
            f"this CLIP has {len(clip.towers)} text encoder, SDXL has two",
            hint="Use the CLIP of an SDXL checkpoint, or CLIPTextEncode.",
        )
    encoded = encode(clip, [text_l, text_g], context)
    size = SizeConditioning(width, height, crop_w, crop_h, target_width, target_height)
    return Conditioning((ConditioningEntry(encoded.embedding, encoded.pooled, size=size),)), encoded.report


@node("CLIPTextEncodeSDXLRefiner", category="advanced/conditioning", returns="CONDITIONING", lane="device")
def clip_text_encode_sdxl_refiner(
    *,
    ascore: Annotated[float, Range(0.0, 1000.0, 0.01)] = 6.0,
    width: TrainingPixels = 1024,
    height: TrainingPixels = 1024,
    text: Prompt,
    clip: Clip,
    context: Context,
) -> tuple[Conditioning, Report]:
    """A prompt for the refiner of SDXL, with the aesthetic score and the picture size that it was told in training."""
    encoded = encode(clip, [text] * len(clip.towers), context)
    size = SizeConditioning(width, height, aesthetic_score=ascore)
    return Conditioning((ConditioningEntry(encoded.embedding, encoded.pooled, size=size),)), encoded.report
