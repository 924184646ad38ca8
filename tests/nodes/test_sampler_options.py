"""Samplers with options: their defaults are the sampler itself, others are what they say, and all can be put to rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from graph.values import Values
from nodes.builtin import samplers as nodes
from nodes.diffusion.samplers.options import Adaptive, Multistep, Stochastic
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.errors import UnsuitableInput
from nodes.sockets import VALUE_TYPES, Model, Sampler
from tests.nodes.sampling_runs import run, sigmas_for
from tests.nodes.test_sockets import ref

MODEL = Model(ref(Path("model.safetensors")))
SA = partial(nodes.sampler_sa_solver, model=MODEL)

AS_NAMED: dict[str, Sampler] = {
    "dpmpp_3m_sde": nodes.sampler_dpmpp_3m_sde(noise_device="cpu"),
    "dpmpp_3m_sde_gpu": nodes.sampler_dpmpp_3m_sde(noise_device="gpu"),
    "dpmpp_2m_sde": nodes.sampler_dpmpp_2m_sde(solver_type="midpoint", noise_device="cpu"),
    "dpmpp_2m_sde_heun": nodes.sampler_dpmpp_2m_sde(solver_type="heun", noise_device="cpu"),
    "dpmpp_sde": nodes.sampler_dpmpp_sde(noise_device="cpu"),
    "dpmpp_2s_ancestral": nodes.sampler_dpmpp_2s_ancestral(),
    "euler_ancestral": nodes.sampler_euler_ancestral(),
    "euler_ancestral_cfg_pp": nodes.sampler_euler_ancestral_cfg_pp(),
    "euler_cfg_pp": nodes.sampler_euler_cfg_pp(version="regular"),
    "lms": nodes.sampler_lms(),
    "dpm_adaptive": nodes.sampler_dpm_adaptive(),
    "er_sde": nodes.sampler_er_sde(solver_type="ER-SDE"),
    "sa_solver": SA(use_pece=False, simple_order_2=False),
    "sa_solver_pece": SA(use_pece=True, simple_order_2=False),
    "heun": nodes.ksampler_select(sampler_name="heun"),
}
OTHERS: dict[str, Sampler] = {
    "little noise": nodes.sampler_euler_ancestral(eta=0.5),
    "weak noise": nodes.sampler_dpmpp_2s_ancestral(s_noise=0.5),
    "early midpoint": nodes.sampler_dpmpp_sde(r=0.25, noise_device="cpu"),
    "second order": nodes.sampler_lms(order=2),
    "sixth order": nodes.sampler_lms(order=6),
    "adaptive of order 2": nodes.sampler_dpm_adaptive(order=2, rtol=0.02),
    "adaptive with noise": nodes.sampler_dpm_adaptive(eta=0.5),
    "reverse-time SDE": nodes.sampler_er_sde(solver_type="Reverse-time SDE", max_stage=2),
    "ODE": nodes.sampler_er_sde(solver_type="ODE"),
    "short formula": SA(predictor_order=2, corrector_order=2, use_pece=False, simple_order_2=True),
    "long formula": SA(predictor_order=2, corrector_order=2, use_pece=False, simple_order_2=False),
    "six predictions": SA(predictor_order=6, corrector_order=6, eta=0.3, use_pece=True, simple_order_2=False),
    "other CFG++": nodes.sampler_euler_cfg_pp(version="alternative"),
}


def end(sampler: Sampler, steps: int = 8) -> Tensor:
    method = sampler.method
    return run(method, sigmas_for(method, steps))[-1].x


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("name", AS_NAMED)
def test_the_defaults_are_the_sampler_itself(name: str) -> None:
    assert AS_NAMED[name].name == name
    assert torch.equal(end(AS_NAMED[name]), end(Sampler(name)))


@pytest.mark.parametrize("name", OTHERS)
def test_options_change_the_result(name: str) -> None:
    result = end(OTHERS[name])
    assert result.isfinite().all()
    assert not torch.equal(result, end(Sampler(OTHERS[name].name)))


@pytest.mark.parametrize("sampler", [*AS_NAMED.values(), *OTHERS.values()], ids=[*AS_NAMED, *OTHERS])
def test_a_run_goes_on_from_its_last_steps_to_the_same_bits(sampler: Sampler) -> None:
    method = sampler.method
    sigmas = sigmas_for(method, 9)
    steps = run(method, sigmas)
    for done in range(1, len(steps)):
        past = tuple(steps[:done])[-method.history :]
        assert torch.equal(run(method, sigmas, past)[-1].x, steps[-1].x)


@pytest.mark.parametrize(
    ("sampler", "same"),
    [
        (nodes.sampler_euler_ancestral(eta=0.0), "euler"),
        (nodes.sampler_dpmpp_2m_sde(solver_type="midpoint", eta=0.0, noise_device="cpu"), "dpmpp_2m"),
        (nodes.sampler_lms(order=1), "euler"),
        (nodes.sampler_er_sde(solver_type="ODE", max_stage=1), "euler"),
        (nodes.sampler_er_sde(solver_type="Reverse-time SDE", eta=0.0, max_stage=1), "euler"),
    ],
)
def test_without_noise_a_method_is_its_deterministic_one(sampler: Sampler, same: str) -> None:
    assert distance(end(sampler), end(Sampler(same))) < 1e-5


def test_the_short_formula_is_the_long_one_in_the_limit_of_small_steps() -> None:
    apart = [distance(end(OTHERS["short formula"], steps), end(OTHERS["long formula"], steps)) for steps in (10, 80)]
    assert apart[0] > 4 * apart[1]


@pytest.mark.parametrize("sampler", [*AS_NAMED.values(), *OTHERS.values()], ids=[*AS_NAMED, *OTHERS])
def test_a_sampler_survives_being_put_to_rest(sampler: Sampler) -> None:
    values = Values(VALUE_TYPES)
    assert values.decode(*values.encode(sampler)) == sampler


def test_options_of_another_sampler_are_refused() -> None:
    with pytest.raises(ValueError, match="Multistep are no options of euler"):
        Sampler("euler", Multistep())
    with pytest.raises(ValueError, match="Stochastic are no options of lms"):
        Sampler("lms", Stochastic())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nodes.sampler_dpmpp_sde(r=0.0, noise_device="cpu"), "r must be above 0"),
        (lambda: nodes.sampler_dpm_adaptive(h_init=0.0), "h_init"),
        (lambda: nodes.sampler_dpm_adaptive(accept_safety=3.0), "accept_safety"),
    ],
)
def test_options_that_lead_nowhere_are_refused(make: Callable[[], Sampler], message: str) -> None:
    with pytest.raises(UnsuitableInput, match=message):
        make()


def test_every_kind_of_options_names_samplers_that_exist() -> None:
    fits = {
        name for sampler in (*AS_NAMED.values(), *OTHERS.values()) if sampler.options for name in sampler.options.fits
    }
    assert fits <= SAMPLERS.keys()
    assert Adaptive().laid_over(SAMPLERS["dpm_adaptive"]).noise is not SAMPLERS["dpm_adaptive"].noise
