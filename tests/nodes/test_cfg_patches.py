"""Patches of guidance against their formulas, on a toy model."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nodes.diffusion.cfg_patches import (
    AdaptiveProjected,
    CfgNorm,
    CfgZeroStar,
    EpsilonScaling,
    FrequencyScaling,
    Mahiro,
    PerpendicularNegative,
    RescaleCfg,
    TangentialDamping,
)
from nodes.diffusion.denoiser import NetworkInputs
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.patching import Patch
from nodes.diffusion.sampling import begin, guide
from tests.nodes.toy_denoise import ToyNetwork, says, toy_model

X = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0)) * 3
SIGMA = torch.tensor(2.5)
CAT, BAD, EMPTY = says(0.3), says(0.9), says(0.0)
CFG = 6.0


def patched(*patches: Patch, cfg: float = CFG, network: ToyNetwork | None = None) -> Tensor:
    model, canvas = toy_model(network), Canvas(X)
    hooks = begin(model, patches, canvas, SIGMA[None], seed=0)
    return guide(model, (CAT,), (BAD,), cfg, canvas, hooks)(X, SIGMA)


def alone(entry_value: float) -> Tensor:
    return toy_model().denoiser(X, SIGMA, NetworkInputs(says(entry_value).embedding.expand(2, -1, -1)))


POSITIVE, NEGATIVE, NEUTRAL = alone(0.3), alone(0.9), alone(0.0)
PLAIN = NEGATIVE + (POSITIVE - NEGATIVE) * CFG


def rescaled(multiplier: float) -> Tensor:
    """Lin et al. (2023), algorithm 2, on velocities v = (x / (1 + s^2) - D) sqrt(1 + s^2) / s."""
    root = math.sqrt(SIGMA**2 + 1)
    positive, negative = ((X / root**2 - one) * root / SIGMA for one in (POSITIVE, NEGATIVE))
    guided = negative + CFG * (positive - negative)
    factor = positive.std(dim=(1, 2, 3), keepdim=True) / guided.std(dim=(1, 2, 3), keepdim=True)
    velocity = multiplier * guided * factor + (1 - multiplier) * guided
    return X / root**2 - velocity * SIGMA / root


def perpendicular(scale: float) -> Tensor:
    positive, negative = POSITIVE - NEUTRAL, NEGATIVE - NEUTRAL
    along = (negative * positive).sum() / (positive * positive).sum() * positive
    return NEUTRAL + CFG * (positive - scale * (negative - along))


def zero_star() -> Tensor:
    a, b = X - POSITIVE, X - NEGATIVE
    fit = (a * b).sum(dim=(1, 2, 3), keepdim=True) / (b * b).sum(dim=(1, 2, 3), keepdim=True)
    return NEGATIVE * fit + (POSITIVE - NEGATIVE * fit) * CFG


def bounded(strength: float) -> Tensor:
    limit = POSITIVE.norm(dim=1, keepdim=True) / PLAIN.norm(dim=1, keepdim=True)
    result: Tensor = PLAIN * limit.clamp(max=1) * strength
    return result


def projected(eta: float, norm_threshold: float) -> Tensor:
    step = POSITIVE - NEGATIVE
    flat = step.flatten(1)
    if norm_threshold:
        flat = flat * (norm_threshold / flat.norm(dim=1, keepdim=True)).clamp(max=1)
    unit = POSITIVE.flatten(1) / POSITIVE.flatten(1).norm(dim=1, keepdim=True)
    along = (flat * unit).sum(dim=1, keepdim=True) * unit
    moved = (flat - along + eta * along).reshape(X.shape)
    result: Tensor = POSITIVE + CFG * moved
    return result


def damped() -> Tensor:
    a, b = (X - POSITIVE).flatten(1), (X - NEGATIVE).flatten(1)
    rows = []
    for one, other in zip(a, b, strict=True):
        main = torch.linalg.svd(torch.stack([other, one]), full_matrices=False).Vh[0]
        rows.append((other @ main) * main)
    negative = X - torch.stack(rows).reshape(X.shape)
    return negative + (POSITIVE - negative) * CFG


CASES: dict[str, tuple[Patch, Callable[[], Tensor]]] = {
    "RescaleCFG": (RescaleCfg(0.7), lambda: rescaled(0.7)),
    "RescaleCFG at 0": (RescaleCfg(0.0), lambda: PLAIN),
    "CFGNorm": (CfgNorm(0.9), lambda: bounded(0.9)),
    "CFGZeroStar": (CfgZeroStar(), zero_star),
    "TCFG": (TangentialDamping(), damped),
    "APG": (AdaptiveProjected(0.5, 5.0, 0.0), lambda: projected(0.5, 5.0)),
    "APG without bound": (AdaptiveProjected(1.0, 0.0, 0.0), lambda: projected(1.0, 0.0)),
    "EpsilonScaling": (EpsilonScaling(1.1), lambda: X - (X - PLAIN) / 1.1),
    "FreSca": (FrequencyScaling(1.5, 1.5, 2), lambda: NEGATIVE + (POSITIVE - NEGATIVE) * CFG * 1.5),
    "PerpNeg": (PerpendicularNegative((EMPTY,), 0.8), lambda: perpendicular(0.8)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_patch_is_its_formula(name: str) -> None:
    patch, expected = CASES[name]
    torch.testing.assert_close(patched(patch), expected(), rtol=1e-4, atol=1e-4)


def test_mahiro_leans_towards_the_positive_side() -> None:
    leap = POSITIVE * CFG
    between = (leap + PLAIN) / 2
    away, towards = (one.abs().sqrt() * one.sign() for one in (NEGATIVE * CFG, between))
    share = (torch.nn.functional.cosine_similarity(away, towards, dim=1).mean() + 1) / 2
    torch.testing.assert_close(patched(Mahiro()), share * PLAIN + (1 - share) * leap)


@pytest.mark.parametrize("name", ["CFGNorm", "EpsilonScaling", "CFGZeroStar", "TCFG"])
def test_at_cfg_1_the_negative_side_is_still_not_asked(name: str) -> None:
    network = ToyNetwork()
    patched(CASES[name][0], cfg=1.0, network=network)
    assert network.batches == [2]


def test_a_guider_with_an_empty_prompt_asks_all_three_sides_at_any_cfg() -> None:
    network = ToyNetwork()
    patched(PerpendicularNegative((EMPTY,), 1.0, always_both=True), cfg=1.0, network=network)
    assert sum(network.batches) == 6


@pytest.mark.parametrize(
    ("patch", "cfg", "expected"),
    [
        (PerpendicularNegative((CAT,), 0.8), CFG, POSITIVE + CFG * 0.8 * (POSITIVE - NEGATIVE)),
        (AdaptiveProjected(0.5, 5.0, 0.0), 0.0, NEGATIVE),
    ],
    ids=["PerpNeg with a positive prompt that says nothing", "APG at cfg 0"],
)
def test_nothing_is_divided_by_nothing(patch: Patch, cfg: float, expected: Tensor) -> None:
    torch.testing.assert_close(patched(patch, cfg=cfg), expected, rtol=1e-4, atol=1e-4)


def test_patches_follow_each_other_and_the_last_way_to_combine_wins() -> None:
    both = patched(RescaleCfg(1.0), EpsilonScaling(1.1), RescaleCfg(0.0))
    torch.testing.assert_close(both, X - (X - PLAIN) / 1.1, rtol=1e-4, atol=1e-4)


def test_momentum_adds_up_within_a_run_and_starts_anew_with_the_next() -> None:
    patch = AdaptiveProjected(1.0, 0.0, 0.5)
    model, canvas = toy_model(), Canvas(X)

    def run(*sigmas: float) -> list[Tensor]:
        guidance = guide(model, (CAT,), (BAD,), CFG, canvas, begin(model, [patch], canvas, SIGMA[None], seed=0))
        return [guidance(X, torch.tensor(sigma)) for sigma in sigmas]

    first, second = run(2.5, 2.0)
    assert torch.equal(run(2.5)[0], first)
    assert not torch.allclose(run(2.0)[0], second)
    assert torch.equal(run(2.0, 2.5)[1], first)  # the noise rose: another pass
