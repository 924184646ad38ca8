"""How samplers are related: with one parameter changed, or in a simple case, one is another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import pytest
import torch
from torch import Tensor

from nodes.diffusion.samplers.cfg_pp import (
    dpmpp_2m_cfg_pp,
    dpmpp_2s_ancestral_cfg_pp,
    euler_cfg_pp,
    gradient_estimation_cfg_pp,
    res_multistep_cfg_pp,
)
from nodes.diffusion.samplers.dpm_2 import dpm_2, dpm_2_ancestral
from nodes.diffusion.samplers.dpmpp import dpmpp_2m, dpmpp_2s_ancestral
from nodes.diffusion.samplers.dpmpp_sde import dpmpp_2m_sde, dpmpp_3m_sde, dpmpp_sde
from nodes.diffusion.samplers.er_sde import er_sde
from nodes.diffusion.samplers.euler import euler, euler_ancestral
from nodes.diffusion.samplers.gradient_estimation import gradient_estimation
from nodes.diffusion.samplers.polynomial import basis_integrals, lagrange
from nodes.diffusion.samplers.res_multistep import res_multistep
from nodes.diffusion.samplers.sa_solver import sa_solver
from nodes.diffusion.samplers.seeds import seeds_2, seeds_3
from nodes.diffusion.samplers.step import Sample, Step
from nodes.diffusion.samplers.table import SAMPLERS, Sampler
from tests.nodes.sampling_runs import result, run, sigmas_for
from tests.nodes.toy_denoise import ToyDenoise

lms, ipndm, ipndm_v, deis = (
    cast("Callable[..., Iterator[Step]]", SAMPLERS[name].sample) for name in ("lms", "ipndm", "ipndm_v", "deis")
)


class Unguided(ToyDenoise):
    """A model whose unconditional prediction is its prediction."""

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self(x, sigma), self(x, sigma)


def no_tau(sigma: float) -> float:
    return 0.0


def same(sigma: Tensor) -> Tensor:
    return sigma


SPECIAL_CASES: list[tuple[str, Sample, Sample]] = [
    ("euler_ancestral without noise", partial(euler_ancestral, eta=0.0), euler),
    ("dpm_2_ancestral without noise", partial(dpm_2_ancestral, eta=0.0), dpm_2),
    ("dpmpp_sde without noise is dpmpp_2s", partial(dpmpp_sde, eta=0.0), partial(dpmpp_2s_ancestral, eta=0.0)),
    ("dpmpp_2m_sde without noise", partial(dpmpp_2m_sde, eta=0.0), dpmpp_2m),
    ("dpmpp_2m_sde with Heun and without noise", partial(dpmpp_2m_sde, eta=0.0, solver_type="heun"), res_multistep),
    ("seeds_2 without noise is dpmpp_2s", partial(seeds_2, eta=0.0), partial(dpmpp_2s_ancestral, eta=0.0)),
    ("er_sde of one stage without noise", partial(er_sde, noise_scale=same, max_stage=1), euler),
    ("sa_solver of order 1 without noise", partial(sa_solver, tau=no_tau, predictor_order=1, corrector_order=0), euler),
    ("lms of order 1", partial(lms, order=1), euler),
    ("ipndm of order 1", partial(ipndm, order=1), euler),
    ("ipndm_v of order 1", partial(ipndm_v, order=1), euler),
    ("ipndm_v of order 2 is lms", partial(ipndm_v, order=2), partial(lms, order=2)),
    ("deis of order 1", partial(deis, order=1), euler),
    ("gradient_estimation that carries nothing on", partial(gradient_estimation, gamma=1.0), euler),
    ("euler_cfg_pp unguided", euler_cfg_pp, euler),
    ("dpmpp_2m_cfg_pp unguided", dpmpp_2m_cfg_pp, dpmpp_2m),
    ("res_multistep_cfg_pp unguided", res_multistep_cfg_pp, res_multistep),
    ("gradient_estimation_cfg_pp unguided", gradient_estimation_cfg_pp, gradient_estimation),
]


@pytest.mark.parametrize(
    ("one", "other"), [case[1:] for case in SPECIAL_CASES], ids=[case[0] for case in SPECIAL_CASES]
)
def test_a_special_case_is_another_sampler(one: Sample, other: Sample) -> None:
    torch.testing.assert_close(result(one, denoise=Unguided()), result(other, denoise=Unguided()), atol=2e-5, rtol=2e-5)


ODE_FORMS: dict[str, Sample] = {
    "dpmpp_3m_sde": partial(dpmpp_3m_sde, eta=0.0),
    "seeds_3": partial(seeds_3, eta=0.0),
    "er_sde": partial(er_sde, noise_scale=same),
    "sa_solver": partial(sa_solver, tau=no_tau),
    "sa_solver_pece": partial(sa_solver, tau=no_tau, again=True),
}


@pytest.mark.parametrize("name", ODE_FORMS)
def test_without_noise_a_stochastic_solver_follows_the_probability_flow(name: str) -> None:
    fine = result(partial(dpmpp_2s_ancestral, eta=0.0), steps=400)
    assert (result(ODE_FORMS[name], steps=60) - fine).norm() / fine.norm() < 5e-3


def test_the_half_way_prediction_of_cfg_pp_is_a_correction_even_unguided() -> None:
    plain = result(partial(dpmpp_2s_ancestral, eta=0.0), denoise=Unguided())
    assert not torch.allclose(result(partial(dpmpp_2s_ancestral_cfg_pp, eta=0.0), denoise=Unguided()), plain, atol=1e-2)


ON_EQUAL_STEPS = torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_on_equal_steps_ipndm_is_adams_bashforth(order: int) -> None:
    ipndm_of, lms_of = (run(Sampler(partial(method, order=order)), ON_EQUAL_STEPS)[-1].x for method in (ipndm, lms))
    torch.testing.assert_close(ipndm_of, lms_of)


@pytest.mark.parametrize(
    "name", ["euler_cfg_pp", "dpmpp_2m_cfg_pp", "gradient_estimation_cfg_pp", "res_multistep_cfg_pp"]
)
def test_cfg_pp_steps_along_the_unconditional_prediction(name: str) -> None:
    sampler = SAMPLERS[name]
    sigmas = sigmas_for(sampler, 6)
    assert not torch.allclose(run(sampler, sigmas)[-1].x, run(sampler, sigmas, denoise=Unguided())[-1].x, atol=1e-3)


def test_cfg_pp_adds_noise_back_along_the_unconditional_prediction() -> None:
    """Chung et al. (2024), algorithm 1: x' = denoised + (x - unconditional) sigma' / sigma."""
    sigmas = torch.tensor([4.0, 1.0])
    x = torch.linspace(-3, 3, 192).reshape(1, 4, 6, 8)
    (step,) = euler_cfg_pp(ToyDenoise(), x, sigmas, lambda sigma, sigma_next: x)
    denoised, unconditional = ToyDenoise().pair(x, sigmas[0])
    torch.testing.assert_close(step.x, denoised + (x - unconditional) / 4)


def test_interpolation_is_exact_for_polynomials() -> None:
    points = (3.0, 2.5, 1.0, 0.2)
    t = torch.linspace(0, 4, 9, dtype=torch.float64)
    through = sum((p**3 - p) * lagrange(points, index, t) for index, p in enumerate(points))
    torch.testing.assert_close(through, t**3 - t)


def test_basis_integrals_integrate_polynomials_with_an_exponential() -> None:
    """The integral of e^t (t^2 - 1) from 0 to 2 is e^2 - 1."""
    points = (0.0, 1.0, 3.0)
    weights = basis_integrals(points, 0.0, 2.0, torch.exp)
    value = sum(weight * (p**2 - 1) for weight, p in zip(weights, points, strict=True))
    assert value == pytest.approx(torch.e**2 - 1)
