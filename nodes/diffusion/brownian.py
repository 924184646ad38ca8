"""Brownian noise: draws for steps that overlap or follow each other belong to one path, whatever the steps.

A path W over sigma is made from one seed by halving: the increment over an interval is split at its middle with noise of
its own (Levy's construction), and the seed of that noise follows from the interval's place in the tree. So a path has no
state: W over any interval can be asked for at any time, and a run that goes on needs nothing but the seed. The tree, its
seeds and its resolution are those of torchsde's `BrownianTree` (Li et al., 2020), and so are the numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from nodes.diffusion.samplers.step import Noise

# Intervals end at multiples of a millionth.
_DIGITS = 6
_SEED_POOL = 24
# Two ways from the top of a tree to a millionth of sigma 14.6.
_KEPT = 48


def brownian_noise(seed: int, like: Tensor, sigmas: Tensor, drawn: int) -> Noise:  # noqa: ARG001
    """A path over the sigmas above 0, drawn on the CPU: the same on every device. Each draw has unit variance."""
    return _path_noise(seed, like, sigmas, torch.device("cpu"))


def brownian_noise_on_device(seed: int, like: Tensor, sigmas: Tensor, drawn: int) -> Noise:  # noqa: ARG001
    """The same, drawn where the latent is: faster there, and another path on every kind of device."""
    return _path_noise(seed, like, sigmas, like.device)


def _path_noise(seed: int, like: Tensor, sigmas: Tensor, device: torch.device) -> Noise:
    positive = sigmas[sigmas > 0].float()
    path = BrownianPath(seed, float(positive.min()), float(positive.max()), like.shape, like.dtype, device)

    def noise(sigma: Tensor, sigma_next: Tensor) -> Tensor:
        increment = path.increment(float(sigma), float(sigma_next))
        return (increment / (sigma_next - sigma).abs().sqrt()).to(like.device)

    return noise


@dataclass(frozen=True, slots=True)
class _Interval:
    """A node of the tree: the `place`-th of the 2^depth intervals at its depth."""

    start: float
    end: float
    depth: int = 0
    place: int = 0

    @property
    def middle(self) -> float:
        return round((self.start + self.end) / 2, _DIGITS)

    def halves(self) -> tuple[_Interval, _Interval]:
        left = _Interval(self.start, self.middle, self.depth + 1, 2 * self.place)
        return left, _Interval(self.middle, self.end, self.depth + 1, 2 * self.place + 1)


class BrownianPath:
    """Brownian motion from `start` to `end` with values of a shape. `seed` is 0..2**64 - 1.

    It keeps the noise that it used last, since the next step begins where this one ends.
    """

    def __init__(
        self, seed: int, start: float, end: float, shape: torch.Size, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._seed, self._start, self._end = seed, start, end
        self._shape, self._dtype, self._device = shape, dtype, device
        self._normal = lru_cache(_KEPT)(self._draw)

    def increment(self, at: float, until: float) -> Tensor:
        """W(until) - W(at), normal with variance |until - at|. Both are moved into the path's range."""
        whole = _Interval(round(self._start, _DIGITS), round(self._end, _DIGITS))
        a, b = (min(max(round(t, _DIGITS), whole.start), whole.end) for t in (at, until))
        if a == b:
            return torch.zeros(self._shape, dtype=self._dtype, device=self._device)
        w = self._normal() * math.sqrt(self._end - self._start)
        return self._within(whole, w, a, b) if a < b else -self._within(whole, w, b, a)

    def _within(self, interval: _Interval, w: Tensor, a: float, b: float) -> Tensor:
        """The part of an interval's increment `w` that falls between a and b."""
        if a <= interval.start and interval.end <= b:
            return w
        left, right = interval.halves()
        w_left = self._left(interval, w)
        if b <= left.end:
            return self._within(left, w_left, a, b)
        if a >= right.start:
            return self._within(right, w - w_left, a, b)
        return self._within(left, w_left, a, b) + self._within(right, w - w_left, a, b)

    def _left(self, interval: _Interval, w: Tensor) -> Tensor:
        """The increment over an interval's left half, given that over the whole (a Brownian bridge)."""
        before, after = interval.middle - interval.start, interval.end - interval.middle
        share = 1 / (interval.end - interval.start)
        deviation = math.sqrt(before * after * share)
        return before * w * share + deviation * self._normal(interval.place, interval.depth)

    def _draw(self, *place_and_depth: int) -> Tensor:
        seeds = np.random.SeedSequence(self._seed, spawn_key=place_and_depth, pool_size=_SEED_POOL)
        generator = torch.Generator(self._device).manual_seed(int(seeds.generate_state(1)[0]))
        return torch.randn(self._shape, dtype=self._dtype, device=self._device, generator=generator)
