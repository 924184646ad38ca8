"""SwinIR: its blocks against transformers' Swin, its sizes against the paper's, and what its windows may see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.models.swin import configuration_swin, modeling_swin

from nodes.diffusion.swin_ir import SwinBlock, SwinIr, SwinIrConfig
from nodes.diffusion.upscalers import build_upscaler
from tests.nodes.tiny import fill

SWIN: Any = modeling_swin  # its classes are typed only in part
CONFIG: Any = configuration_swin
LIGHT = SwinIrConfig(embed=60, depths=(6,) * 4, heads=(6,) * 4, hidden=120, reconstruction="shuffled at once")
BLOCK = SwinIrConfig(embed=12, depths=(2,), heads=(3,), window=4, hidden=24)


@pytest.mark.parametrize(
    ("config", "thousands"),
    [
        (replace(LIGHT, upscale=2), 910),  # as published; the paper's table 3 leaves out one convolution
        (replace(LIGHT, upscale=3), 918),
        (replace(LIGHT, upscale=4), 930),
        (SwinIrConfig(), 11_900),
    ],
)
def test_as_many_parameters_as_published(config: SwinIrConfig, thousands: int) -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in build_upscaler(config).parameters())
    assert round(count / 1000) == thousands


def their_block(ours: SwinBlock, shift: int, size: int) -> Any:
    """The same block of transformers, with the same weights."""
    config = CONFIG.SwinConfig(
        window_size=BLOCK.window, mlp_ratio=2.0, hidden_act="gelu", layer_norm_eps=1e-5, drop_path_rate=0.0,
        attn_implementation="eager",
    )  # fmt: skip
    theirs = SWIN.SwinLayer(config, BLOCK.embed, (size, size), BLOCK.heads[0], 0.0, shift)
    state = ours.state_dict()
    renamed = {"layernorm_before": "norm1", "layernorm_after": "norm2", "attention.o_proj": "attn.proj"}
    projections = ("attention.q_proj", "attention.k_proj", "attention.v_proj")
    mapped: dict[str, Tensor] = {}
    for name in theirs.state_dict():
        layer, _, kind = name.rpartition(".")
        if kind == "relative_position_bias_table":
            mapped[name] = state["attn.relative_position_bias_table"]
        elif layer in projections:
            mapped[name] = state[f"attn.qkv.{kind}"].chunk(3)[projections.index(layer)]
        else:
            mapped[name] = state[f"{renamed.get(layer, layer)}.{kind}"]
    theirs.load_state_dict(mapped)
    return theirs.eval()


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("size", [8, 12])
def test_a_block_is_that_of_transformers(shift: int, size: int) -> None:
    ours = fill(SwinBlock(BLOCK, BLOCK.heads[0], shift), 3)
    theirs = their_block(ours, shift, size)
    x = torch.randn(2, size, size, BLOCK.embed, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = theirs(x.flatten(1, 2), (size, size))[0].view_as(x)
        assert torch.allclose(ours(x), wanted, atol=1e-5)


def test_only_shifted_windows_look_across_edges() -> None:
    x = torch.zeros(1, 8, 8, BLOCK.embed)
    touched = x.clone()
    touched[:, 3, 3] = torch.linspace(-1, 1, BLOCK.embed)  # the last place of the first window
    for shift, across in ((0, False), (2, True)):
        block = fill(SwinBlock(BLOCK, BLOCK.heads[0], shift), 3)
        with torch.inference_mode():
            change = (block(touched) - block(x)).abs().amax(-1)[0]
        assert bool(change[4, 4] > 0) is across
        assert not bool(change[7, 7] > 0)  # the windows that wrap round the picture do not see each other


def test_a_net_that_restores_begins_with_the_picture() -> None:
    network = SwinIr(replace(BLOCK, reconstruction="residual", upscale=1))
    for parameter in network.parameters():
        parameter.data.zero_()
    picture = torch.rand(1, 3, 5, 9)
    assert torch.allclose(network(picture), picture, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (3, 2), (4, 4)])
def test_pictures_smaller_than_a_window(size: tuple[int, int]) -> None:
    network = fill(SwinIr(replace(BLOCK, upscale=2)), 2)
    with torch.inference_mode():
        result: Tensor = network(torch.rand(1, 3, *size))
    assert result.shape == (1, 3, 2 * size[0], 2 * size[1])
    assert bool(result.isfinite().all())
