"""What SDXL and its refiner are told besides a prompt: a text for each encoder, sizes of the picture, how pleasing it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from graph.context import Context
from graph.errors import GraphError
from nodes.builtin.clip import clip_text_encode, clip_text_encode_sdxl, clip_text_encode_sdxl_refiner
from nodes.builtin.conditioning import conditioning_set_area
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.diffusion.conditioning import ConditioningEntry, SizeConditioning
from nodes.diffusion.inputs import Canvas, Side, network_inputs
from nodes.sockets import Clip, Conditioning
from tests.nodes.families import FAMILIES, write_family
from tests.nodes.loaded import context_in

DIFFUSERS: Any = diffusers
SDXL, REFINER = FAMILIES["sdxl"], FAMILIES["sdxl_refiner"]
POOLED = torch.randn(1, 16, generator=torch.Generator().manual_seed(1))
CANVAS = Canvas(torch.zeros(2, 4, 12, 20))  # 96 x 160 pixels


def told(*values: float) -> Tensor:
    """The label: the pooled prompt, and each number as 256 sines and cosines."""
    embedded = DIFFUSERS.models.embeddings.get_timestep_embedding(
        torch.tensor(values), 256, flip_sin_to_cos=True, downscale_freq_shift=0
    )
    return torch.cat([POOLED, embedded.reshape(1, -1)], dim=1)


def label(config: Any, size: SizeConditioning, side: Side = "positive") -> Tensor:
    entry = ConditioningEntry(torch.zeros(1, 77, 48), POOLED, size=size)
    given = network_inputs(config, entry, CANVAS, side).y
    assert given is not None
    return given


@pytest.mark.parametrize(
    ("size", "numbers"),
    [
        (SizeConditioning(), (96, 160, 0, 0, 96, 160)),
        (SizeConditioning(1024, 768, 8, 16, 640, 512), (768, 1024, 16, 8, 512, 640)),
        (SizeConditioning(1024, 768), (768, 1024, 0, 0, 768, 1024)),
        (SizeConditioning(0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 0)),
    ],
    ids=["as the latent says", "all", "the target follows the size", "zeros are sizes too"],
)
@pytest.mark.parametrize("side", ["positive", "negative"])
def test_sizes_are_told_height_first(size: SizeConditioning, numbers: tuple[int, ...], side: Side) -> None:
    torch.testing.assert_close(label(SDXL, size, side), told(*numbers), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("side", "score", "expected"),
    [("positive", None, 6.0), ("negative", None, 2.5), ("positive", 7.5, 7.5), ("negative", 7.5, 7.5)],
)
def test_the_refiner_is_told_how_pleasing_the_picture_is(side: Side, score: float | None, expected: float) -> None:
    size = SizeConditioning(1024, 768, aesthetic_score=score)
    torch.testing.assert_close(label(REFINER, size, side), told(768, 1024, 0, 0, expected), rtol=1e-4, atol=1e-4)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    for family in ("sdxl", "sdxl_refiner"):
        write_family(tmp_path / "models/checkpoints" / f"{family}.safetensors", family)
    return context_in(tmp_path)


def clip_of(family: str, context: Context) -> Clip:
    _, clip, _ = checkpoint_loader_simple(ckpt_name=f"{family}.safetensors", context=context)
    assert isinstance(clip, Clip)
    return clip


LONG = "a red fox in deep snow, " * 20  # two chunks and more


def both(clip: Clip, context: Context, text_g: str, text_l: str) -> ConditioningEntry:
    conditioning, _ = clip_text_encode_sdxl(
        clip=clip, width=64, height=32, crop_w=1, crop_h=2, target_width=8, target_height=16, text_g=text_g,
        text_l=text_l, context=context,
    )  # fmt: skip
    (entry,) = conditioning.entries
    return entry


@pytest.mark.parametrize(
    ("text_g", "text_l"), [("a cat", "a cat"), ("a cat", "a dog"), (LONG, "a dog"), ("a cat", LONG)]
)
def test_each_encoder_reads_its_own_text_and_the_shorter_is_filled_with_empty_chunks(
    context: Context, text_g: str, text_l: str
) -> None:
    clip = clip_of("sdxl", context)

    def alone(text: str) -> ConditioningEntry:
        return clip_text_encode(text=text, clip=clip, context=context)[0].entries[0]

    entry, wide, narrow, empty = both(clip, context, text_g, text_l), alone(text_g), alone(text_l), alone("")
    tokens = max(wide.embedding.shape[1], narrow.embedding.shape[1])

    def filled(embedding: Tensor) -> Tensor:
        return torch.cat([embedding, *[empty.embedding] * ((tokens - embedding.shape[1]) // 77)], dim=1)

    width = 24  # of the first encoder's half
    expected = torch.cat([filled(narrow.embedding)[..., :width], filled(wide.embedding)[..., width:]], dim=-1)
    torch.testing.assert_close(entry.embedding, expected, rtol=1e-4, atol=1e-5)
    assert entry.pooled is not None
    assert wide.pooled is not None
    torch.testing.assert_close(entry.pooled, wide.pooled, rtol=1e-4, atol=1e-5)
    assert entry.size == SizeConditioning(64, 32, 1, 2, 8, 16)


def test_the_refiner_reads_one_text(context: Context) -> None:
    clip = clip_of("sdxl_refiner", context)
    conditioning, _ = clip_text_encode_sdxl_refiner(
        ascore=3.5, width=64, height=32, text="a cat", clip=clip, context=context
    )
    plain = clip_text_encode(text="a cat", clip=clip, context=context)[0].entries[0]
    (entry,) = conditioning.entries
    assert torch.equal(entry.embedding, plain.embedding)
    assert entry.size == SizeConditioning(64, 32, aesthetic_score=3.5)


def test_a_clip_of_one_encoder_is_refused(context: Context) -> None:
    with pytest.raises(GraphError, match="1 text encoder, SDXL has two"):
        both(clip_of("sdxl_refiner", context), context, "a", "b")


def test_an_area_keeps_the_sizes_of_the_whole_picture() -> None:
    entry = ConditioningEntry(torch.zeros(1, 77, 48), POOLED)
    (placed,) = conditioning_set_area(conditioning=Conditioning((entry,)), width=64, height=64).entries
    whole, part = (network_inputs(SDXL, one, CANVAS, "positive").y for one in (entry, placed))
    assert whole is not None
    assert part is not None
    assert torch.equal(whole, part)
    assert replace(placed, area=None).size == entry.size
