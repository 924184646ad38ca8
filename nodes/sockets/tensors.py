"""Values made of tensors: pictures, masks, latents, noise levels. Frozen, and checked once, when they are made.

A picture or a latent with NaN or infinity in it is refused where it is made, so that the failure names the first node that
has one. No node changes a value in place. Tensors on wires are on the CPU, so that what is cached or saved does not depend
on the device that made it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nodes.errors import UnsuitableInput


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Pictures. `pixels` is [B, H, W, C], float32, nominally in 0..1; C is 1 (grey), 3 (RGB) or 4 (RGBA)."""

    socket_type: ClassVar[str] = "IMAGE"
    pixels: Tensor

    def __post_init__(self) -> None:
        _expect(self.pixels, "an IMAGE is [B, H, W, C] float32", ndim=4, dtype=torch.float32)
        if self.pixels.shape[3] not in (1, 3, 4):
            raise ValueError(f"an IMAGE has 1, 3 or 4 channels, not {self.pixels.shape[3]}")
        expect_finite(self.pixels, "the picture")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[2], self.pixels.shape[1]

    @property
    def rgb(self) -> Tensor:
        """[B, H, W, 3]: grey in three channels, without alpha."""
        return self.pixels.expand(-1, -1, -1, 3) if self.pixels.shape[3] == 1 else self.pixels[..., :3]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Masks. `values` is [B, H, W], float32, nominally in 0..1."""

    socket_type: ClassVar[str] = "MASK"
    values: Tensor

    def __post_init__(self) -> None:
        _expect(self.values, "a MASK is [B, H, W] float32", ndim=3, dtype=torch.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """Plain VAE latents. `samples` is [B, C, h, w], float32.

    `noise_mask` [b, H, W], of any size, is 1 where sampling may change the latent. `batch_index` has one entry for each
    latent: its place in the batch whose noise it takes; None is 0, 1, 2, ...
    """

    socket_type: ClassVar[str] = "LATENT"
    samples: Tensor
    noise_mask: Tensor | None = None
    batch_index: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _expect(self.samples, "a LATENT is [B, C, h, w] float32", ndim=4, dtype=torch.float32)
        expect_finite(self.samples, "the latent")
        if self.noise_mask is not None:
            _expect(self.noise_mask, "the noise mask of a LATENT is [B, H, W] float32", ndim=3, dtype=torch.float32)
        if self.batch_index is not None and len(self.batch_index) != self.samples.shape[0]:
            raise ValueError(
                f"the batch index of a LATENT has {self.samples.shape[0]} entries, not {len(self.batch_index)}"
            )

    @property
    def batch(self) -> int:
        return self.samples.shape[0]


@dataclass(frozen=True, slots=True, eq=False)
class ScaledLatent:
    """Latents on their way from noise to picture, as a network sees them. `samples` is [B, C, h, w], float32.

    They are scaled for one model; a `Latent` is not. Keeping the two apart lets a loop of single steps compute, bit for
    bit, what a sampler does that never leaves this scale.
    """

    socket_type: ClassVar[str] = "SCALED_LATENT"
    samples: Tensor

    def __post_init__(self) -> None:
        _expect(self.samples, "a SCALED_LATENT is [B, C, h, w] float32", ndim=4, dtype=torch.float32)
        expect_finite(self.samples, "the latent")


@dataclass(frozen=True, slots=True, eq=False)
class Sigmas:
    """Noise levels that a sampler visits, one after another. `values` is one-dimensional float32; it may be empty."""

    socket_type: ClassVar[str] = "SIGMAS"
    values: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.values.dtype != torch.float32:
            raise ValueError(f"SIGMAS are one-dimensional float32, not {_kind(self.values)}")


def _expect(tensor: Tensor, rule: str, *, ndim: int, dtype: torch.dtype) -> None:
    if tensor.ndim != ndim or tensor.dtype != dtype or tensor.numel() == 0:
        raise ValueError(f"{rule} and not empty, not {_kind(tensor)}")


def expect_finite(tensor: Tensor, what: str) -> None:
    """Raises `UnsuitableInput` (`not_finite`) for NaN or infinity. One pass over the tensor."""
    low, high = torch.aminmax(tensor)  # NaN wins in both
    if not math.isfinite(float(low)) or not math.isfinite(float(high)):
        raise UnsuitableInput(
            f"{what} holds NaN or infinity",
            code="not_finite",
            hint="Try a lower cfg, another sampler, or --precision fp32; look for a damaged model or adapter.",
        )


def _kind(tensor: Tensor) -> str:
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
