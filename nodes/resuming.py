"""Going on with sampling where an earlier run stopped: what two runs have in common, told by the keys of their steps.

The key after a step is a hash of what decides the steps up to it, and of nothing else: the sigmas so far, and of prompts
and control networks what takes part at these. So a run that was cancelled goes on, and so does one with more steps at
its end, or with another prompt or another range for later ones. Samplers that look ahead, and models under patches, which
may, have all sigmas and ranges in every key: their states are for the same run only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import torch

from graph.context import Context
from graph.json import Json
from graph.states import States, Trail, state_key
from graph.values import Values
from nodes.diffusion.attention_guidance import PerturbedAttention
from nodes.diffusion.cfg_patches import (
    CfgNorm,
    CfgZeroStar,
    EpsilonScaling,
    FrequencyScaling,
    Mahiro,
    PerpendicularNegative,
    RescaleCfg,
    TangentialDamping,
)
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.deep_shrink import DeepShrink
from nodes.diffusion.differential import Differential
from nodes.diffusion.dual_guidance import ThirdAway, ThirdTowards
from nodes.diffusion.freeu import FreeU
from nodes.diffusion.samplers.step import Past, Step, latest
from nodes.diffusion.schedule import NoiseSchedule, noise_schedule
from nodes.memory.policy import Placement
from nodes.sockets import Conditioning, Guider, Latent, Noise, Sampler, Sigmas
from nodes.sockets.states import SamplingState
from nodes.weights.files import MappedFile
from nodes.weights.load import mapped_from

WITHOUT_MEMORY: Final = (
    CfgNorm,
    CfgZeroStar,
    DeepShrink,
    Differential,
    EpsilonScaling,
    FrequencyScaling,
    FreeU,
    Mahiro,
    PerpendicularNegative,
    PerturbedAttention,
    RescaleCfg,
    TangentialDamping,
    ThirdAway,
    ThirdTowards,
)
"""Patches that do at each step the same, whatever they did before. Runs under others start anew."""


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides what sampling returns. `seed` is for noise that the sampler draws on its way."""

    guider: Guider
    sampler: Sampler
    sigmas: Sigmas
    latent: Latent
    noise: Noise
    seed: int


class Steps:
    """The steps of a run, those of an earlier one included."""

    def __init__(self, request: Request, placement: Placement, context: Context) -> None:
        states = context.service(States)
        self._trail: Trail = states.trail(step_keys(request, placement, context.numbers, states.values))
        self._history = request.sampler.method.history
        self._steps: Past = ()
        self._file: MappedFile | None = None

    @property
    def last(self) -> Step | None:
        return self._steps[-1] if self._steps else None

    def known(self, device: torch.device) -> Past:
        """The last steps that an earlier run took, with their tensors on a device."""
        state = self._trail.furthest()
        if isinstance(state, SamplingState):
            self._steps = state.on(device)
        return self._steps

    def rest_on(self, network: object) -> None:
        """Nothing is kept any more once the file that this network computes from was written into."""
        self._file = mapped_from(network)

    def add(self, step: Step) -> None:
        """A step is done. One that leaves no noise is not kept: the run is over, and its result is."""
        self._steps = latest((*self._steps, step), self._history)
        if step.sigma_next > 0 and self._is_sound():
            self._trail.reached(step.index, self._state)

    def leave(self) -> None:
        """The run stops here."""
        if self._steps and self._is_sound():
            self._trail.keep(self._steps[-1].index, self._state())

    def _is_sound(self) -> bool:
        return self._file is None or self._file.is_intact()

    def _state(self) -> SamplingState:
        return SamplingState.after(self._steps)


def step_keys(request: Request, placement: Placement, numbers: str, values: Values) -> list[str]:
    """The keys after each step; none where a patch remembers things that no state holds. `numbers` is a context's."""
    guider, sampler = request.guider, request.sampler
    patches = guider.model.patches
    parts: tuple[object, ...] = (guider.model, request.latent, request.noise, sampler)
    if sampler.method.resizes:
        return []
    if not all(isinstance(patch, WITHOUT_MEMORY) for patch in patches) or not all(map(values.encodable, parts)):
        return []
    run = state_key(*map(values.digest, parts), request.seed, guider.cfg, str(placement), numbers)
    schedule = noise_schedule(guider.model.config.schedule)
    prompts = [_Prompts.of(side, schedule, values) for side in (guider.positive, guider.negative)]
    if sampler.method.looks_ahead or patches:
        return _keys_ahead(run, request.sigmas.values.tolist(), prompts)
    return _keys_so_far(run, request.sigmas.values.tolist(), prompts)


def _keys_ahead(run: str, sigmas: list[float], prompts: Sequence[_Prompts]) -> list[str]:
    """One key for all steps."""
    told: list[Json] = [side.told(0.0, max(sigmas, default=0.0)) for side in prompts]
    return [state_key(run, told, *sigmas)] * (len(sigmas) - 1)


def _keys_so_far(run: str, sigmas: list[float], prompts: Sequence[_Prompts]) -> list[str]:
    """A key for each step, of the sigmas up to where it goes and of what takes part at these."""
    drops_later = not any(side.depend_on_each_other for side in prompts)
    keys: list[str] = []
    seen, least, most = state_key(run, *sigmas[:1]), math.inf, 0.0
    for sigma, sigma_next in pairwise(sigmas):
        seen, least, most = state_key(seen, sigma_next), min(least, sigma, sigma_next), max(most, sigma, sigma_next)
        told: list[Json] = [side.told(least, most, drops_later=drops_later) for side in prompts]
        keys.append(state_key(seen, told))
    return keys


@dataclass(frozen=True, slots=True)
class _Prompts:
    """One side of the guidance: for each entry the digest of what it is, and from which to which sigma it, and each of its
    control networks, takes part."""

    entries: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    depend_on_each_other: bool

    @classmethod
    def of(cls, side: Conditioning, schedule: NoiseSchedule, values: Values) -> _Prompts:
        entries = tuple(
            (values.digest(Conditioning((_timeless(entry),))), tuple(_ranges(entry, schedule)))
            for entry in side.entries
        )
        placed = any(
            entry.area is not None or entry.mask_bounds or entry.controls or entry.grounding for entry in side.entries
        )
        return cls(entries, placed)

    def told(self, least: float, most: float, *, drops_later: bool = False) -> list[Json]:
        """What can be told apart of it at sigmas from `most` down to `least`, without the entries that take no part if
        `drops_later`."""
        told: list[Json] = []
        for digest, ranges in self.entries:
            seen = [_clipped(start, end, least, most) for start, end in ranges]
            if seen[0] or not drops_later:
                told.append([digest, *seen])
        return told


def _clipped(start: float, end: float, least: float, most: float) -> list[Json]:
    return [] if start < least or end > most else [min(start, most), end if end > least else 0.0]


def _ranges(entry: ConditioningEntry, schedule: NoiseSchedule) -> Iterator[tuple[float, float]]:
    percents = [(one.start_percent, one.end_percent) for one in entry.controls]
    for start, end in [(entry.start_percent, entry.end_percent), *percents]:
        yield schedule.percent_to_sigma(start), schedule.percent_to_sigma(end)


def _timeless(entry: ConditioningEntry) -> ConditioningEntry:
    controls = tuple(replace(hint, start_percent=0.0, end_percent=1.0) for hint in entry.controls)
    return replace(entry, start_percent=0.0, end_percent=1.0, controls=controls)
