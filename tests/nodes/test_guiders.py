"""Guiding by three prompts: the formulas, on predictions under each prompt alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor

from graph.values import Values
from nodes.builtin.guiders import dual_cfg_guider
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.control import ControlHint
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.sampling import begin, guide
from nodes.errors import UnsuitableInput
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


def test_a_control_network_that_would_be_passed_over_is_refused(model: Model) -> None:
    hint = ControlHint("network", torch.zeros(1, 8, 8, 3))
    steered = Conditioning((replace(FIRST.entries[0], controls=(hint,)),))
    with pytest.raises(UnsuitableInput, match="cond1"):
        dual_cfg_guider(model=model, cond1=steered, cond2=SECOND, negative=NEGATIVE, style="regular")
