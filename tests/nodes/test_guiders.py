"""Guiding by three prompts: the formulas, on predictions under each prompt alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor

from graph.values import Values
from nodes.builtin.guidance_patches import perp_neg_guider
from nodes.builtin.guiders import dual_cfg_guider
from nodes.diffusion.conditioning import Area, ConditioningEntry
from nodes.diffusion.control import ControlHint
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.sampling import begin, guide
from nodes.diffusion.unet import ControlResiduals
from nodes.sampling import prompts_of
from nodes.sockets import VALUE_TYPES, Conditioning, Guider, Model
from tests.nodes.test_sockets import ref
from tests.nodes.toy_denoise import toy_model

X = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(0))
SIGMA = torch.tensor(2.5)


def prompt(seed: int) -> Conditioning:
    return Conditioning((ConditioningEntry(torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(seed))),))


FIRST, SECOND, NEGATIVE = prompt(1), prompt(2), prompt(3)
Style = Literal["regular", "nested"]


def guider(model: Model, style: Style, scales: tuple[float, float] = (3.0, 5.0)) -> Guider:
    return dual_cfg_guider(
        model=model, cond1=FIRST, cond2=SECOND, negative=NEGATIVE, cfg_conds=scales[0], cfg_cond2_negative=scales[1],
        style=style,
    )  # fmt: skip


def guided(one: Guider) -> Tensor:
    model, canvas = toy_model(), Canvas(X)
    hooks = begin(model, one.model.patches, canvas, SIGMA[None], seed=0)
    return guide(model, one.positive.entries, one.negative.entries, one.cfg, canvas, hooks)(X, SIGMA)


def alone(one: Conditioning) -> Tensor:
    return guide(toy_model(), one.entries, one.entries, 1.0, Canvas(X))(X, SIGMA)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return Model(ref(path))


@pytest.mark.parametrize("scales", [(3.0, 5.0), (1.0, 5.0), (3.0, 1.0), (0.0, 2.0)])
def test_three_prompts_are_guided_by_their_formula(model: Model, scales: tuple[float, float]) -> None:
    p, m, n = alone(FIRST), alone(SECOND), alone(NEGATIVE)
    regular = n + (m - n) * scales[1] + (p - m) * scales[0]
    nested = n + (m + (p - m) * scales[0] - n) * scales[1]
    torch.testing.assert_close(guided(guider(model, "regular", scales)), regular, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(guided(guider(model, "nested", scales)), nested, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("style", ["regular", "nested"])
def test_they_survive_being_put_to_rest(model: Model, style: Style) -> None:
    values = Values(VALUE_TYPES)
    again = values.decode(*values.encode(guider(model, style)))
    assert isinstance(again, Guider)
    assert torch.equal(guided(again), guided(guider(model, style)))


class Steering:
    """A control network that adds the mean of its picture to the middle."""

    pixel_multiple = 8

    def read(self, hint: Tensor, kind: int | None) -> tuple[Tensor, ...]:  # noqa: ARG002 - one kind
        return (hint.mean(dim=(1, 2, 3), keepdim=True),)

    def steer(
        self,
        x: Tensor,  # noqa: ARG002
        timesteps: Tensor,  # noqa: ARG002
        context: Tensor,  # noqa: ARG002
        y: Tensor | None,  # noqa: ARG002
        seen: tuple[Tensor, ...],
        kind: int | None,  # noqa: ARG002
    ) -> ControlResiduals:
        return ControlResiduals(middle=seen[0])


def hinted(one: Conditioning, value: float, *, also_negative: bool = False) -> Conditioning:
    hint = ControlHint("network", torch.full((1, 8, 8, 3), value), also_negative=also_negative)
    return Conditioning((replace(one.entries[0], controls=(hint,)),))


def steered(one: Guider) -> Tensor:
    model, canvas = replace(toy_model(), controls={"network": Steering()}), Canvas(X)
    hooks = begin(model, one.model.patches, canvas, SIGMA[None], seed=0)
    return guide(model, one.positive.entries, one.negative.entries, one.cfg, canvas, hooks)(X, SIGMA)


def steered_alone(one: Conditioning) -> Tensor:
    model = replace(toy_model(), controls={"network": Steering()})
    return guide(model, one.entries, one.entries, 1.0, Canvas(X))(X, SIGMA)


@pytest.mark.parametrize("style", ["regular", "nested"])
@pytest.mark.parametrize("also_negative", [False, True])
def test_control_networks_steer_each_of_three_prompts(model: Model, style: Style, *, also_negative: bool) -> None:
    """A hint for both sides steers the second and the negative prompt, too, as it does with two prompts."""
    first = hinted(FIRST, 0.4, also_negative=also_negative)
    shared = 0.4 if also_negative else 0.0
    p, m, n = steered_alone(first), steered_alone(hinted(SECOND, shared)), steered_alone(hinted(NEGATIVE, shared))
    expected = n + (m - n) * 5.0 + (p - m) * 3.0 if style == "regular" else n + (m + (p - m) * 3.0 - n) * 5.0
    one = dual_cfg_guider(
        model=model, cond1=first, cond2=SECOND, negative=NEGATIVE, cfg_conds=3.0, cfg_cond2_negative=5.0, style=style
    )
    assert [len(prompt.entries) for prompt in prompts_of(one)] == [1, 1, 1]
    torch.testing.assert_close(steered(one), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("style", ["regular", "nested"])
def test_an_area_of_one_prompt_is_guided_against_the_same_area_of_the_third(model: Model, style: Style) -> None:
    left = Area(height=6, width=4, y=0, x=0)

    def placed(one: Conditioning) -> Conditioning:
        return Conditioning((replace(one.entries[0], area=left),))

    side = "cond2" if style == "regular" else "cond1"
    prompts = {"cond1": FIRST, "cond2": SECOND, "negative": NEGATIVE}
    plain, with_area = (
        dual_cfg_guider(model=model, cfg_conds=3.0, cfg_cond2_negative=5.0, style=style, **prompts | changed)
        for changed in ({}, {side: Conditioning((*prompts[side].entries, *placed(prompts[side]).entries))})
    )
    right = (..., slice(4, None))
    torch.testing.assert_close(guided(with_area)[right], guided(plain)[right], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(guided(with_area)[..., :2], guided(plain)[..., :2], atol=1e-3)


@pytest.mark.parametrize(("cfg", "neg_scale"), [(5.0, 0.8), (1.0, 1.0), (5.0, 0.0)])
@pytest.mark.parametrize("also_negative", [False, True])
def test_perp_neg_is_its_formula_and_hints_for_both_sides_steer_the_empty_prompt(
    model: Model, cfg: float, neg_scale: float, *, also_negative: bool
) -> None:
    """Armandpour et al. (2023), equation 8, seen from the empty prompt."""
    positive = hinted(FIRST, 0.4, also_negative=also_negative)
    shared = 0.4 if also_negative else 0.0
    p, n, empty = (
        steered_alone(positive),
        steered_alone(hinted(NEGATIVE, shared)),
        steered_alone(hinted(SECOND, shared)),
    )
    along = ((n - empty) * (p - empty)).sum() / ((p - empty) ** 2).sum() * (p - empty)
    expected = empty + cfg * ((p - empty) - neg_scale * ((n - empty) - along))
    one = perp_neg_guider(
        model=model, positive=positive, negative=NEGATIVE, empty_conditioning=SECOND, cfg=cfg, neg_scale=neg_scale
    )
    torch.testing.assert_close(steered(one), expected, rtol=1e-4, atol=1e-5)
