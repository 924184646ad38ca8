"""Steering a network by pictures: what the hints of a conditioning entry add to the U-Net at one step.

A `ControlHint` names its network by any hashable value; the run knows the networks by those names. With its network, on a
model's schedule, it is a `Control`. Several controls of one entry add up.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from torch import Tensor

from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.resize import resize_cropped
from nodes.diffusion.schedule import NoiseSchedule
from nodes.diffusion.unet import ControlResiduals

_PIXELS_PER_CELL = 8


Seen: TypeAlias = "tuple[Tensor, ...]"
"""What a control network makes of pictures before any step: feature maps [B, C, h, w]."""


class ControlNetwork(Protocol):
    """Reads a picture beside what the U-Net is given: `nodes.diffusion.control_net.ControlNet` and `t2i_adapter.T2iAdapter`.

    Its pictures have sides that are multiples of `pixel_multiple`. What `read` makes of one is the same at every step.
    """

    @property
    def pixel_multiple(self) -> int: ...

    def read(self, hint: Tensor, kind: int | None) -> Seen: ...

    def steer(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, seen: Seen, kind: int | None
    ) -> ControlResiduals: ...


@dataclass(frozen=True, slots=True, eq=False)
class ControlHint:
    """A wish to be steered by a picture [B, H, W, 3] in 0..1, between two shares (0..1) of the way from noise.

    `network` is any value that names the network which reads the picture. `kind` tells a union network what the picture is.
    With `also_negative` the hint steers the negative side too, where that has no hints of its own.
    """

    network: Hashable
    image: Tensor
    strength: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0
    kind: int | None = None
    also_negative: bool = False


@dataclass(slots=True, eq=False)
class SeenHint:
    """What a network made of a hint's pictures, kept through a run: at every step the latent has the same size."""

    shape: tuple[int, int, int] | None = None
    seen: Seen = ()


@dataclass(frozen=True, slots=True, eq=False)
class Control:
    """A hint with its network, taking part at noise levels from `sigma_start` down to `sigma_end`."""

    hint: ControlHint
    network: ControlNetwork
    sigma_start: float
    sigma_end: float
    memory: SeenHint = field(default_factory=SeenHint)

    def takes_part(self, sigma: float) -> bool:
        return self.sigma_end <= sigma <= self.sigma_start


@dataclass(frozen=True, slots=True, eq=False)
class ControlCall:
    """What the U-Net is about to be given: x [B, 4, h, w] scaled, timesteps [B], context [B, T, D], y [B, P].

    The batch is `parts` equal parts put together, each of which sees the same pictures.
    """

    x: Tensor
    timesteps: Tensor
    context: Tensor
    y: Tensor | None
    parts: int


def place_control(hint: ControlHint, networks: Mapping[Hashable, ControlNetwork], schedule: NoiseSchedule) -> Control:
    """The hint on a model's schedule. Raises KeyError if the run does not know its network."""
    start, end = schedule.percent_to_sigma(hint.start_percent), schedule.percent_to_sigma(hint.end_percent)
    return Control(hint, networks[hint.network], start, end)


def control_residuals(controls: Sequence[Control], call: ControlCall, sigma: float) -> ControlResiduals | None:
    """The sum of what all controls that take part at this noise level add; None if none does."""
    total: ControlResiduals | None = None
    for control in controls:
        if control.takes_part(sigma):
            added = _scaled(_answer(control, call), control.hint.strength)
            total = added if total is None else _sum(total, added)
    return total


def _answer(control: Control, call: ControlCall) -> ControlResiduals:
    seen = tuple(_for_each_latent(one, call) for one in _seen(control, call))
    return control.network.steer(call.x, call.timesteps, call.context, call.y, seen, control.hint.kind)


def _seen(control: Control, call: ControlCall) -> Seen:
    """What the network makes of the pictures for one part of the batch; they are read at the first step only."""
    images = min(control.hint.image.shape[0], call.x.shape[0] // call.parts)
    shape = (images, *call.x.shape[-2:])
    if control.memory.shape != shape:
        hint = _fitted(control.hint.image[:images], call, control.network.pixel_multiple)
        control.memory.shape, control.memory.seen = shape, control.network.read(hint, control.hint.kind)
    return control.memory.seen


def _fitted(image: Tensor, call: ControlCall, multiple: int) -> Tensor:
    """Pictures cut and scaled to the latent's size in pixels, rounded up: [n, C, 8h, 8w]."""
    height, width = (-(-cells * _PIXELS_PER_CELL // multiple) * multiple for cells in call.x.shape[-2:])
    return resize_cropped(image.movedim(-1, 1), width, height, "nearest-exact").to(call.x.device)


def _for_each_latent(seen: Tensor, call: ControlCall) -> Tensor:
    """The pictures dealt out to the latents of a part, the same in every part."""
    return repeat_to_batch(seen, call.x.shape[0] // call.parts).repeat(call.parts, 1, 1, 1)


def _scaled(residuals: ControlResiduals, strength: float) -> ControlResiduals:
    return ControlResiduals(
        tuple(skip * strength for skip in residuals.skips),
        None if residuals.middle is None else residuals.middle * strength,
        tuple(None if one is None else one * strength for one in residuals.inputs),
    )


def _sum(one: ControlResiduals, other: ControlResiduals) -> ControlResiduals:
    return ControlResiduals(
        tuple(a + b for a, b in zip(one.skips, other.skips, strict=True))
        if one.skips and other.skips
        else one.skips or other.skips,
        _either(one.middle, other.middle),
        tuple(map(_either, one.inputs, other.inputs)) if one.inputs and other.inputs else one.inputs or other.inputs,
    )


def _either(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    """The sum of those that are there."""
    if a is None or b is None:
        return b if a is None else a
    return a + b
