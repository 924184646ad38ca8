"""The task of training the autoencoder: crops of pictures, encoded and decoded.

Crops come from pictures at two sizes, as a convolutional network learns edges at both. The latent is sampled, so
the decoder learns to stand a little noise; the whitening folded into the checkpoint stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from nodes.diffusion.training.reconstruction import kl_divergence, reconstruction_loss
from nodes.diffusion.vae import LatentDistribution, Vae
from nodes.training.chance import step_generator, step_random
from nodes.training.gradients import Gradients, gradients_of
from nodes.training.pixels import Pictures, in_batches, to_pixels
from nodes.training.precision import TrainingDtype, computing
from nodes.training.ranks import Share
from nodes.training_data.rendering import reduced

_KL_WEIGHT = 1e-6
BLOCK = 64  # pictures
_STEPS_PER_BLOCK = 16


class CropSettings(Protocol):
    """What of a run's settings its crops depend on."""

    @property
    def batch(self) -> int: ...

    @property
    def crop(self) -> int:
        """The side of a crop."""
        ...

    @property
    def picture_size(self) -> int:
        """The side to which half of the pictures are reduced before they are cropped."""
        ...

    @property
    def decoder_only(self) -> bool: ...

    @property
    def seed(self) -> int: ...

    @property
    def dtype(self) -> TrainingDtype: ...


class ReconstructionTask:
    """Trains a VAE, or only its decoder, which leaves all latents valid. `block` gives the pictures of a numbered block."""

    def __init__(self, vae: Vae, settings: CropSettings, block: Callable[[int], Pictures]) -> None:
        self._vae = vae.requires_grad_().train()
        self._settings = settings
        self._of_block = block
        self._block: tuple[int, Pictures] | None = None

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        trained = ("decoder.", "post_quant_conv.") if self._settings.decoder_only else ("",)
        return {name: value for name, value in self._vae.named_parameters() if name.startswith(trained)}

    def gradients(self, step: int, share: Share) -> Gradients:
        rows = share.rows(self._settings.batch)
        pixels = self._batch(step, rows).to(next(self._vae.parameters()).device)
        return gradients_of(self._loss(pixels, step, rows), self.parameters)

    def _loss(self, pixels: Tensor, step: int, rows: slice) -> Tensor:
        with computing(self._settings.dtype, pixels.device):
            latent = self._vae.encode(pixels)
            drawn = latent.mode() if self._settings.decoder_only else latent.sample(self._noise(latent, step, rows))
            decoded = self._vae.decode(drawn)
        return reconstruction_loss(decoded, pixels) + _KL_WEIGHT * kl_divergence(latent)

    def _noise(self, latent: LatentDistribution, step: int, rows: slice) -> Tensor:
        """The rows' part of the noise of a whole batch."""
        generator = step_generator(self._settings.seed, step)
        return torch.randn((self._settings.batch, *latent.mean.shape[1:]), generator=generator)[rows]

    def _batch(self, step: int, rows: slice) -> Tensor:
        """Some rows of the random crops of this step's block, half of which are from the pictures at half size."""
        number = step // _STEPS_PER_BLOCK
        if self._block is None or self._block[0] != number:
            self._block = (number, self._of_block(number))
        random = step_random(self._settings.seed, step)
        crops = [self._cropped(self._block[1], random) for _ in range(self._settings.batch)]
        return to_pixels(np.stack(crops[rows]))

    def _cropped(self, pictures: Pictures, random: Random) -> Pictures:
        picture = pictures[random.randrange(len(pictures))]
        if random.random() < 0.5:
            picture = np.asarray(reduced(Image.fromarray(picture), self._settings.picture_size))
        free = len(picture) - self._settings.crop
        top, left = random.randint(0, free), random.randint(0, free)
        crop: Pictures = picture[top : top + self._settings.crop, left : left + self._settings.crop]
        return crop


def reconstructed(vae: Vae, pixels: Tensor) -> Tensor:
    """Pictures [B, 3, H, W] through the autoencoder, a few at once."""
    return torch.cat([vae.decode(vae.encode(part).mode()) for part in in_batches(pixels, 8)])
