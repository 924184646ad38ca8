"""What a model's network takes besides the noisy latent, made from a conditioning entry.

Families differ: SDXL takes a vector of the pooled prompt and picture sizes (Podell et al., 2023, section 2.2),
inpainting and editing models take channels of a picture beside the noise (Rombach et al., 2022, section 4.5;
Brooks et al., 2023), the x4 upscaler a small picture and how noisy it is. What unCLIP takes is in `unclip.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nodes.diffusion.batch import spread_to_batch
from nodes.diffusion.blocks import timestep_embedding
from nodes.diffusion.conditioning import ConcatImage, ConditioningEntry, SizeConditioning
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.denoiser import NetworkInputs
from nodes.diffusion.noise_augmentation import low_resolution_level, noised_low_resolution
from nodes.diffusion.resize import resize_cropped
from nodes.diffusion.unclip import EmbeddingStatistics, unclip_label

Side = Literal["positive", "negative"]

_PIXELS_PER_CELL = 8
_SIZE_EMBEDDING = 256
_AESTHETIC_SCORE = {"positive": 6.0, "negative": 2.5}
_INPAINT_CHANNELS = 5
_EDIT_CHANNELS = 4
_LOW_RESOLUTION_CHANNELS = 3
SHOWN_CHANNELS: Mapping[int, int] = {_INPAINT_CHANNELS: 4, _EDIT_CHANNELS: 4, _LOW_RESOLUTION_CHANNELS: 3}
"""How many channels the picture has that a network is shown, by how many it takes beside the noise."""
# What the VAE of SD 1.x makes of plain grey, already scaled: the picture shown when there is none.
_GREY = (0.8223, -0.6876, 0.6364, 0.1380)


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What is sampled on: the scaled latent [B, 4, h, w], and where it may change ([B, 1, h, w]; None: everywhere).

    `seed` is for noise that is added to pictures which the network is shown.
    """

    latent: Tensor
    noise_mask: Tensor | None = None
    seed: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in cells."""
        return self.latent.shape[-2], self.latent.shape[-1]


def network_inputs(
    config: ModelConfig,
    entry: ConditioningEntry,
    canvas: Canvas,
    side: Side,
    statistics: EmbeddingStatistics | None = None,
) -> NetworkInputs:
    """The inputs of `config`'s network for one entry. Raises ValueError where the entry lacks what the family needs.

    `statistics` are those of the pictures that an unCLIP model was trained on.
    """
    return NetworkInputs(
        context=entry.embedding,
        y=_label(config, entry, canvas, side, statistics),
        concat=_concat(config, entry.concat, canvas),
    )


def _label(
    config: ModelConfig, entry: ConditioningEntry, canvas: Canvas, side: Side, statistics: EmbeddingStatistics | None
) -> Tensor | None:
    """The label y, None for families without one."""
    if config.label == "noise":
        noise = 0.0 if entry.concat is None else entry.concat.noise_augmentation
        return torch.full((canvas.latent.shape[0],), low_resolution_level(noise), device=canvas.latent.device)
    if config.unet.adm_in_channels is None:
        return None
    if config.label == "picture":
        return unclip_label(entry.pictures, config.unet.adm_in_channels, canvas.seed, statistics).to(canvas.latent)
    return _vector(config, entry, canvas, side)


def _vector(config: ModelConfig, entry: ConditioningEntry, canvas: Canvas, side: Side) -> Tensor:
    """The vector y [B, P]: the pooled prompt, or what is seen in pictures, then an embedding of each size."""
    pooled = _pooled(entry, canvas.seed)
    if pooled is None:
        raise ValueError(f"a {config.family} model needs conditioning with a pooled output; use its own text encoder")
    height, width = (_PIXELS_PER_CELL * cells for cells in canvas.size)
    sizes = _sizes(entry.size, height, width)
    assert config.unet.adm_in_channels is not None
    if config.unet.adm_in_channels - pooled.shape[1] < len(sizes) * _SIZE_EMBEDDING:
        score = entry.size.aesthetic_score
        sizes = (*sizes[:4], _AESTHETIC_SCORE[side] if score is None else score)  # the refiner of SDXL
    embedded = timestep_embedding(torch.tensor(sizes), _SIZE_EMBEDDING).flatten()
    return torch.cat([pooled, embedded.to(pooled).expand(pooled.shape[0], -1)], dim=1)


def _pooled(entry: ConditioningEntry, seed: int) -> Tensor | None:
    """The pooled prompt [B, P]; pictures, of the same width as CLIP sees them, take its place."""
    if not entry.pictures:
        return entry.pooled
    width = entry.pictures[0].embeddings.shape[1]
    seen = unclip_label(entry.pictures, 2 * width, seed, merged_noise=0.0)[:, :width]
    return seen.to(entry.embedding)


def _sizes(size: SizeConditioning, height: int, width: int) -> tuple[float, ...]:
    height = height if size.height is None else size.height
    width = width if size.width is None else size.width
    target_height = height if size.target_height is None else size.target_height
    target_width = width if size.target_width is None else size.target_width
    return (height, width, size.crop_h, size.crop_w, target_height, target_width)


def _concat(config: ModelConfig, image: ConcatImage | None, canvas: Canvas) -> Tensor | None:
    """The channels that go beside the noise, in the latent's shape."""
    extra = config.unet.in_channels - canvas.latent.shape[1]
    if extra == _INPAINT_CHANNELS:
        return _inpaint_channels(config, image, canvas)
    if extra == _EDIT_CHANNELS:
        return _edited(config, image, canvas)
    if extra == _LOW_RESOLUTION_CHANNELS:
        return _low_resolution(image, canvas)
    return None


def _edited(config: ModelConfig, image: ConcatImage | None, canvas: Canvas) -> Tensor:
    """The picture to be edited: unscaled as a latent, but scaled for a model of continuous noise (CosXL Edit)."""
    if image is None:
        return torch.zeros_like(canvas.latent)
    scale = 1.0 if config.schedule.continuous is None else config.scale_factor
    return _fitted(image.latent * scale, canvas)


def _low_resolution(image: ConcatImage | None, canvas: Canvas) -> Tensor:
    """The small picture, noised as its label says; without a picture, grey."""
    if image is None:
        return torch.zeros_like(canvas.latent[:, :_LOW_RESOLUTION_CHANNELS])
    shown = _sized(image.latent, canvas)
    if image.noise_augmentation > 0.0:
        shown = noised_low_resolution(shown, low_resolution_level(image.noise_augmentation), canvas.seed)
    return _fitted(shown, canvas)


def _inpaint_channels(config: ModelConfig, image: ConcatImage | None, canvas: Canvas) -> Tensor:
    """One channel of mask and four of the picture without its masked part."""
    mask = canvas.noise_mask if image is None or image.mask is None else image.mask.unsqueeze(1)
    if mask is None:
        grey = torch.tensor(_GREY).to(canvas.latent).reshape(1, -1, 1, 1)
        return torch.cat([torch.ones_like(canvas.latent[:, :1]), grey.expand_as(canvas.latent)], dim=1)
    latent = canvas.latent if image is None else _fitted(image.latent * config.scale_factor, canvas)
    return torch.cat([_fitted(mask, canvas).round(), latent], dim=1)


def _fitted(tensor: Tensor, canvas: Canvas) -> Tensor:
    """[b, c, H, W] in the batch and the size of the canvas."""
    return spread_to_batch(_sized(tensor, canvas), canvas.latent.shape[0]).to(canvas.latent)


def _sized(tensor: Tensor, canvas: Canvas) -> Tensor:
    """[b, c, H, W] cut and scaled to the size of the canvas."""
    height, width = canvas.size
    return tensor if tensor.shape[-2:] == canvas.size else resize_cropped(tensor, width, height, "bilinear")
