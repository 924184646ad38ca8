"""Patches of guidance: other ways to combine what the two sides predict.

All work on predictions of the clean latent [B, C, h, w]; a difference x - prediction is the predicted noise times sigma.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.conditioning import ConditioningEntry, Region, with_opposites
from nodes.diffusion.freeu import scale_frequencies
from nodes.diffusion.patching import Hooks, Predict, Predictions, Start

_PICTURE = (-1, -2, -3)
_TINY = 1e-8


@dataclass(frozen=True, slots=True)
class RescaleCfg:
    """Guidance on velocities, its deviation drawn back to that of the positive side (Lin et al., 2023, section 3.4)."""

    multiplier: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(combine=self._combine)

    def _combine(self, seen: Predictions, predict: Predict) -> Tensor:  # noqa: ARG002 - needs no more predictions
        variance = seen.sigma**2 + 1.0
        scaled = seen.x / variance

        def velocity(denoised: Tensor) -> Tensor:
            return (scaled - denoised) * variance.sqrt() / seen.sigma

        positive, negative = velocity(seen.positive), velocity(seen.negative)
        guided = negative + seen.cfg * (positive - negative)
        rescaled = guided * (_deviation(positive) / _deviation(guided))
        mixed = self.multiplier * rescaled + (1.0 - self.multiplier) * guided
        return scaled - mixed * seen.sigma / variance.sqrt()


@dataclass(frozen=True, slots=True)
class Mahiro:
    """Guidance drawn towards the scaled positive side where that is unlike the negative one."""

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(after=_mahiro)


@dataclass(frozen=True, slots=True)
class CfgNorm:
    """Guidance no longer, in any cell, than the positive prediction."""

    strength: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(after=self._after)

    def _after(self, seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:  # noqa: ARG002
        longest = torch.linalg.vector_norm(seen.positive, dim=1, keepdim=True)
        length = torch.linalg.vector_norm(guided, dim=1, keepdim=True)
        bounded: Tensor = guided * (longest / (length + _TINY)).clamp(0.0, 1.0)
        return bounded * self.strength


@dataclass(frozen=True, slots=True)
class CfgZeroStar:
    """The negative side scaled to fit the positive one best (Fan et al., 2025, "CFG-Zero*", equation 7)."""

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(after=_zero_star)


@dataclass(frozen=True, slots=True)
class TangentialDamping:
    """The negative side's noise, along the main direction of both sides only (Kwon et al., 2025, "TCFG")."""

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(before=_damped)


@dataclass(frozen=True, slots=True)
class AdaptiveProjected:
    """Guidance bounded in length, its part along the positive prediction scaled by eta (Sadat et al., 2024, "APG").

    Momentum is a running sum over the steps of a run; a `norm_threshold` of 0 is no bound.
    """

    eta: float
    norm_threshold: float
    momentum: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers differences, and starts without any
        return Hooks(before=self._before(_RunningDifference(self.momentum)))

    def _before(self, running: _RunningDifference) -> Callable[[Predictions], Predictions]:
        def before(seen: Predictions) -> Predictions:
            if seen.cfg == 0.0:
                return seen  # the positive side has no say, whatever is added to it
            difference = seen.positive - seen.negative
            step = running.add(difference, float(seen.sigma))
            if self.norm_threshold > 0.0:
                length = torch.linalg.vector_norm(step, dim=_PICTURE, keepdim=True)
                step = step * (self.norm_threshold / length).clamp(max=1.0)
            along, across = _split(step, seen.positive)
            positive = seen.negative + across + self.eta * along + difference / seen.cfg
            return replace(seen, positive=positive)

        return before


@dataclass(frozen=True, slots=True)
class FrequencyScaling:
    """The difference of both sides, its low and its high frequencies scaled apart (Huang et al., 2025, "FreSca").

    Low are those up to `cutoff` from zero, in cells of the spectrum.
    """

    low: float
    high: float
    cutoff: int

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(before=self._before)

    def _before(self, seen: Predictions) -> Predictions:
        if not seen.both:
            return seen
        difference = scale_frequencies(seen.positive - seen.negative, self.low, self.high, self.cutoff)
        return replace(seen, positive=difference + seen.negative)


@dataclass(frozen=True, slots=True)
class EpsilonScaling:
    """The guided noise divided by a factor, against exposure bias (Ning et al., 2024, section 4)."""

    factor: float

    def begin(self, start: Start) -> Hooks:  # noqa: ARG002 - remembers nothing
        return Hooks(after=self._after)

    def _after(self, seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:  # noqa: ARG002
        return seen.x - (seen.x - guided) / self.factor


@dataclass(frozen=True, slots=True, eq=False)
class PerpendicularNegative:
    """Away from the negative side only where it is perpendicular to the positive one, both seen from an empty prompt
    (Armandpour et al., 2023, "Perp-Neg", section 4). With `always_both` at a cfg of 1 too."""

    entries: tuple[ConditioningEntry, ...]
    scale: float
    always_both: bool = False

    def begin(self, start: Start) -> Hooks:
        regions = start.place(self.entries, "negative")

        def combine(seen: Predictions, predict: Predict) -> Tensor:
            empty = predict(seen.x, beside_both(predict, regions))
            positive, negative = seen.positive - empty, seen.negative - empty
            length = torch.linalg.vector_norm(positive).clamp(min=_TINY)  # 0 where the prompt is the empty one
            along = (negative * positive).sum() / length**2 * positive
            guided: Tensor = empty + seen.cfg * (positive - self.scale * (negative - along))
            return guided

        return Hooks(combine=combine, always_both=self.always_both)


def beside_both(predict: Predict, regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """The regions of a third prompt, with an opposite for each area of the other two."""
    return with_opposites(predict.negative, with_opposites(predict.positive, regions))


def _deviation(tensor: Tensor) -> Tensor:
    return tensor.std(dim=(1, 2, 3), keepdim=True)


def _mahiro(seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:  # noqa: ARG001
    leap, away = seen.positive * seen.cfg, seen.negative * seen.cfg
    between = (leap + guided) / 2.0
    likeness = 2.0 * (F.cosine_similarity(_signed_root(away), _signed_root(between)).mean() + 1.0)  # 0..4
    drawn: Tensor = (likeness * guided + (4.0 - likeness) * leap) / 4.0
    return drawn


def _signed_root(tensor: Tensor) -> Tensor:
    root: Tensor = tensor.abs().sqrt() * tensor.sign()
    return root


def _zero_star(seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:  # noqa: ARG001
    positive, negative = (seen.x - seen.positive).flatten(1), (seen.x - seen.negative).flatten(1)
    fit = (positive * negative).sum(dim=1) / ((negative**2).sum(dim=1) + _TINY)
    fit = fit[:, None, None, None]
    return guided + seen.negative * (fit - 1.0) * (1.0 - seen.cfg)


def _damped(seen: Predictions) -> Predictions:
    if not seen.both:
        return seen
    noises = torch.stack([(seen.x - side).flatten(1).float() for side in (seen.negative, seen.positive)], dim=1)
    main = torch.linalg.svd(noises, full_matrices=False).Vh[:, :1]  # (B, 1, C h w)
    along = (noises[:, :1] @ main.mT) * main
    return replace(seen, negative=seen.x - along.reshape_as(seen.x).to(seen.x.dtype))


@dataclass(slots=True)
class _RunningDifference:
    """The momentum of one run: forgotten when the noise level rises, which is the start of another pass."""

    momentum: float
    total: Tensor | None = None
    last_sigma: float | None = None

    def add(self, difference: Tensor, sigma: float) -> Tensor:
        if self.last_sigma is not None and sigma > self.last_sigma:
            self.total = None
        self.last_sigma = sigma
        if self.momentum == 0.0:
            return difference
        self.total = difference if self.total is None else self.momentum * self.total + difference
        return self.total


def _split(vector: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of a vector along a direction and across it, picture by picture."""
    length = torch.linalg.vector_norm(direction, dim=_PICTURE, keepdim=True).clamp(min=1e-12)
    unit = direction / length
    along = (vector * unit).sum(dim=_PICTURE, keepdim=True) * unit
    return along, vector - along
