"""Patches of a model's guidance and schedule: how predictions are combined, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final, Literal

from graph.declare import Choices, Range, node
from nodes.builtin.model_patches import Factor, patched
from nodes.builtin.sampling import Cfg
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
from nodes.diffusion.conditioning import with_shared_hints
from nodes.diffusion.config import ContinuousNoise, Prediction
from nodes.errors import UnsuitableInput
from nodes.sockets import Conditioning, Guider, Model

Scale = Annotated[float, Range(0.0, 100.0, 0.01)]
Bound = Annotated[float, Range(0.0, 1000.0, 0.001)]

_READ_AS: Final[Mapping[str, Prediction]] = {
    "eps": "eps",
    "v_prediction": "v",
    "lcm": "lcm",
    "x0": "x0",
    "img_to_img": "edit",
}
_EDM_READ_AS: Final[Mapping[str, Prediction | None]] = {
    "v_prediction": "v",
    "edm": "edm",
    "edm_playground_v2.5": None,
    "eps": "eps",
    "cosmos_rflow": None,
}
_LCM_TIMESTEPS: Final = 50


@node("ModelSamplingDiscrete", category="advanced/model", returns="MODEL", lane="inline")
def model_sampling_discrete(
    *, model: Model, sampling: Literal["eps", "v_prediction", "lcm", "x0", "img_to_img"], zsnr: bool = False
) -> Model:
    """Say what the model predicts, and whether its schedule ends in pure noise. `lcm` is for latent consistency models."""
    schedule = replace(
        model.weights.config.schedule,
        prediction=_READ_AS[sampling],
        zero_terminal_snr=zsnr,
        distilled_timesteps=_LCM_TIMESTEPS if sampling == "lcm" else None,
        continuous=None,
    )
    return replace(model, schedule=schedule)


@node("ModelSamplingContinuousEDM", category="advanced/model", returns="MODEL", lane="inline")
def model_sampling_continuous_edm(
    *,
    model: Model,
    sampling: Annotated[str, Choices(tuple(_EDM_READ_AS))],
    sigma_max: Bound = 120.0,
    sigma_min: Bound = 0.002,
) -> Model:
    """For models trained on continuous noise, as CosXL is: what they predict, and between which noise levels."""
    prediction = _EDM_READ_AS[sampling]
    if prediction is None:
        raise UnsuitableInput(
            f"models that sample by {sampling!r} are not known here", hint="Use v_prediction, edm or eps."
        )
    return _over_continuous_noise(model, prediction, sigma_min, sigma_max, "log")


@node("ModelSamplingContinuousV", category="advanced/model", returns="MODEL", lane="inline")
def model_sampling_continuous_v(
    *, model: Model, sampling: Literal["v_prediction"], sigma_max: Bound = 500.0, sigma_min: Bound = 0.03
) -> Model:
    """For models of velocity that are told the noise level as an angle."""
    del sampling  # there is one
    return _over_continuous_noise(model, "v", sigma_min, sigma_max, "angle")


def _over_continuous_noise(
    model: Model, prediction: Prediction, low: float, high: float, told_as: Literal["log", "angle"]
) -> Model:
    if not 0.0 < low < high:
        raise UnsuitableInput(f"sigma_min must be above 0 and below sigma_max, not {low} and {high}")
    noise = ContinuousNoise(low, high, told_as)
    return replace(model, schedule=replace(model.weights.config.schedule, prediction=prediction, continuous=noise))


@node("RescaleCFG", category="advanced/model", returns="MODEL", lane="inline")
def rescale_cfg(*, model: Model, multiplier: Annotated[float, Range(0.0, 1.0, 0.01)] = 0.7) -> Model:
    """Keep guidance from washing out or burning colours: its contrast is drawn back to that of the positive prompt."""
    return patched(model, RescaleCfg(multiplier))


@node(
    "Mahiro",
    display_name="Mahiro is so cute that she deserves a better guidance function!! (。・ω・。)",
    category="_for_testing",
    returns="patched_model",
    lane="inline",
    experimental=True,
)
def mahiro(*, model: Model) -> Model:
    """Guidance that leans towards the positive prompt where the negative one is unlike it."""
    return patched(model, Mahiro())


@node(
    "TCFG", display_name="Tangential Damping CFG", category="advanced/guidance", returns="patched_model", lane="inline"
)
def tcfg(*, model: Model) -> Model:
    """Keep only that part of the negative prompt that lies along what both prompts say."""
    return patched(model, TangentialDamping())


@node("CFGNorm", category="advanced/guidance", returns="patched_model", lane="inline", experimental=True)
def cfg_norm(*, model: Model, strength: Scale = 1.0) -> Model:
    """Guidance no stronger, in any cell, than the positive prompt alone."""
    return patched(model, CfgNorm(strength))


@node("CFGZeroStar", category="advanced/guidance", returns="patched_model", lane="inline")
def cfg_zero_star(*, model: Model) -> Model:
    """Guidance from the negative prompt scaled to fit the positive one."""
    return patched(model, CfgZeroStar())


@node(
    "APG",
    display_name="Adaptive Projected Guidance",
    category="sampling/custom_sampling",
    returns="MODEL",
    lane="inline",
)
def apg(
    *,
    model: Model,
    eta: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0,
    norm_threshold: Annotated[float, Range(0.0, 50.0, 0.1)] = 5.0,
    momentum: Annotated[float, Range(-5.0, 1.0, 0.01)] = 0.0,
) -> Model:
    """Guidance of bounded strength, its part along the prediction weighed by eta: high cfg without burnt colours."""
    return patched(model, AdaptiveProjected(eta, norm_threshold, momentum))


@node("FreSca", category="_for_testing", returns="MODEL", lane="inline", experimental=True)
def fresca(
    *,
    model: Model,
    scale_low: Factor = 1.0,
    scale_high: Factor = 1.25,
    freq_cutoff: Annotated[int, Range(1, 10000, 1)] = 20,
) -> Model:
    """Scale coarse and fine parts of guidance apart: more of the fine gives more detail."""
    return patched(model, FrequencyScaling(scale_low, scale_high, freq_cutoff))


@node("Epsilon Scaling", category="model_patches/unet", returns="MODEL", lane="inline")
def epsilon_scaling(*, model: Model, scaling_factor: Annotated[float, Range(0.5, 1.5, 0.001)] = 1.005) -> Model:
    """Divide the predicted noise by a factor: a little above 1 gives more detail."""
    return patched(model, EpsilonScaling(scaling_factor))


@node(
    "PerpNeg",
    display_name="Perp-Neg (DEPRECATED by PerpNegGuider)",
    category="_for_testing",
    returns="MODEL",
    lane="inline",
    deprecated=True,
    experimental=True,
)
def perp_neg(*, model: Model, empty_conditioning: Conditioning, neg_scale: Scale = 1.0) -> Model:
    """Guide away from the negative prompt only where that takes nothing from the positive one."""
    return patched(model, PerpendicularNegative(empty_conditioning.entries, neg_scale))


@node("PerpNegGuider", category="_for_testing", returns="GUIDER", lane="inline", experimental=True)
def perp_neg_guider(
    *,
    model: Model,
    positive: Conditioning,
    negative: Conditioning,
    empty_conditioning: Conditioning,
    cfg: Cfg = 8.0,
    neg_scale: Scale = 1.0,
) -> Guider:
    """Towards one prompt, and away from another only where that takes nothing from the first."""
    empty = with_shared_hints(positive.entries, empty_conditioning.entries)
    patch = PerpendicularNegative(empty, neg_scale, always_both=True)
    return Guider(patched(model, patch), positive, negative, cfg)
