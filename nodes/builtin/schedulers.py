"""The spacings of steps that have a node of their own: which sigmas a number of steps visits."""

from __future__ import annotations

from typing import Annotated

from graph.declare import Range, node
from nodes.builtin.ranges import Share
from nodes.builtin.sampling import SchedulerName, Steps
from nodes.diffusion.align_your_steps import AlignedModel, align_your_steps_sigmas
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import (
    SCHEDULERS,
    beta_sigmas,
    exponential_sigmas,
    karras_sigmas,
    laplace_sigmas,
    partial_sigmas,
    polyexponential_sigmas,
    sd_turbo_sigmas,
    vp_sigmas,
)
from nodes.errors import UnsuitableInput
from nodes.sockets import Model, Sigmas

Level = Annotated[float, Range(0.0, 5000.0, 0.01)]
Shape = Annotated[float, Range(0.0, 50.0, 0.01)]
Rho = Annotated[float, Range(0.0, 100.0, 0.01)]


@node("BasicScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS", words=("sigmas",))
def basic_scheduler(*, model: Model, scheduler: SchedulerName, steps: Steps = 20, denoise: Share = 1.0) -> Sigmas:
    """The noise levels that a number of steps visit: of a spacing that has more, the last."""
    schedule = noise_schedule(model.config.schedule)
    return Sigmas(partial_sigmas(SCHEDULERS[scheduler], schedule, steps, denoise)[-(steps + 1) :])


@node("KarrasScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def karras_scheduler(
    *, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675, rho: Rho = 7.0
) -> Sigmas:
    """Noise levels spaced as by Karras et al., 2022."""
    if rho == 0.0:
        raise UnsuitableInput("rho must be above 0")
    return Sigmas(karras_sigmas(steps, sigma_min, sigma_max, rho))


@node("ExponentialScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def exponential_scheduler(*, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675) -> Sigmas:
    """Noise levels that fall by the same factor each step."""
    _expect_positive(sigma_min, sigma_max)
    return Sigmas(exponential_sigmas(steps, sigma_min, sigma_max))


@node("PolyexponentialScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def polyexponential_scheduler(
    *, steps: Steps = 20, sigma_max: Level = 14.614642, sigma_min: Level = 0.0291675, rho: Rho = 1.0
) -> Sigmas:
    """Noise levels whose logarithm falls with a power of the way that is left. Above 1 it dwells at small levels."""
    _expect_positive(sigma_min, sigma_max)
    return Sigmas(polyexponential_sigmas(steps, sigma_min, sigma_max, rho))


@node("LaplaceScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def laplace_scheduler(
    *,
    steps: Steps = 20,
    sigma_max: Level = 14.614642,
    sigma_min: Level = 0.0291675,
    mu: Annotated[float, Range(-10.0, 10.0, 0.1)] = 0.0,
    beta: Annotated[float, Range(0.0, 10.0, 0.1)] = 0.5,
) -> Sigmas:
    """Noise levels at the quantiles of a Laplace distribution. It is published without a last step to 0."""
    return Sigmas(laplace_sigmas(steps, sigma_min, sigma_max, mu, beta))


@node("SDTurboScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def sd_turbo_scheduler(*, model: Model, steps: Annotated[int, Range(1, 10)] = 1, denoise: Share = 1.0) -> Sigmas:
    """The noise levels that SD Turbo was distilled on, from the highest down."""
    return Sigmas(sd_turbo_sigmas(noise_schedule(model.config.schedule), steps, denoise))


@node("BetaSamplingScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def beta_sampling_scheduler(*, model: Model, steps: Steps = 20, alpha: Shape = 0.6, beta: Shape = 0.6) -> Sigmas:
    """Noise levels at the quantiles of a beta distribution."""
    if alpha == 0.0 or beta == 0.0:
        raise UnsuitableInput("alpha and beta must be above 0")
    return Sigmas(beta_sigmas(noise_schedule(model.config.schedule), steps, alpha, beta))


@node("VPScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def vp_scheduler(
    *,
    steps: Steps = 20,
    beta_d: Level = 19.9,
    beta_min: Level = 0.1,
    eps_s: Annotated[float, Range(0.0, 1.0, 0.0001)] = 0.001,
) -> Sigmas:
    """Noise levels at equal distances in the time of a variance-preserving process."""
    sigmas = vp_sigmas(steps, beta_d, beta_min, eps_s)
    if not bool(sigmas.isfinite().all()):
        raise UnsuitableInput(f"a beta_d of {beta_d:g} and a beta_min of {beta_min:g} lead to infinite noise")
    return Sigmas(sigmas)


@node("AlignYourStepsScheduler", category="sampling/custom_sampling/schedulers", returns="SIGMAS")
def align_your_steps_scheduler(
    *, model_type: AlignedModel, steps: Annotated[int, Range(1, 10000)] = 10, denoise: Share = 1.0
) -> Sigmas:
    """Noise levels optimised for a family of models (Sabour et al., 2024)."""
    return Sigmas(align_your_steps_sigmas(model_type, steps, denoise))


def _expect_positive(sigma_min: float, sigma_max: float) -> None:
    if sigma_max == 0.0 or sigma_min == 0.0:
        raise UnsuitableInput("sigma_max and sigma_min must be above 0")
