"""What a model's network takes besides the noisy latent, made from a conditioning entry.

Families differ: SDXL takes a vector of the pooled prompt and picture sizes (Podell et al., 2023, section 2.2),
inpainting and editing models take channels of a picture beside the noise (Rombach et al., 2022, section 4.5;
Brooks et al., 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nodes.diffusion.batch import spread_to_batch
from nodes.diffusion.blocks import timestep_embedding
from nodes.diffusion.conditioning import ConcatImage, ConditioningEntry, SizeConditioning
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.denoiser import NetworkInputs
from nodes.diffusion.resize import resize_cropped

Side = Literal["positive", "negative"]

_PIXELS_PER_CELL = 8
_SIZE_EMBEDDING = 256
_AESTHETIC_SCORE = {"positive": 6.0, "negative": 2.5}
_INPAINT_CHANNELS = 5
_EDIT_CHANNELS = 4
# What the VAE of SD 1.x makes of plain grey, already scaled: the picture shown when there is none.
_GREY = (0.8223, -0.6876, 0.6364, 0.1380)


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """What is sampled on: the scaled latent [B, 4, h, w], and where it may change ([B, 1, h, w]; None: everywhere)."""

    latent: Tensor
    noise_mask: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in cells."""
        return self.latent.shape[-2], self.latent.shape[-1]


def network_inputs(config: ModelConfig, entry: ConditioningEntry, canvas: Canvas, side: Side) -> NetworkInputs:
    """The inputs of `config`'s network for one entry. Raises ValueError where the entry lacks what the family needs."""
    return NetworkInputs(
        context=entry.embedding,
        y=None if config.unet.adm_in_channels is None else _vector(config, entry, canvas, side),
        concat=_concat(config, entry.concat, canvas),
    )


def _vector(config: ModelConfig, entry: ConditioningEntry, canvas: Canvas, side: Side) -> Tensor:
    """The vector y [B, P]: the pooled prompt, then an embedding of each size."""
    if entry.pooled is None:
        raise ValueError(f"a {config.family} model needs conditioning with a pooled output; use its own text encoder")
    height, width = (_PIXELS_PER_CELL * cells for cells in canvas.size)
    sizes = _sizes(entry.size, height, width)
    assert config.unet.adm_in_channels is not None
    if config.unet.adm_in_channels - entry.pooled.shape[1] < len(sizes) * _SIZE_EMBEDDING:
        score = entry.size.aesthetic_score
        sizes = (*sizes[:4], _AESTHETIC_SCORE[side] if score is None else score)  # the refiner of SDXL
    embedded = timestep_embedding(torch.tensor(sizes), _SIZE_EMBEDDING).flatten()
    pooled = entry.pooled
    return torch.cat([pooled, embedded.to(pooled).expand(pooled.shape[0], -1)], dim=1)


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
        return torch.zeros_like(canvas.latent) if image is None else _fitted(image.latent, canvas)
    return None


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
    height, width = canvas.size
    if tensor.shape[-2:] != canvas.size:
        tensor = resize_cropped(tensor, width, height, "bilinear")
    return spread_to_batch(tensor, canvas.latent.shape[0]).to(canvas.latent)
