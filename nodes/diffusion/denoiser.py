"""From a network that predicts noise or velocity to the prediction of the clean latent.

Samplers and guidance speak of sigma and of the denoised latent; a network is told a timestep and sees its input at unit
variance. This file is the one place where both meet (Karras et al., 2022, section 5 and appendix B.3; preconditioning of
variance-preserving models with unit data deviation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import torch
from torch import Tensor

from nodes.diffusion.config import Prediction
from nodes.diffusion.control import Control, ControlCall, control_residuals
from nodes.diffusion.schedule import NoiseSchedule
from nodes.diffusion.unet import ControlResiduals, UNet

_EDM_DEVIATION: Final = 0.5

View: TypeAlias = Callable[[UNet], UNet]
"""From a network to a view of it."""


class Network(Protocol):
    """A denoising network: x [B, C, h, w], timesteps [B], context [B, T, D], y [B, P] or None -> [B, 4, h, w].

    `control` is what control networks add on its way.
    """

    def __call__(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, control: ControlResiduals | None = None
    ) -> Tensor: ...


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInputs:
    """What conditions a network besides the noisy latent.

    context [B, T, D]; y [B, P] for families that take a vector; concat [B, c, h, w] for those that take more channels.
    The batch is `parts` equal parts put together, all of which are steered by the same `controls` and answered through the
    same `views` of the network, innermost first.
    """

    context: Tensor
    y: Tensor | None = None
    concat: Tensor | None = None
    controls: tuple[Control, ...] = ()
    parts: int = 1
    views: tuple[View, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkCall:
    """A call of the network about to be made: the noise level, the side of each equal part of its batch (0 positive,
    1 negative), and the size in cells."""

    sigma: float
    sides: tuple[int, ...]
    height: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Denoiser:
    """A network with the schedule it was trained on and what it predicts. `observers` are told of each call."""

    network: Network
    schedule: NoiseSchedule
    prediction: Prediction = "eps"
    observers: tuple[Callable[[NetworkCall], None], ...] = ()

    def __call__(self, x: Tensor, sigma: Tensor, inputs: NetworkInputs) -> Tensor:
        """The clean latent [B, 4, h, w] predicted from x [B, 4, h, w] with noise of deviation `sigma` (no dimensions)."""
        scaled = x if self.prediction == "edit" else x / (sigma**2 + data_deviation(self.prediction) ** 2).sqrt()
        timesteps = self.schedule.timestep(sigma).to(x.device).expand(x.shape[0])
        call = ControlCall(scaled, timesteps, inputs.context, inputs.y, inputs.parts)
        control = control_residuals(inputs.controls, call, float(sigma))
        if inputs.concat is not None:
            scaled = torch.cat([scaled, inputs.concat], dim=1)
        network = seen_through(self.network, inputs.views)
        output = network(scaled, timesteps, inputs.context, inputs.y, control).to(x.dtype)
        if self.prediction == "lcm":
            return denoised_from_consistency(x, output, sigma, timesteps)
        return PREDICTIONS[self.prediction](x, output, sigma)


def seen_through(network: Network, views: Sequence[View]) -> Network:
    """The network through some views, the first of them innermost."""
    for view in views:
        if not isinstance(network, UNet):
            raise TypeError(f"only a U-Net can be patched, not a {type(network).__name__}")
        network = view(network)
    return network


def denoised_from_eps(x: Tensor, eps: Tensor, sigma: Tensor) -> Tensor:
    """The clean latent, given the noise in x."""
    return x - eps * sigma


def data_deviation(prediction: Prediction) -> float:
    """The deviation of clean latents that a network's input and output are scaled by (Karras et al., 2022, table 1)."""
    return _EDM_DEVIATION if prediction == "edm" else 1.0


def denoised_from_edm(x: Tensor, output: Tensor, sigma: Tensor) -> Tensor:
    """The clean latent by the preconditioning of EDM: c_skip x + c_out output (Karras et al., 2022, table 1)."""
    variance = sigma**2 + _EDM_DEVIATION**2
    return x * (_EDM_DEVIATION**2 / variance) + output * (sigma * _EDM_DEVIATION / variance.sqrt())


def denoised_from_v(x: Tensor, v: Tensor, sigma: Tensor) -> Tensor:
    """The clean latent, given the velocity at x (Salimans and Ho, 2022, appendix D)."""
    return x / (sigma**2 + 1.0) - v * sigma / (sigma**2 + 1.0).sqrt()


def denoised_from_consistency(x: Tensor, eps: Tensor, sigma: Tensor, timesteps: Tensor) -> Tensor:
    """The clean latent from the noise in x, for latent consistency models (Luo et al., 2023, section 4.1): c_skip and c_out
    with a data deviation of 0.5 and timesteps [B] counted ten times."""
    deviation = 0.5
    time = (timesteps * 10.0)[:, None, None, None]
    c_skip = deviation**2 / (time**2 + deviation**2)
    c_out = time / (time**2 + deviation**2).sqrt()
    return c_out * denoised_from_eps(x, eps, sigma) + c_skip * x


def denoised_as_is(x: Tensor, output: Tensor, sigma: Tensor) -> Tensor:  # noqa: ARG001 - one of several predictions
    """The clean latent, when that is what the network predicts."""
    return output


PREDICTIONS: Final[Mapping[Prediction, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
    "eps": denoised_from_eps,
    "v": denoised_from_v,
    "edm": denoised_from_edm,
    "x0": denoised_as_is,
    "edit": denoised_as_is,
}


def add_noise(latent: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """The scaled latent with noise of deviation `sigma`."""
    return noise * sigma + latent


def initial_latent(latent: Tensor, noise: Tensor, sigma: Tensor, schedule: NoiseSchedule) -> Tensor:
    """What sampling starts from. At the schedule's largest sigma nothing of a picture is left in training, and the noise
    is scaled to the whole variance of a noised latent, sqrt(1 + sigma^2)."""
    first = float(sigma)
    is_full = math.isclose(first, schedule.sigma_max, rel_tol=1e-5) or first > schedule.sigma_max
    return noise * (1.0 + sigma**2).sqrt() + latent if is_full else add_noise(latent, noise, sigma)
