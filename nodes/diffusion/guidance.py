"""Classifier-free guidance over any number of prompts, each with its own part of the picture and of the schedule.

Ho and Salimans (2022), equation 6, on the prediction of the clean latent. The prediction of one side (positive or negative)
is the mean of its regions' predictions, weighted cell by cell. Regions of both sides whose inputs have one shape share a
call of the network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.conditioning import Area, Region, cell_weights
from nodes.diffusion.control import ControlHint
from nodes.diffusion.denoiser import Denoiser, NetworkCall, NetworkInputs, seen_through
from nodes.diffusion.patching import Hooks, NetworkChange, Predict, Predictions
from nodes.diffusion.schedule import NoiseSchedule

# Divides cells that no region covers: their prediction is 0.
_NO_WEIGHT = 1e-37
_MOST_CONTEXT_REPEATS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Guidance:
    """Predicts the clean latent from a noisy one under positive and negative regions. A sampler's `Denoise`."""

    denoiser: Denoiser
    positive: tuple[Region, ...]
    negative: tuple[Region, ...]
    cfg: float
    hooks: tuple[Hooks, ...] = ()

    @property
    def schedule(self) -> NoiseSchedule:
        return self.denoiser.schedule

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction; at a cfg of 1 the negative side has no say and is not computed."""
        both = not math.isclose(self.cfg, 1.0) or any(one.always_both for one in self.hooks)
        return self._guided(self._predictions(x, sigma, both=both))[0]

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the negative prediction."""
        return self._guided(self._predictions(x, sigma, both=True))

    def _predictions(self, x: Tensor, sigma: Tensor, *, both: bool) -> Predictions:
        if both:
            positive, negative = predict_sides(self.denoiser, x, sigma, [self.positive, self.negative])
        else:
            (positive,) = predict_sides(self.denoiser, x, sigma, [self.positive])
            negative = torch.zeros_like(x)
        return Predictions(x, sigma, self.cfg, positive, negative, both)

    def _guided(self, seen: Predictions) -> tuple[Tensor, Tensor]:
        for one in self.hooks:
            if one.before is not None:
                seen = one.before(seen)
        predict = _Predict(self.denoiser, seen.sigma, self.positive, self.negative)
        combine = next((one.combine for one in reversed(self.hooks) if one.combine is not None), classifier_free)
        guided = combine(seen, predict)
        for one in self.hooks:
            if one.after is not None:
                guided = one.after(seen, guided, predict)
        return guided, seen.negative


def classifier_free(seen: Predictions, predict: Predict) -> Tensor:  # noqa: ARG001 - one of several ways to combine
    """Ho and Salimans (2022), equation 6."""
    return seen.negative + (seen.positive - seen.negative) * seen.cfg


@dataclass(slots=True, eq=False)
class _Predict:
    """A `Predict` at one noise level."""

    denoiser: Denoiser
    sigma: Tensor
    positive: Sequence[Region]
    negative: Sequence[Region]

    def __call__(self, x: Tensor, regions: Sequence[Region], change: NetworkChange | None = None) -> Tensor:
        denoiser = self.denoiser if change is None else changed_denoiser(self.denoiser, [change])
        (prediction,) = predict_sides(denoiser, x, self.sigma, [regions])
        return prediction


def changed_denoiser(denoiser: Denoiser, changes: Sequence[NetworkChange]) -> Denoiser:
    """A denoiser whose network is seen through some changes, the first of them outermost."""
    return replace(denoiser, network=seen_through(denoiser.network, changes[::-1]))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One region's share of the work: its cut of x, and where its prediction goes."""

    side: int
    x: Tensor
    inputs: NetworkInputs
    area: Area
    weight: Tensor


def predict_sides(
    denoiser: Denoiser, x: Tensor, sigma: Tensor, sides: Sequence[Sequence[Region]]
) -> tuple[Tensor, ...]:
    """The weighted mean of the predictions of each side's regions that take part at this sigma."""
    sums = [torch.zeros_like(x) for _ in sides]
    weights = [torch.full_like(x, _NO_WEIGHT) for _ in sides]
    parts = [
        part
        for side, regions in enumerate(sides)
        for region in regions
        if (part := _part(side, region, x, float(sigma))) is not None
    ]
    for group in _groups(parts):
        for part, denoised in zip(group, _denoise_together(denoiser, group, sigma), strict=True):
            part.area.crop(sums[part.side]).add_(denoised * part.weight)
            part.area.crop(weights[part.side]).add_(part.weight)
    return tuple(total / weight for total, weight in zip(sums, weights, strict=True))


def _part(side: int, region: Region, x: Tensor, sigma: float) -> _Part | None:
    """What a region has to do at this sigma, if anything."""
    if not region.sigma_end <= sigma <= region.sigma_start:
        return None
    batch, _, height, width = x.shape
    area = (region.area or Area(height, width, 0, 0)).clipped(height, width)
    if area.cells == 0:
        return None
    inputs = _inputs_for(region.inputs, area, batch)
    return _Part(side, area.crop(x), inputs, area, cell_weights(region, area, x))


def _inputs_for(inputs: NetworkInputs, area: Area, batch: int) -> NetworkInputs:
    return NetworkInputs(
        context=repeat_to_batch(inputs.context, batch),
        y=None if inputs.y is None else repeat_to_batch(inputs.y, batch),
        concat=None if inputs.concat is None else repeat_to_batch(area.crop(inputs.concat), batch),
        controls=inputs.controls,
        views=inputs.views,
    )


def _groups(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """The parts in groups that one call of the network can answer."""
    waiting = list(parts)
    while waiting:
        first = waiting[0]
        yield [part for part in waiting if _fit(first, part)]
        waiting = [part for part in waiting if not _fit(first, part)]


def _fit(one: _Part, other: _Part) -> bool:
    fit = one.x.shape == other.x.shape and _shapes(one) == _shapes(other) and _contexts_fit(one, other)
    return fit and _hints(one) == _hints(other) and one.inputs.views == other.inputs.views


def _shapes(part: _Part) -> tuple[torch.Size | None, ...]:
    y, concat = part.inputs.y, part.inputs.concat
    return (None if y is None else y.shape, None if concat is None else concat.shape)


def _hints(part: _Part) -> list[ControlHint]:
    return [control.hint for control in part.inputs.controls]


def _contexts_fit(one: _Part, other: _Part) -> bool:
    """Whether repeating tokens brings two contexts to one length without much waste."""
    a, b = one.inputs.context, other.inputs.context
    common = math.lcm(a.shape[1], b.shape[1])
    return a.shape[2] == b.shape[2] and common // min(a.shape[1], b.shape[1]) <= _MOST_CONTEXT_REPEATS


def _denoise_together(denoiser: Denoiser, group: Sequence[_Part], sigma: Tensor) -> tuple[Tensor, ...]:
    """One call of the network for several parts; contexts are repeated to their least common length."""
    tokens = math.lcm(*(part.inputs.context.shape[1] for part in group))
    contexts = [part.inputs.context for part in group]
    inputs = NetworkInputs(
        context=torch.cat([context.repeat(1, tokens // context.shape[1], 1) for context in contexts]),
        y=_cat([part.inputs.y for part in group]),
        concat=_cat([part.inputs.concat for part in group]),
        controls=group[0].inputs.controls,
        views=group[0].inputs.views,
        parts=len(group),
    )
    call = NetworkCall(float(sigma), tuple(part.side for part in group), group[0].area.height, group[0].area.width)
    for observe in denoiser.observers:
        observe(call)
    denoised = denoiser(torch.cat([part.x for part in group]), sigma, inputs)
    return denoised.chunk(len(group))


def _cat(tensors: Sequence[Tensor | None]) -> Tensor | None:
    present = [tensor for tensor in tensors if tensor is not None]
    return torch.cat(present) if present else None
