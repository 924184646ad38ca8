"""Sampling methods as handles: one by name, and those with options of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from graph.declare import Range, node
from nodes.builtin.ranges import Percent, Share
from nodes.builtin.sampling import SamplerName
from nodes.diffusion.samplers.options import (
    Adaptive,
    AlternativeCfgPp,
    ErSdeType,
    ExtendedReverseSde,
    Growing,
    Multistep,
    SamplerOptions,
    Stochastic,
    StochasticAdams,
    StochasticMidpoint,
)
from nodes.diffusion.schedule import noise_schedule
from nodes.errors import UnsuitableInput
from nodes.sockets import Model, Sampler

Amount = Annotated[float, Range(0.0, 100.0, 0.01)]
NoiseDevice = Literal["gpu", "cpu"]

_CATEGORY = "sampling/custom_sampling/samplers"


@node("KSamplerSelect", category=_CATEGORY, returns="SAMPLER", lane="inline", words=("sampler",))
def ksampler_select(*, sampler_name: SamplerName) -> Sampler:
    """A sampling method."""
    return Sampler(sampler_name)


@node("SamplerDPMPP_3M_SDE", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_dpmpp_3m_sde(*, eta: Amount = 1.0, s_noise: Amount = 1.0, noise_device: NoiseDevice) -> Sampler:
    """DPM-Solver++(3M) SDE."""
    return Sampler(_drawn_on(noise_device, "dpmpp_3m_sde"), Stochastic(eta, s_noise))


@node("SamplerDPMPP_2M_SDE", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_dpmpp_2m_sde(
    *, solver_type: Literal["midpoint", "heun"], eta: Amount = 1.0, s_noise: Amount = 1.0, noise_device: NoiseDevice
) -> Sampler:
    """DPM-Solver++(2M) SDE."""
    name = "dpmpp_2m_sde" if solver_type == "midpoint" else "dpmpp_2m_sde_heun"
    return Sampler(_drawn_on(noise_device, name), Stochastic(eta, s_noise))


@node("SamplerDPMPP_SDE", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_dpmpp_sde(
    *, eta: Amount = 1.0, s_noise: Amount = 1.0, r: Amount = 0.5, noise_device: NoiseDevice
) -> Sampler:
    """DPM-Solver++ SDE, with a prediction the share `r` of the way through each step."""
    return Sampler(_drawn_on(noise_device, "dpmpp_sde"), _valid(lambda: StochasticMidpoint(eta, s_noise, r)))


@node("SamplerDPMPP_2S_Ancestral", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_dpmpp_2s_ancestral(*, eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """DPM-Solver++(2S), ancestral."""
    return Sampler("dpmpp_2s_ancestral", Stochastic(eta, s_noise))


@node("SamplerEulerAncestral", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_euler_ancestral(*, eta: Amount = 1.0, s_noise: Amount = 1.0) -> Sampler:
    """Euler's method, ancestral."""
    return Sampler("euler_ancestral", Stochastic(eta, s_noise))


@node(
    "SamplerEulerAncestralCFGPP",
    display_name="SamplerEulerAncestralCFG++",
    category=_CATEGORY,
    returns="SAMPLER",
    lane="inline",
)
def sampler_euler_ancestral_cfg_pp(
    *, eta: Share = 1.0, s_noise: Annotated[float, Range(0.0, 10.0, 0.01)] = 1.0
) -> Sampler:
    """Euler's method, ancestral, in the CFG++ form."""
    return Sampler("euler_ancestral_cfg_pp", Stochastic(eta, s_noise))


@node("SamplerLMS", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_lms(*, order: Annotated[int, Range(1, 100)] = 4) -> Sampler:
    """Linear multistep, from so many steps."""
    return Sampler("lms", Multistep(order))


@node("SamplerDPMAdaptative", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_dpm_adaptive(
    *,
    order: Annotated[int, Range(2, 3)] = 3,
    rtol: Amount = 0.05,
    atol: Amount = 0.0078,
    h_init: Amount = 0.05,
    pcoeff: Amount = 0.0,
    icoeff: Amount = 1.0,
    dcoeff: Amount = 0.0,
    accept_safety: Amount = 0.81,
    eta: Amount = 0.0,
    s_noise: Amount = 1.0,
) -> Sampler:
    """DPM-Solver with steps of its own choosing, as long as tolerances allow."""
    options = _valid(lambda: Adaptive(order, rtol, atol, h_init, pcoeff, icoeff, dcoeff, accept_safety, eta, s_noise))
    return Sampler("dpm_adaptive", options)


@node("SamplerER_SDE", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_er_sde(
    *,
    solver_type: ErSdeType,
    max_stage: Annotated[int, Range(1, 3)] = 3,
    eta: Amount = 1.0,
    s_noise: Amount = 1.0,
) -> Sampler:
    """Extended reverse-time SDE solver. `eta` is for the reverse-time SDE alone."""
    return Sampler("er_sde", ExtendedReverseSde(solver_type, max_stage, eta, s_noise))


@node("SamplerSASolver", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_sa_solver(
    *,
    model: Model,
    eta: Annotated[float, Range(0.0, 10.0, 0.01)] = 1.0,
    sde_start_percent: Percent = 0.2,
    sde_end_percent: Percent = 0.8,
    s_noise: Amount = 1.0,
    predictor_order: Annotated[int, Range(1, 6)] = 3,
    corrector_order: Annotated[int, Range(0, 6)] = 4,
    use_pece: bool,
    simple_order_2: bool,
) -> Sampler:
    """Stochastic Adams methods, which add noise between two shares of the model's schedule."""
    schedule = noise_schedule(model.config.schedule)
    start, end = schedule.percent_to_sigma(sde_start_percent), schedule.percent_to_sigma(sde_end_percent)
    options = StochasticAdams(start, end, eta, s_noise, predictor_order, corrector_order, simple_order_2)
    return Sampler("sa_solver_pece" if use_pece else "sa_solver", options)


@node(
    "SamplerEulerCFGpp",
    display_name="SamplerEulerCFG++",
    category="_for_testing",
    returns="SAMPLER",
    lane="inline",
    experimental=True,
)
def sampler_euler_cfg_pp(*, version: Literal["regular", "alternative"]) -> Sampler:
    """Euler's method in one of two CFG++ forms."""
    return Sampler("euler_cfg_pp", AlternativeCfgPp() if version == "alternative" else None)


@node("SamplerLCMUpscale", category=_CATEGORY, returns="SAMPLER", lane="inline")
def sampler_lcm_upscale(
    *,
    scale_ratio: Annotated[float, Range(0.1, 20.0, 0.01)] = 1.0,
    scale_steps: Annotated[int, Range(-1, 1000, 1)] = -1,
    upscale_method: Literal["bislerp", "nearest-exact", "bilinear", "area", "bicubic"],
) -> Sampler:
    """LCM sampling of a latent that grows on the way, over `scale_steps` steps (-1: over half of them all).

    Masks, areas and pictures that a model is shown belong to one size: with any of them the sampler refuses.
    """
    return Sampler("lcm", Growing(scale_ratio, scale_steps, upscale_method))


def _drawn_on(device: NoiseDevice, name: str) -> str:
    return f"{name}_gpu" if device == "gpu" else name


def _valid(make: Callable[[], SamplerOptions]) -> SamplerOptions:
    """Options, or their complaint as an error of the node."""
    try:
        return make()
    except ValueError as error:
        raise UnsuitableInput(str(error)) from None
