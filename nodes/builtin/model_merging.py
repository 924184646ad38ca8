"""Models and text encoders made of two: mixed, added, subtracted. Nothing is loaded until the result is used or saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

from graph.declare import Fields, Range, node
from graph.errors import listed
from graph.result import Report
from nodes.builtin.ranges import Share
from nodes.sockets import Clip, Model
from nodes.weights.patches import Merge, expect_mergeable

Multiplier = Annotated[float, Range(-10.0, 10.0, 0.01)]

_CATEGORY: Final = "advanced/model_merging"
_BY_FAMILY: Final = f"{_CATEGORY}/model_specific"
_SD1_BLOCKS: Final = (
    "time_embed.",
    "label_emb.",
    *(f"input_blocks.{index}." for index in range(12)),
    *(f"middle_block.{index}." for index in range(3)),
    *(f"output_blocks.{index}." for index in range(12)),
    "out.",
)
_SDXL_BLOCKS: Final = (
    "time_embed.",
    "label_emb.",
    *(f"input_blocks.{index}" for index in range(9)),
    *(f"middle_block.{index}" for index in range(3)),
    *(f"output_blocks.{index}" for index in range(9)),
    "out.",
)
Sd1Ratios = Annotated[Mapping[str, float], Fields(_SD1_BLOCKS, 1.0), Range(0.0, 1.0, 0.01)]
SdxlRatios = Annotated[Mapping[str, float], Fields(_SDXL_BLOCKS, 1.0), Range(0.0, 1.0, 0.01)]


@node("ModelMergeSimple", category=_CATEGORY, returns="MODEL", lane="io", words=("mix checkpoints",))
def model_merge_simple(*, model1: Model, model2: Model, ratio: Share = 1.0) -> tuple[Model, Report]:
    """A mix of two models: `ratio` of the first, the rest of the second."""
    return _merged(model1, model2, ratio, 1.0 - ratio)


@node("ModelMergeBlocks", category=_CATEGORY, returns="MODEL", lane="io")
def model_merge_blocks(
    *,
    model1: Model,
    model2: Model,
    input: Share = 1.0,  # noqa: A002 - the field's name
    middle: Share = 1.0,
    out: Share = 1.0,
) -> tuple[Model, Report]:
    """A mix of two models, with a share of the first for the way down, the middle and the way up.

    What is in none of these, the embedding of time, is mixed as the way down is.
    """
    return _merged_by_block(model1, model2, {"input": input, "middle": middle, "out": out})


@node("ModelMergeSD1", category=_BY_FAMILY, returns="MODEL", lane="io")
def model_merge_sd1(*, model1: Model, model2: Model, ratios: Sd1Ratios) -> tuple[Model, Report]:
    """A mix of two SD 1.x models, with a share of the first for each block."""
    return _merged_by_block(model1, model2, ratios)


@node("ModelMergeSD2", category=_BY_FAMILY, returns="MODEL", lane="io")
def model_merge_sd2(*, model1: Model, model2: Model, ratios: Sd1Ratios) -> tuple[Model, Report]:
    """A mix of two SD 2.x models, with a share of the first for each block."""
    return _merged_by_block(model1, model2, ratios)


@node("ModelMergeSDXL", category=_BY_FAMILY, returns="MODEL", lane="io")
def model_merge_sdxl(*, model1: Model, model2: Model, ratios: SdxlRatios) -> tuple[Model, Report]:
    """A mix of two SDXL models, with a share of the first for each block."""
    return _merged_by_block(model1, model2, ratios)


@node("ModelMergeAdd", category=_CATEGORY, returns="MODEL", lane="io")
def model_merge_add(*, model1: Model, model2: Model) -> tuple[Model, Report]:
    """The sum of two models' weights; one of them is usually a difference."""
    return _merged(model1, model2, 1.0, 1.0)


@node("ModelMergeSubtract", category=_CATEGORY, returns="MODEL", lane="io")
def model_merge_subtract(*, model1: Model, model2: Model, multiplier: Multiplier = 1.0) -> tuple[Model, Report]:
    """The difference of two models' weights, times a multiplier: to be added to a third, or saved as a LoRA."""
    return _merged(model1, model2, multiplier, -multiplier)


@node("CLIPMergeSimple", category=_CATEGORY, returns="CLIP", lane="io")
def clip_merge_simple(*, clip1: Clip, clip2: Clip, ratio: Share = 1.0) -> tuple[Clip, Report]:
    """A mix of two models' text encoders: `ratio` of the first, the rest of the second."""
    return _merged_clip(clip1, clip2, ratio, 1.0 - ratio)


@node("CLIPMergeAdd", category=_CATEGORY, returns="CLIP", lane="io")
def clip_merge_add(*, clip1: Clip, clip2: Clip) -> tuple[Clip, Report]:
    """The sum of two text encoders' weights; one of them is usually a difference."""
    return _merged_clip(clip1, clip2, 1.0, 1.0)


@node("CLIPMergeSubtract", category=_CATEGORY, returns="CLIP", lane="io")
def clip_merge_subtract(*, clip1: Clip, clip2: Clip, multiplier: Multiplier = 1.0) -> tuple[Clip, Report]:
    """The difference of two text encoders' weights, times a multiplier."""
    return _merged_clip(clip1, clip2, multiplier, -multiplier)


def _merged(
    first: Model, second: Model, kept: float, added: float, ratios: tuple[tuple[str, float], ...] = ()
) -> tuple[Model, Report]:
    """The first model with the second merged in; how it is sampled stays as the first has it."""
    apart = expect_mergeable((first.weights,), (second.weights,))
    merge = Merge((second.weights,), second.adapters, kept, added, ratios)
    return replace(first, adapters=(*first.adapters, merge)), _report(apart)


def _merged_by_block(first: Model, second: Model, ratios: Mapping[str, float]) -> tuple[Model, Report]:
    """Shares by what names of parameters begin with; what no block names is mixed as the first of them."""
    rest = next(iter(ratios.values()))
    return _merged(first, second, rest, 1.0 - rest, tuple(ratios.items()))


def _merged_clip(first: Clip, second: Clip, kept: float, added: float) -> tuple[Clip, Report]:
    apart = expect_mergeable(first.towers, second.towers)
    merge = Merge(second.towers, second.adapters, kept, added)
    return replace(first, adapters=(*first.adapters, merge)), _report(apart)


def _report(apart: tuple[str, ...]) -> Report:
    if not apart:
        return Report()
    return Report(
        text=(f"{len(apart)} weights stay as the first model has them, whose shape is another: {listed(apart)}",)
    )
