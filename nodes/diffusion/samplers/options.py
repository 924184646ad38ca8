"""What can be chosen of a sampler besides its name, as values: options are laid over a sampler of the table.

Each kind of options fits some samplers only, those of its `fits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, TypeAlias, cast

from torch import Tensor

from nodes.diffusion.noise import gaussian_noise
from nodes.diffusion.samplers.cfg_pp import euler_cfg_pp_alternative
from nodes.diffusion.samplers.dpm_adaptive import StepSize
from nodes.diffusion.samplers.er_sde import er_sde_noise, reverse_sde_noise
from nodes.diffusion.samplers.lcm import growing_noise, growing_scales, lcm_growing
from nodes.diffusion.samplers.sa_solver import tau_between
from nodes.diffusion.samplers.step import Denoise, Noise, Past, Sample, Step
from nodes.diffusion.samplers.table import Sampler

ErSdeType = Literal["ER-SDE", "Reverse-time SDE", "ODE"]


@dataclass(frozen=True, slots=True)
class Stochastic:
    """How much noise a step takes away and adds (`eta`: 1 as much as the reverse SDE, 0 none), and its scale."""

    fits: ClassVar = (
        "euler_ancestral",
        "euler_ancestral_cfg_pp",
        "dpmpp_2s_ancestral",
        "dpmpp_2m_sde",
        "dpmpp_2m_sde_gpu",
        "dpmpp_2m_sde_heun",
        "dpmpp_2m_sde_heun_gpu",
        "dpmpp_3m_sde",
        "dpmpp_3m_sde_gpu",
    )
    eta: float = 1.0
    s_noise: float = 1.0

    def laid_over(self, sampler: Sampler) -> Sampler:
        return replace(sampler, sample=_chosen(sampler, eta=self.eta, s_noise=self.s_noise))


@dataclass(frozen=True, slots=True)
class StochasticMidpoint:
    """The same for methods with a prediction on the way, after the share `r` of a step."""

    fits: ClassVar = ("dpmpp_sde", "dpmpp_sde_gpu")
    eta: float = 1.0
    s_noise: float = 1.0
    r: float = 0.5

    def __post_init__(self) -> None:
        if self.r <= 0.0:
            raise ValueError("r must be above 0")

    def laid_over(self, sampler: Sampler) -> Sampler:
        return replace(sampler, sample=_chosen(sampler, eta=self.eta, s_noise=self.s_noise, r=self.r))


@dataclass(frozen=True, slots=True)
class Multistep:
    """How many slopes a step is made of."""

    fits: ClassVar = ("lms",)
    order: int = 4

    def laid_over(self, sampler: Sampler) -> Sampler:
        return replace(sampler, sample=_chosen(sampler, order=self.order), history=max(1, self.order - 1))


@dataclass(frozen=True, slots=True)
class Adaptive:
    """The order, 2 or 3, and how step sizes are chosen (`StepSize`)."""

    fits: ClassVar = ("dpm_adaptive",)
    order: int = 3
    rtol: float = 0.05
    atol: float = 0.0078
    h_init: float = 0.05
    pcoeff: float = 0.0
    icoeff: float = 1.0
    dcoeff: float = 0.0
    accept_safety: float = 0.81
    eta: float = 0.0
    s_noise: float = 1.0

    def __post_init__(self) -> None:
        if self.h_init <= 0.0:
            raise ValueError("h_init must be above 0")
        if self.accept_safety > 1.0:
            raise ValueError("accept_safety must be at most 1, or sampling may never end")

    def laid_over(self, sampler: Sampler) -> Sampler:
        step_size = StepSize(
            self.rtol, self.atol, self.h_init, self.pcoeff, self.icoeff, self.dcoeff, self.accept_safety
        )
        sample = _chosen(sampler, order=self.order, step_size=step_size, eta=self.eta, s_noise=self.s_noise)
        return replace(sampler, sample=sample, noise=gaussian_noise)


@dataclass(frozen=True, slots=True)
class ExtendedReverseSde:
    """Which stochastic process is solved, and with how many predictions, 1..3. `eta` is for the reverse-time SDE alone."""

    fits: ClassVar = ("er_sde",)
    solver_type: ErSdeType = "ER-SDE"
    max_stage: int = 3
    eta: float = 1.0
    s_noise: float = 1.0

    def laid_over(self, sampler: Sampler) -> Sampler:
        eta = 0.0 if self.solver_type == "ODE" else self.eta
        deterministic = self.solver_type != "ER-SDE" and eta == 0.0
        sample = _chosen(
            sampler,
            noise_scale=er_sde_noise if self.solver_type == "ER-SDE" else partial(reverse_sde_noise, eta=eta),
            max_stage=self.max_stage,
            s_noise=0.0 if deterministic else self.s_noise,
        )
        return replace(sampler, sample=sample, history=max(1, self.max_stage - 1))


@dataclass(frozen=True, slots=True)
class StochasticAdams:
    """The stochasticity `eta` between two sigmas, and the numbers of predictions used, 1..6 and 0..6 for the corrector.

    With `simple_order_2`, two predictions are weighted by the paper's short formula.
    """

    fits: ClassVar = ("sa_solver", "sa_solver_pece")
    start_sigma: float
    end_sigma: float
    eta: float = 1.0
    s_noise: float = 1.0
    predictor_order: int = 3
    corrector_order: int = 4
    simple_order_2: bool = False

    def laid_over(self, sampler: Sampler) -> Sampler:
        sample = _chosen(
            sampler,
            tau=tau_between(self.start_sigma, self.end_sigma, self.eta),
            s_noise=self.s_noise,
            predictor_order=self.predictor_order,
            corrector_order=self.corrector_order,
            simple_order_2=self.simple_order_2,
        )
        return replace(sampler, sample=sample, history=max(1, self.predictor_order - 1, self.corrector_order - 1))


@dataclass(frozen=True, slots=True)
class AlternativeCfgPp:
    """Noise is added back along the unconditional prediction mirrored in the guided one."""

    fits: ClassVar = ("euler_cfg_pp",)

    def laid_over(self, sampler: Sampler) -> Sampler:
        return replace(sampler, sample=euler_cfg_pp_alternative)


@dataclass(frozen=True, slots=True)
class Growing:
    """The latent grows to `scale_ratio` times its size over `scale_steps` steps, one more than there are at the
    most; -1 is the first half of them all, 0 not at all."""

    fits: ClassVar = ("lcm",)
    scale_ratio: float = 1.0
    scale_steps: int = -1
    upscale_method: str = "bislerp"

    def laid_over(self, sampler: Sampler) -> Sampler:
        return replace(sampler, sample=self._sample, noise=self._noise, looks_ahead=True, resizes=True)

    def _scales(self, sigmas: Tensor) -> tuple[float, ...]:
        steps = max(1, len(sigmas) // 2) if self.scale_steps < 0 else min(self.scale_steps, len(sigmas))
        return growing_scales(self.scale_ratio, steps)

    def _sample(self, denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()) -> Iterator[Step]:
        return lcm_growing(denoise, x, sigmas, noise, past, scales=self._scales(sigmas), method=self.upscale_method)

    def _noise(self, seed: int, like: Tensor, sigmas: Tensor, drawn: int) -> Noise:
        return growing_noise(seed, like, sigmas, drawn, scales=self._scales(sigmas))


SamplerOptions: TypeAlias = (
    Growing
    | Stochastic
    | StochasticMidpoint
    | Multistep
    | Adaptive
    | ExtendedReverseSde
    | StochasticAdams
    | AlternativeCfgPp
)


def _chosen(sampler: Sampler, **values: object) -> Sample:
    """The function of a sampler with some of its own parameters, which its protocol does not know, set."""
    sample: Sample = partial(cast("Callable[..., Iterator[Step]]", sampler.sample), **values)
    return sample
