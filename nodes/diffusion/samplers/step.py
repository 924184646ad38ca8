"""The contract of every sampler: what it is given, and what it yields after each step.

A sampler is a generator function `(denoise, x, sigmas, noise, past) -> Iterator[Step]`. It holds nothing between steps
that is not in the steps it yielded, so whoever iterates can show progress, stop, keep steps, and go on later by
passing the last ones back as `past`. Sigmas are zero-dimensional float32 tensors on the CPU throughout.

Formulas are in the coordinates of Karras et al. (2022): x = latent + sigma * noise, without the scale of
variance-preserving models. Papers that write alpha and lambda = log(alpha / sigma) have alpha = 1 here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nodes.diffusion.schedule import NoiseSchedule


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One finished step: it went from `sigma` to `sigma_next` and arrived at `x`, having predicted `denoised`.

    `index` counts from 0 to `total - 1`; an adaptive sampler only estimates `total` until its last step. `x` and `denoised`
    are [B, C, h, w] in the network's scaled latent space. `carry` is what the sampler itself wants to be told of this step
    later, and `drawn` how many draws of noise the run had made when the step was done.
    """

    index: int
    total: int
    sigma: float
    sigma_next: float
    x: Tensor
    denoised: Tensor
    carry: tuple[Tensor, ...] = ()
    drawn: int = 0


Past = tuple[Step, ...]


class Denoise(Protocol):
    """The model as samplers see it: a noisy latent [B, C, h, w] and its sigma to a prediction of the clean latent."""

    @property
    def schedule(self) -> NoiseSchedule:
        """The noise that the model was trained on, for samplers that treat parts of it differently."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The guided prediction."""

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided and the unconditional prediction, for samplers that step along the latter."""


class Noise(Protocol):
    """Standard normal noise of the latent's shape for going from one sigma to the next."""

    def __call__(self, sigma: Tensor, sigma_next: Tensor) -> Tensor: ...


class Sample(Protocol):
    """A sampler. `past` holds finished steps, oldest first, of which `x` is the last result; empty at the start."""

    def __call__(
        self, denoise: Denoise, x: Tensor, sigmas: Tensor, noise: Noise, past: Past = ()
    ) -> Iterator[Step]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """One step that is to be taken."""

    index: int
    total: int
    sigma: Tensor
    sigma_next: Tensor

    @property
    def is_last(self) -> bool:
        """Whether the step arrives at no noise at all."""
        return bool(self.sigma_next == 0)

    def arrive(self, x: Tensor, denoised: Tensor, *carry: Tensor) -> Step:
        return Step(self.index, self.total, float(self.sigma), float(self.sigma_next), x, denoised, carry)


def intervals(sigmas: Tensor, past: Past) -> Iterator[Interval]:
    """The steps over sigmas that are still to be taken after `past`."""
    sigmas = sigmas.detach().cpu()
    total = len(sigmas) - 1
    for index in range(past[-1].index + 1 if past else 0, total):
        yield Interval(index, total, sigmas[index], sigmas[index + 1])


def latest(steps: Past, count: int) -> Past:
    """The last `count` of some steps, oldest first; fewer where there are fewer."""
    return steps[max(0, len(steps) - count) :]


def derivative(x: Tensor, sigma: Tensor, denoised: Tensor) -> Tensor:
    """dx/dsigma of the probability flow ODE (Karras et al., 2022, equation 3 with s = 1)."""
    return (x - denoised) / sigma


def ancestral_sigmas(sigma: Tensor, sigma_next: Tensor, eta: float = 1.0) -> tuple[Tensor, Tensor]:
    """How far to go down, and how much noise to add, to arrive at `sigma_next` ancestrally (Song et al., 2021, DDIM).

    Returns (sigma_down, sigma_up) with sigma_down^2 + sigma_up^2 = sigma_next^2; eta 0 adds no noise, and may go up as well.
    """
    if eta == 0.0:
        return sigma_next, sigma_next.new_zeros(())
    variance = sigma_next**2 * (sigma**2 - sigma_next**2) / sigma**2
    # On the way up there is no such noise: all of `sigma_next` is drawn anew.
    sigma_up = torch.where(variance < 0, sigma_next, (eta * variance.clamp(min=0).sqrt()).minimum(sigma_next))
    return (sigma_next**2 - sigma_up**2).sqrt(), sigma_up
