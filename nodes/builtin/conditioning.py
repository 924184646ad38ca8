"""Conditioning: combining prompts, and saying where in the picture and when in the schedule each counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from graph.declare import Range, node
from nodes.builtin.ranges import CELL, MAX_SIDE, CellPixels, Percent, Share, Strength
from nodes.diffusion.conditioning import Area, AreaShare, ConditioningEntry
from nodes.errors import UnsuitableInput
from nodes.sockets import Conditioning, Mask

AreaSide = Annotated[int, Range(64, MAX_SIDE, CELL)]


@node(
    "ConditioningCombine",
    display_name="Conditioning (Combine)",
    category="conditioning",
    returns="CONDITIONING",
    lane="inline",
)
def conditioning_combine(*, conditioning_1: Conditioning, conditioning_2: Conditioning) -> Conditioning:
    """Both prompts take part, each predicting for itself; the predictions are averaged."""
    return Conditioning(conditioning_1.entries + conditioning_2.entries)


@node("ConditioningAverage", category="conditioning", returns="CONDITIONING")
def conditioning_average(
    *, conditioning_to: Conditioning, conditioning_from: Conditioning, conditioning_to_strength: Share = 1.0
) -> Conditioning:
    """The weighted mean of two prompts' embeddings; the strength is the share of `conditioning_to`."""
    other = _first_for(conditioning_to, conditioning_from)
    return _each(conditioning_to, lambda entry: _average(entry, other, conditioning_to_strength))


@node(
    "ConditioningConcat",
    display_name="Conditioning (Concat)",
    category="conditioning",
    returns="CONDITIONING",
    words=("break",),
)
def conditioning_concat(*, conditioning_to: Conditioning, conditioning_from: Conditioning) -> Conditioning:
    """One prompt's tokens after the other's, as in one long prompt."""
    more = _first_for(conditioning_to, conditioning_from).embedding
    return _each(conditioning_to, lambda entry: replace(entry, embedding=torch.cat([entry.embedding, more], dim=1)))


@node(
    "ConditioningSetArea",
    display_name="Conditioning (Set Area)",
    category="conditioning",
    returns="CONDITIONING",
    lane="inline",
    words=("regional prompt",),
)
def conditioning_set_area(
    *,
    conditioning: Conditioning,
    width: AreaSide = 64,
    height: AreaSide = 64,
    x: CellPixels = 0,
    y: CellPixels = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """The prompt counts only in a rectangle, given in pixels."""
    area = Area(height // CELL, width // CELL, y // CELL, x // CELL)
    return _each(conditioning, lambda entry: replace(entry, area=area, strength=strength, mask_bounds=False))


@node(
    "ConditioningSetAreaPercentage",
    display_name="Conditioning (Set Area with Percentage)",
    category="conditioning",
    returns="CONDITIONING",
    lane="inline",
)
def conditioning_set_area_percentage(
    *,
    conditioning: Conditioning,
    width: Share = 1.0,
    height: Share = 1.0,
    x: Share = 0,
    y: Share = 0,
    strength: Strength = 1.0,
) -> Conditioning:
    """The prompt counts only in a rectangle, given as shares of the picture."""
    area = AreaShare(height, width, y, x)
    return _each(conditioning, lambda entry: replace(entry, area=area, strength=strength, mask_bounds=False))


@node("ConditioningSetAreaStrength", category="conditioning", returns="CONDITIONING", lane="inline")
def conditioning_set_area_strength(*, conditioning: Conditioning, strength: Strength = 1.0) -> Conditioning:
    """How much the prompt counts beside others."""
    return _each(conditioning, lambda entry: replace(entry, strength=strength))


@node(
    "ConditioningSetMask",
    display_name="Conditioning (Set Mask)",
    category="conditioning",
    returns="CONDITIONING",
    lane="inline",
    words=("regional prompt",),
)
def conditioning_set_mask(
    *,
    conditioning: Conditioning,
    mask: Mask,
    strength: Strength = 1.0,
    set_cond_area: Literal["default", "mask bounds"],
) -> Conditioning:
    """The prompt counts where a mask is; with `mask bounds` only the rectangle around the mask is computed for it."""
    bounds = set_cond_area == "mask bounds"
    return _each(
        conditioning, lambda entry: replace(entry, mask=mask.values, mask_strength=strength, mask_bounds=bounds)
    )


@node("ConditioningZeroOut", category="advanced/conditioning", returns="CONDITIONING")
def conditioning_zero_out(*, conditioning: Conditioning) -> Conditioning:
    """A prompt of nothing: embeddings of zeros, which is not what an empty text gives."""
    return _each(
        conditioning,
        lambda entry: replace(
            entry,
            embedding=torch.zeros_like(entry.embedding),
            pooled=None if entry.pooled is None else torch.zeros_like(entry.pooled),
        ),
    )


@node("ConditioningSetTimestepRange", category="advanced/conditioning", returns="CONDITIONING", lane="inline")
def conditioning_set_timestep_range(
    *, conditioning: Conditioning, start: Percent = 0.0, end: Percent = 1.0
) -> Conditioning:
    """The prompt counts only in a part of the way from noise (0) to picture (1)."""
    return _each(conditioning, lambda entry: replace(entry, start_percent=start, end_percent=end))


def _each(conditioning: Conditioning, change: Callable[[ConditioningEntry], ConditioningEntry]) -> Conditioning:
    return Conditioning(tuple(map(change, conditioning.entries)))


def _first_for(conditioning: Conditioning, other: Conditioning) -> ConditioningEntry:
    """The first entry of another prompt. Raises `UnsuitableInput` where it does not fit all of this one."""
    first = other.entries[0]
    for entry in conditioning.entries:
        width, given = entry.embedding.shape[2], first.embedding.shape[2]
        if width != given:
            raise UnsuitableInput(
                f"one prompt's tokens are {width} numbers wide and the other's {given}",
                hint="Encode both with the CLIP of one checkpoint.",
            )
    return first


def _average(entry: ConditioningEntry, other: ConditioningEntry, strength: float) -> ConditioningEntry:
    """Token by token over the first's length; where the other has fewer tokens, it counts as zeros there."""
    tokens = entry.embedding.shape[1]
    cut = other.embedding[:, :tokens]
    padded = F.pad(cut, (0, 0, 0, tokens - cut.shape[1]))  # (B, T, D)
    return replace(
        entry,
        embedding=entry.embedding * strength + padded * (1.0 - strength),
        pooled=_average_pooled(entry.pooled, other.pooled, strength),
    )


def _average_pooled(pooled: Tensor | None, other: Tensor | None, strength: float) -> Tensor | None:
    if pooled is None or other is None:
        return other if pooled is None else pooled
    return pooled * strength + other * (1.0 - strength)
