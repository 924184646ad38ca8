"""Patches of networks: what they change, that nothing else changes, and that neutral settings change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.adapters import Applied, AttentionScale, adapted
from nodes.diffusion.attention_guidance import PerturbedAttention, SelfAttention, blur_attended, without_attention
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.deep_shrink import DeepShrink
from nodes.diffusion.denoiser import NetworkCall
from nodes.diffusion.differential import Differential
from nodes.diffusion.freeu import FreeU, scale_frequencies
from nodes.diffusion.hypertile import HyperTile
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.patching import Hooks, Patch, Start
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import Run, begin, diffusion_model, sample
from nodes.diffusion.token_merging import TokenMerging, choose_kept, match
from nodes.diffusion.unet import ControlResiduals, UNet
from tests.nodes.tiny import MODEL, UNET_LINEAR, tiny_unet

LATENT = torch.zeros(1, 4, 12, 16)
SIGMAS = torch.tensor([6.0, 2.0, 0.0])


def entry(seed: int) -> ConditioningEntry:
    return ConditioningEntry(torch.randn(1, 5, 24, generator=torch.Generator().manual_seed(seed)))


def sampled(
    patches: Sequence[Patch],
    *,
    network: UNet | None = None,
    config: ModelConfig = MODEL,
    cfg: float = 4.0,
    mask: Tensor | None = None,
    latent: Tensor = LATENT,
) -> Tensor:
    run = Run(
        model=diffusion_model(config, network or tiny_unet(config.unet)),
        positive=(entry(1),),
        negative=(entry(2),),
        cfg=cfg,
        sampler=SAMPLERS["euler"],
        sigmas=SIGMAS,
        latent=latent,
        noise=seeded_noise(3, latent),
        noise_mask=mask,
        seed=3,
        patches=tuple(patches),
    )
    with torch.inference_mode():
        return list(sample(run))[-1].x


SHRINK = DeepShrink(1, 2.0, 0.0, 1.0, after_skip=True, shrink_method="bicubic", enlarge_method="bicubic")
PLAIN = sampled([])

CHANGING: dict[str, Patch] = {
    "FreeU": FreeU(1.1, 1.2, 0.9, 0.2, by_structure=False),
    "FreeU_V2": FreeU(1.3, 1.4, 0.9, 0.2, by_structure=True),
    "ToMe": TokenMerging(0.5),
    "HyperTile": HyperTile(32, 2, 0, scale_depth=False),
    "HyperTile, deeper": HyperTile(32, 2, 1, scale_depth=True),
    "PAG": PerturbedAttention(3.0),
    "SAG": SelfAttention(0.5, 2.0),
    "deep shrink": SHRINK,
    "deep shrink before the skip": replace(SHRINK, after_skip=False),
    "deep shrink of the last block": replace(SHRINK, block=3),
}

NEUTRAL: dict[str, Patch] = {
    "FreeU": FreeU(1.0, 1.0, 1.0, 1.0, by_structure=True),
    "ToMe": TokenMerging(0.0),
    "HyperTile of one tile": HyperTile(2048, 1, 0, scale_depth=False),
    "PAG": PerturbedAttention(0.0),
    "SAG": SelfAttention(0.0, 2.0),
    "deep shrink at no time": replace(SHRINK, start_percent=1.0),
    "deep shrink of no block": replace(SHRINK, block=32),
    "differential diffusion without a mask": Differential(1.0),
}


@pytest.mark.parametrize("name", CHANGING)
def test_a_patch_changes_the_picture_and_leaves_the_network_alone(name: str) -> None:
    network = tiny_unet()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    result = sampled([CHANGING[name]], network=network)
    assert bool(torch.isfinite(result).all())
    assert not torch.allclose(result, PLAIN, rtol=1e-3, atol=1e-3)
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())
    assert torch.equal(sampled([], network=network), PLAIN)


@pytest.mark.parametrize("name", CHANGING)
def test_a_run_repeats_itself(name: str) -> None:
    assert torch.equal(sampled([CHANGING[name]]), sampled([CHANGING[name]]))


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_settings_change_nothing(name: str) -> None:
    torch.testing.assert_close(sampled([NEUTRAL[name]]), PLAIN, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(12, 16), (7, 9), (1, 16), (24, 5)])
@pytest.mark.parametrize("name", CHANGING)
def test_any_size_and_batch_works(name: str, size: tuple[int, int]) -> None:
    latent = torch.zeros(2, 4, *size)
    result = sampled([CHANGING[name]], latent=latent)
    assert result.shape == latent.shape


def test_patches_work_together_and_on_linear_projections() -> None:
    config = replace(MODEL, unet=UNET_LINEAR)
    result = sampled([CHANGING["FreeU_V2"], CHANGING["ToMe"], CHANGING["SAG"], SHRINK], config=config)
    assert bool(torch.isfinite(result).all())


def test_self_attention_guidance_needs_the_negative_side_at_cfg_1() -> None:
    assert not torch.allclose(sampled([CHANGING["SAG"]], cfg=1.0), sampled([], cfg=1.0))


# Token merging


def test_one_token_of_each_whole_square_is_kept() -> None:
    kept, rest = choose_kept(5, 6, torch.Generator().manual_seed(0))
    assert sorted([*kept.tolist(), *rest.tolist()]) == list(range(30))
    squares = {(token // 6 // 2, token % 6 // 2) for token in kept.tolist()}
    assert squares == {(row, column) for row in range(2) for column in range(3)}


def test_equal_tokens_survive_merging() -> None:
    kept, rest = choose_kept(4, 4, torch.Generator().manual_seed(0))
    tokens = torch.ones(2, 16, 3)
    merging = match(tokens, kept, rest, 6)
    assert merging.merge(tokens).shape == (2, 10, 3)
    assert torch.equal(merging.unmerge(merging.merge(tokens)), tokens)


def test_the_most_alike_are_merged_first() -> None:
    kept, rest = torch.tensor([0, 1]), torch.tensor([2, 3])
    tokens = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [1.0, 1.0]]])
    merging = match(tokens, kept, rest, 1)
    merged = merging.merge(tokens)
    torch.testing.assert_close(merged, torch.tensor([[[1.0, 1.0], [1.0, 0.05], [0.0, 1.0]]]))
    back = merging.unmerge(merged)
    torch.testing.assert_close(back[0, 2], back[0, 0])
    torch.testing.assert_close(back[0, 3], tokens[0, 3])


# The others


def test_low_frequencies_are_scaled_and_the_rest_kept() -> None:
    x = torch.randn(1, 2, 8, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(scale_frequencies(x, 1.0, 1.0, 1), x)
    flat = torch.ones(1, 2, 8, 6)
    torch.testing.assert_close(scale_frequencies(flat, 0.2, 1.0, 1), 0.2 * flat)
    checkered = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
    torch.testing.assert_close(scale_frequencies(checkered, 0.2, 1.0, 1), checkered)
    torch.testing.assert_close(scale_frequencies(flat[..., :1, :1], 0.2, 1.0, 1), 0.2 * flat[..., :1, :1])
    torch.testing.assert_close(scale_frequencies(x, 2.0, 2.0, 99), 2.0 * x)


def test_without_attention_each_cell_sees_itself() -> None:
    network = tiny_unet()
    attention = network.get_submodule("middle_block.1.transformer_blocks.0.attn1")
    view = without_attention(network).get_submodule("middle_block.1.transformer_blocks.0.attn1")
    one_cell = torch.randn(1, 1, 64)
    torch.testing.assert_close(view(one_cell, one_cell), attention(one_cell, one_cell))
    many = torch.randn(1, 5, 64)
    torch.testing.assert_close(view(many, many)[:, :1], attention(many[:, :1], many[:, :1]))


def test_only_what_is_much_attended_is_blurred() -> None:
    latent = torch.randn(1, 4, 12, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(blur_attended(latent, torch.zeros(1, 48), 2.0), latent)
    everywhere = blur_attended(latent, torch.full((1, 48), 2.0), 2.0)
    assert float(everywhere.std()) < 0.5 * float(latent.std())
    half = blur_attended(latent, torch.tensor([[0.0] * 24 + [2.0] * 24]), 2.0)
    assert torch.equal(half[..., :6, :], latent[..., :6, :])
    assert torch.equal(half[..., 6:, :], everywhere[..., 6:, :])


def test_a_grey_mask_lets_dark_cells_in_later() -> None:
    seen: list[Tensor] = []

    class Watched:
        def begin(self, start: Start) -> Hooks:
            hooks = Differential(1.0).begin(start)
            assert hooks.mask is not None
            inner: Callable[[Tensor, Tensor], Tensor] = hooks.mask

            def mask(values: Tensor, sigma: Tensor) -> Tensor:
                seen.append(inner(values, sigma))
                return seen[-1]

            return replace(hooks, mask=mask)

    ramp = torch.linspace(0, 1, 16).expand(1, 12, 16)
    sampled([Watched()], mask=ramp)
    counts = [int(one.sum()) for one in seen]
    assert counts == sorted(counts)
    assert counts[0] == 12  # at first only what the mask leaves entirely free
    assert all(set(one.flatten().tolist()) <= {0.0, 1.0} for one in seen)


def test_attention_factors_multiply_every_projection_of_a_kind() -> None:
    network = tiny_unet()
    scale = AttentionScale("attn2", q=1.0, v=2.0, out=0.5)
    changes = scale.changes(network)
    blocks = len([name for name, _ in network.named_modules() if name.endswith(".attn2")])
    assert len(changes) == 2 * blocks
    view = adapted(network, {name: [Applied(change)] for name, change in changes.items()})
    name = "middle_block.1.transformer_blocks.0.attn2"
    x, context = torch.randn(1, 6, 64), torch.randn(1, 3, 24)
    layer = network.get_submodule(name)
    bias = F.linear(torch.zeros(1, 64), layer.to_out[0].weight, layer.to_out[0].bias)  # type: ignore[index,union-attr]
    expected = layer(x, context) - bias + 0.5 * bias
    torch.testing.assert_close(view.get_submodule(name)(x, context), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("after_skip", [False, True])
def test_what_a_control_network_adds_is_left_out_where_the_network_is_shrunk(*, after_skip: bool) -> None:
    """A control network sees the latent in its own size, so its residuals do not fit maps that deep shrink made smaller."""
    unet = tiny_unet(UNET_LINEAR)
    x, times, context = torch.randn(1, 4, 12, 16), torch.tensor([500.0]), torch.randn(1, 5, 24)
    sizes: list[torch.Size] = []
    hooks = [
        unet_block.register_forward_hook(lambda *seen: sizes.append(seen[2].shape)) for unet_block in unet.input_blocks
    ]
    unet(x, times, context)
    middle = torch.randn(sizes[-1])
    for hook in hooks:
        hook.remove()
    control = ControlResiduals(tuple(torch.randn(size) for size in sizes), middle)
    patch = DeepShrink(1, 2.0, 0.0, 1.0, after_skip, "bilinear", "bilinear")
    model, canvas = diffusion_model(MODEL, unet), Canvas(x)
    (started,) = begin(model, [patch], canvas, SIGMAS, seed=0)
    assert started.network is not None
    assert started.observe is not None
    started.observe(NetworkCall(2.0, (0,), 12, 16))
    shrunk = started.network(unet)
    fitting = tuple(
        one if index < (2 if after_skip else 1) else torch.zeros_like(one) for index, one in enumerate(control.skips)
    )
    with torch.inference_mode():
        got = shrunk(x, times, context, None, control)
        expected = shrunk(x, times, context, None, ControlResiduals(fitting, torch.zeros(1)))
    torch.testing.assert_close(got, expected)
    assert not torch.allclose(got, shrunk(x, times, context), atol=1e-4)
