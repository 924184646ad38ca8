"""Conditioning as values: what a prompt asks for, where in the picture, how strongly and at which noise levels.

Nodes build tuples of `ConditioningEntry`, which know no latent and no model. `place` turns such tuples into `Region`s of
one latent for one model; `guidance.py` combines their predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.control import ControlHint
from nodes.diffusion.denoiser import NetworkInputs
from nodes.diffusion.gligen import TextBox
from nodes.diffusion.resize import resize
from nodes.diffusion.schedule import NoiseSchedule

Given = TypeVar("Given")

_SMALLEST_BOUNDS = 8
_FADE = 8


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of a latent, in cells."""

    height: int
    width: int
    y: int
    x: int

    @property
    def cells(self) -> int:
        return self.height * self.width

    def contains(self, other: Area) -> bool:
        return (
            self.y <= other.y
            and self.x <= other.x
            and self.y + self.height >= other.y + other.height
            and self.x + self.width >= other.x + other.width
        )

    def clipped(self, height: int, width: int) -> Area:
        """The part of the area within a latent; it may be empty."""
        return replace(
            self, height=max(0, min(self.height, height - self.y)), width=max(0, min(self.width, width - self.x))
        )

    def crop(self, tensor: Tensor) -> Tensor:
        """The area of [..., h, w]."""
        return tensor[..., self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, slots=True)
class AreaShare:
    """A rectangle as shares (0..1) of whatever latent it is used on."""

    height: float
    width: float
    y: float
    x: float

    def cells(self, height: int, width: int) -> Area:
        return Area(
            max(1, round(self.height * height)),
            max(1, round(self.width * width)),
            round(self.y * height),
            round(self.x * width),
        )


@dataclass(frozen=True, slots=True)
class SizeConditioning:
    """The picture sizes in pixels, and the aesthetic score, that SDXL was told in training. None: as the latent says."""

    width: int | None = None
    height: int | None = None
    crop_w: int = 0
    crop_h: int = 0
    target_width: int | None = None
    target_height: int | None = None
    aesthetic_score: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ConcatImage:
    """The picture that an inpainting or editing model is shown beside the noise.

    latent [B, 4, h, w] is a plain VAE latent of any size, of the picture with its masked part grey; mask is [B, H, W] of any
    size. A model that edits by instruction is shown the whole picture and no mask. One that enlarges is shown a small
    picture [B, 3, h, w] in -1..1 with so much noise added, as a share (0..1) of the most it knows.
    """

    latent: Tensor
    mask: Tensor | None = None
    noise_augmentation: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class PictureHint:
    """What CLIP saw in pictures, embeddings [B, P], for a model that is guided by that (unCLIP); each picture counts.

    `noise_augmentation` is the noise that is added to them, as a share (0..1) of the most the model knows.
    """

    embeddings: Tensor
    strength: float = 1.0
    noise_augmentation: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Grounding:
    """Phrases in boxes. `network` is any value that names the network which reads them."""

    network: Hashable
    boxes: tuple[TextBox, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ConditioningEntry:
    """One embedding [B, T, D] with all that says where, how strongly and when it counts.

    `pooled` is [B, P]. `mask` is [B, H, W] of any size and counts `mask_strength` times; with `mask_bounds` the area is the
    smallest rectangle around the mask. The entry takes part between the shares `start_percent` and `end_percent` (0..1) of
    the training timesteps, counted from pure noise. `controls` steer it by pictures, `pictures` say what is to be seen,
    `grounding` where. `token_bias` [T] is added to the scores of tokens in attention; later tokens have none.
    """

    embedding: Tensor
    pooled: Tensor | None = None
    area: Area | AreaShare | None = None
    strength: float = 1.0
    mask: Tensor | None = None
    mask_strength: float = 1.0
    mask_bounds: bool = False
    start_percent: float = 0.0
    end_percent: float = 1.0
    concat: ConcatImage | None = None
    size: SizeConditioning = SizeConditioning()
    controls: tuple[ControlHint, ...] = ()
    pictures: tuple[PictureHint, ...] = ()
    grounding: Grounding | None = None
    token_bias: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """An entry placed on one latent [B, C, h, w] for one model.

    It takes part at noise levels from `sigma_start` down to `sigma_end`; no area means everywhere. `mask` is [b, h, w].
    """

    inputs: NetworkInputs
    area: Area | None
    strength: float
    mask: Tensor | None
    sigma_start: float
    sigma_end: float


def moved(entry: ConditioningEntry, device: torch.device) -> ConditioningEntry:
    """The entry with its tensors on a device. (Pictures of control networks follow when they are read.)"""
    concat = entry.concat
    if concat is not None:
        concat = replace(concat, latent=concat.latent.to(device), mask=_on(concat.mask, device))
    return replace(
        entry,
        embedding=entry.embedding.to(device),
        pooled=_on(entry.pooled, device),
        mask=_on(entry.mask, device),
        concat=concat,
        pictures=tuple(replace(one, embeddings=one.embeddings.to(device)) for one in entry.pictures),
        token_bias=_on(entry.token_bias, device),
    )


def _on(tensor: Tensor | None, device: torch.device) -> Tensor | None:
    return None if tensor is None else tensor.to(device)


def place(
    entry: ConditioningEntry, inputs: NetworkInputs, latent_size: tuple[int, int], schedule: NoiseSchedule
) -> Region:
    """The entry on a latent of size (h, w), with the inputs that the model's network takes for it."""
    mask = None if entry.mask is None else _latent_mask(entry.mask, latent_size)
    return Region(
        inputs=inputs,
        area=_area(entry, mask, latent_size),
        strength=entry.strength,
        mask=None if mask is None else mask * entry.mask_strength,
        sigma_start=schedule.percent_to_sigma(entry.start_percent),
        sigma_end=schedule.percent_to_sigma(entry.end_percent),
    )


def with_opposites(regions: Sequence[Region], others: Sequence[Region]) -> tuple[Region, ...]:
    """`others`, and for each region with an area one of the same area, if there is none yet.

    A prediction is guided by the difference to its opposite, so both must have seen the same part of the latent. The
    opposite takes its prompt from the smallest of `others` that contains the area, and everything else, hints of control
    networks too, from the region.
    """
    result = list(others)
    for region in regions:
        opposite = _opposite(region, result)
        if opposite is not None:
            result.append(opposite)
    return tuple(result)


def with_shared_hints(
    positive: Sequence[ConditioningEntry], negative: Sequence[ConditioningEntry]
) -> tuple[ConditioningEntry, ...]:
    """The negative entries, given what steers both sides: hints of positive ones whose last says so, and phrases in boxes.

    Only entries of the whole picture give and take them, in turn, and none does if a negative one has its own. Of more
    givers than takers, the last ones' stay.
    """
    controls = [entry.controls for entry in positive if _is_whole(entry) and _steers_both(entry)]
    steered = _dealt(
        negative, controls, lambda entry: bool(entry.controls), lambda entry, one: replace(entry, controls=one)
    )
    boxes = [entry.grounding for entry in positive if _is_whole(entry) and entry.grounding is not None]
    return _dealt(
        steered, boxes, lambda entry: entry.grounding is not None, lambda entry, one: replace(entry, grounding=one)
    )


def _steers_both(entry: ConditioningEntry) -> bool:
    return bool(entry.controls) and entry.controls[-1].also_negative


def _dealt(
    entries: Sequence[ConditioningEntry],
    given: Sequence[Given],
    has: Callable[[ConditioningEntry], bool],
    give: Callable[[ConditioningEntry, Given], ConditioningEntry],
) -> tuple[ConditioningEntry, ...]:
    """What is given, dealt out to the entries of the whole picture."""
    whole = [index for index, entry in enumerate(entries) if _is_whole(entry)]
    if not whole or any(has(entries[index]) for index in whole):
        return tuple(entries)
    result = list(entries)
    for number, one in enumerate(given):
        index = whole[number % len(whole)]
        result[index] = give(result[index], one)
    return tuple(result)


def cell_weights(region: Region, area: Area, x: Tensor) -> Tensor:
    """How much each cell of a region's area, clipped to the latent x [B, C, h, w], counts: [B or 1, 1, area].

    Areas without a mask fade towards their neighbours over 8 cells; nothing fades at the border of the picture.
    """
    if region.mask is not None:
        return repeat_to_batch(area.crop(region.mask).unsqueeze(1).to(x), x.shape[0]) * region.strength
    weights = x.new_ones(1, 1, area.height, area.width)
    for offset, dim in ((area.y, 2), (area.x, 3)):
        length = weights.shape[dim]
        fade = _fade(length).to(x).reshape((-1, 1) if dim == 2 else (1, -1))
        if offset > 0:
            weights *= fade
        if offset + length < x.shape[dim]:
            weights *= fade.flip(dim - 2)
    return weights * region.strength


def _is_whole(entry: ConditioningEntry) -> bool:
    return entry.area is None and not (entry.mask is not None and entry.mask_bounds)


def _opposite(region: Region, others: Iterable[Region]) -> Region | None:
    if region.area is None:
        return None
    area = region.area
    around = [other for other in others if other.area is None or other.area.contains(area)]
    if not around:
        return None
    smallest = min(around, key=lambda other: other.area.cells if other.area else float("inf"))
    if smallest.area == area:
        return None
    return replace(region, inputs=replace(smallest.inputs, controls=region.inputs.controls))


def _area(entry: ConditioningEntry, mask: Tensor | None, latent_size: tuple[int, int]) -> Area | None:
    if mask is not None and entry.mask_bounds:
        return _bounds(mask)
    if isinstance(entry.area, AreaShare):
        return entry.area.cells(*latent_size)
    return entry.area


def _latent_mask(mask: Tensor, latent_size: tuple[int, int]) -> Tensor:
    height, width = latent_size
    if mask.shape[-2:] == latent_size:
        return mask
    return resize(mask.unsqueeze(1), width, height, "bilinear").squeeze(1)  # (B, h, w)


def _bounds(mask: Tensor) -> Area:
    """The smallest rectangle, at least 8 cells a side, around what is not zero in any mask of [B, h, w]."""
    rows, columns = torch.where(mask.abs().amax(dim=0) != 0)
    if len(rows) == 0:
        return Area(_SMALLEST_BOUNDS, _SMALLEST_BOUNDS, 0, 0)
    top, left = int(rows.min()), int(columns.min())
    height = max(_SMALLEST_BOUNDS, int(rows.max()) - top + 1)
    width = max(_SMALLEST_BOUNDS, int(columns.max()) - left + 1)
    return Area(height, width, top, left)


def _fade(length: int) -> Tensor:
    """Ones, rising from near zero at the start over 8 cells or a quarter of the length."""
    rise = min(_FADE, length // 4)
    fade = torch.ones(length)
    fade[:rise] = torch.arange(1, rise + 1) / max(rise, 1)
    return fade
