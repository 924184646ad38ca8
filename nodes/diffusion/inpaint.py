"""Changing only a part of a picture: what the model is shown of it, and how the rest is kept.

In sampling, what the mask keeps is replaced, before each prediction, by the original at the same noise level, and
after it by the original itself, so that the model sees a consistent picture and the rest never drifts
(Lugmayr et al., 2022, "RePaint", equation 8, without resampling).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.denoiser import add_noise
from nodes.diffusion.resize import resize
from nodes.diffusion.samplers.step import Denoise
from nodes.diffusion.schedule import NoiseSchedule
from nodes.diffusion.vae import crop_to_multiple


@dataclass(frozen=True, slots=True, eq=False)
class MaskedDenoise:
    """A `Denoise` that leaves `latent` as it is where `mask` is 0.

    latent and noise are [B, C, h, w], mask is [B, 1, h, w] in 0..1. `mask_at` makes of it the mask of one sigma.
    """

    denoise: Denoise
    latent: Tensor
    noise: Tensor
    mask: Tensor
    mask_at: Callable[[Tensor, Tensor], Tensor] | None = None

    @property
    def schedule(self) -> NoiseSchedule:
        return self.denoise.schedule

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        mask = self._mask(sigma)
        return self._keep(self.denoise(self._enter(x, sigma, mask), sigma), mask)

    def pair(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """The guided prediction with the original kept, and the unconditional one as it is."""
        mask = self._mask(sigma)
        guided, unconditional = self.denoise.pair(self._enter(x, sigma, mask), sigma)
        return self._keep(guided, mask), unconditional

    def _mask(self, sigma: Tensor) -> Tensor:
        return self.mask if self.mask_at is None else self.mask_at(self.mask, sigma)

    def _enter(self, x: Tensor, sigma: Tensor, mask: Tensor) -> Tensor:
        return x * mask + add_noise(self.latent, self.noise, sigma) * (1.0 - mask)

    def _keep(self, denoised: Tensor, mask: Tensor) -> Tensor:
        return denoised * mask + self.latent * (1.0 - mask)


def latent_noise_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [b, H, W] or [b, 1, H, W] of any size as [B, 1, h, w] for a latent [B, C, h, w]."""
    height, width = latent.shape[-2:]
    mask = mask.reshape(-1, 1, *mask.shape[-2:])
    return repeat_to_batch(resize(mask.to(latent), width, height, "bilinear"), latent.shape[0])


def inpaint_picture(image: Tensor, mask: Tensor, multiple: int) -> tuple[Tensor, Tensor]:
    """The picture [B, H, W, C] and its mask [b, 1, H, W], both cut to sides that are multiples of the VAE's cell.

    `mask` is [b, h, w] of any size and is scaled to the picture; fewer or more of them than pictures are repeated or cut.
    """
    mask = resize(mask.reshape(-1, 1, *mask.shape[-2:]), image.shape[2], image.shape[1], "bilinear")
    mask = mask if len(mask) == 1 else repeat_to_batch(mask, len(image))
    cropped = crop_to_multiple(image.movedim(-1, 1), multiple).movedim(1, -1)
    return cropped, crop_to_multiple(mask, multiple)


def grey_out(image: Tensor, mask: Tensor) -> Tensor:
    """The picture [B, H, W, C] with medium grey where the mask [b, 1, H, W] rounds to 1."""
    keep = (1.0 - mask.round()).movedim(1, -1)
    return (image - 0.5) * keep + 0.5


def grow_noise_mask(mask: Tensor, pixels: int) -> Tensor:
    """A mask [b, 1, H, W] rounded to 0 and 1 and grown by a square of so many pixels a side, so that seams are redrawn."""
    hard = mask.round()
    if pixels == 0:
        return hard
    sums = F.conv2d(hard, hard.new_ones(1, 1, pixels, pixels), padding=pixels // 2)
    return sums.clamp(0, 1)[..., : mask.shape[2], : mask.shape[3]].round()
