"""Patches that apply an operation on latents to guidance: to what the positive side predicts beyond the negative one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from nodes.diffusion.latent_operations import LatentFunction, Sharpen, TonemapReinhard
from nodes.diffusion.patching import Hooks, Patch, Predictions, Start


@dataclass(frozen=True, slots=True)
class TonemapGuidance:
    """Guidance without extremes."""

    multiplier: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(before=partial(_applied, TonemapReinhard(self.multiplier)))


@dataclass(frozen=True, slots=True)
class SharpenGuidance:
    """Guidance with sharper differences from place to place."""

    radius: int
    sigma: float
    alpha: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(before=partial(_applied, Sharpen(self.radius, self.sigma, self.alpha)))


def guidance_patch(function: LatentFunction) -> Patch:
    """The patch that applies an operation."""
    match function:
        case TonemapReinhard(multiplier):
            return TonemapGuidance(multiplier)
        case Sharpen(radius, sigma, alpha):
            return SharpenGuidance(radius, sigma, alpha)


def _applied(function: LatentFunction, seen: Predictions) -> Predictions:
    """Without a negative prediction, the operation is done to the positive one as it is."""
    if not seen.both:
        return replace(seen, positive=function(seen.positive))
    return replace(seen, positive=function(seen.positive - seen.negative) + seen.negative)
