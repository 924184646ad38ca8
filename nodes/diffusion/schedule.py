"""The forward process of training as noise levels, and the way between timesteps and sigmas.

A diffusion model was trained on discrete timesteps; samplers work with sigma, the standard deviation of the noise
relative to the clean latent (Karras et al., 2022). `NoiseSchedule` is the map between both. How a sampler spaces its
steps over it is `schedulers.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nodes.diffusion.config import ContinuousNoise, ScheduleConfig

# What the last cumulative alpha of a zero-terminal-SNR schedule is set to, so that its sigma stays finite.
_TERMINAL_ALPHA = 4.8973451890853435e-08
_BEYOND_ANY_SIGMA = 999999999.9
_LOG_SCALE = 0.25
_TABLE = 1000


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """Sigma at each timestep that the network knows: float32, ascending, one-dimensional.

    A network knows every `stride`-th timestep of its training, the last one among them.
    """

    sigmas: Tensor
    stride: int = 1

    @property
    def log_sigmas(self) -> Tensor:
        return self.sigmas.log()

    @property
    def sigma_min(self) -> float:
        return float(self.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.sigmas[-1])

    @property
    def timesteps(self) -> int:
        """How many the network knows."""
        return len(self.sigmas)

    @property
    def first_timestep(self) -> float:
        """The timestep of the least noise."""
        return self.stride - 1

    @property
    def last_timestep(self) -> float:
        """The timestep of the most noise."""
        return self.timesteps * self.stride - 1

    def sigma(self, timestep: Tensor) -> Tensor:
        """Sigma at timesteps of any shape, which may be fractional: linear between neighbours in log sigma."""
        t = ((timestep.float() - self.first_timestep) / self.stride).clamp(0, self.timesteps - 1)
        low, high, weight = t.floor().long(), t.ceil().long(), t.frac()
        log_sigmas = self.log_sigmas
        return ((1 - weight) * log_sigmas[low] + weight * log_sigmas[high]).exp()

    def timestep(self, sigma: Tensor) -> Tensor:
        """The training timestep nearest in log sigma, as float32 of the same shape: what the network is told."""
        distances = (sigma.cpu().log().reshape(-1, 1) - self.log_sigmas).abs()  # (N, timesteps)
        known = distances.argmin(dim=1) * self.stride + self.first_timestep
        return known.reshape(sigma.shape).to(sigma.device, torch.float32)

    def percent_to_sigma(self, percent: float) -> float:
        """Sigma after this share (0..1) of training timesteps; beyond every sigma at 0, zero at 1."""
        if percent <= 0.0:
            return _BEYOND_ANY_SIGMA
        if percent >= 1.0:
            return 0.0
        return float(self.sigma(torch.tensor((1.0 - percent) * self.last_timestep)))


@dataclass(frozen=True, eq=False)
class ContinuousSchedule(NoiseSchedule):
    """Noise levels between two bounds. `sigmas` is a table of them, evenly spaced in log sigma, for those who want one."""

    noise: ContinuousNoise = ContinuousNoise(0.002, 120.0)

    @property
    def first_timestep(self) -> float:
        return float(self.timestep(torch.tensor(self.noise.sigma_min)))

    @property
    def last_timestep(self) -> float:
        return float(self.timestep(torch.tensor(self.noise.sigma_max)))

    def sigma(self, timestep: Tensor) -> Tensor:
        if self.noise.told_as == "log":
            return (timestep.float() / _LOG_SCALE).exp()
        return (timestep.float() * (math.pi / 2)).tan()

    def timestep(self, sigma: Tensor) -> Tensor:
        if self.noise.told_as == "log":
            return _LOG_SCALE * sigma.float().log()
        return sigma.float().atan() / math.pi * 2

    def percent_to_sigma(self, percent: float) -> float:
        """Sigma after this share (0..1) of the way in log sigma; beyond every sigma at 0, zero at 1."""
        if percent <= 0.0:
            return _BEYOND_ANY_SIGMA
        if percent >= 1.0:
            return 0.0
        low, high = math.log(self.noise.sigma_min), math.log(self.noise.sigma_max)
        return math.exp((high - low) * (1.0 - percent) + low)


def noise_schedule(config: ScheduleConfig) -> NoiseSchedule:
    """The noise schedule that a model was trained with (Ho et al., 2020; scaled linear: Rombach et al., 2022)."""
    if config.continuous is not None:
        low, high = math.log(config.continuous.sigma_min), math.log(config.continuous.sigma_max)
        return ContinuousSchedule(torch.linspace(low, high, _TABLE).exp(), noise=config.continuous)
    alphas_cumprod = torch.cumprod(1.0 - _betas(config), dim=0)
    if config.zero_terminal_snr:
        alphas_cumprod = _rescale_zero_terminal_snr(alphas_cumprod)
    sigmas = ((1.0 - alphas_cumprod) / alphas_cumprod).sqrt().float()
    stride = 1 if config.distilled_timesteps is None else config.timesteps // config.distilled_timesteps
    return NoiseSchedule(sigmas[stride - 1 :: stride], stride)


def _rescale_zero_terminal_snr(alphas_cumprod: Tensor) -> Tensor:
    """The schedule shifted and scaled to end in (almost) pure noise (Lin et al., 2023, algorithm 1)."""
    root = alphas_cumprod.sqrt()
    rescaled: Tensor = ((root - root[-1]) * (root[0] / (root[0] - root[-1]))) ** 2
    rescaled[-1] = _TERMINAL_ALPHA
    return rescaled


def _betas(config: ScheduleConfig) -> Tensor:
    if config.betas == "squaredcos_cap_v2":
        return _cosine_betas(config.timesteps)
    if config.betas == "linear":
        return torch.linspace(config.beta_start, config.beta_end, config.timesteps, dtype=torch.float64)
    start, end = config.beta_start**0.5, config.beta_end**0.5
    return torch.linspace(start, end, config.timesteps, dtype=torch.float64) ** 2


def _cosine_betas(timesteps: int) -> Tensor:
    """Nichol and Dhariwal (2021), equation 17 with s = 0.008; no beta is above 0.999."""
    times = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    alphas_cumprod = ((times + 0.008) / 1.008 * math.pi / 2).cos() ** 2
    return (1.0 - alphas_cumprod[1:] / alphas_cumprod[:-1]).clamp(max=0.999)
