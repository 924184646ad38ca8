"""The task of training the autoencoder: crops of fresh pictures, encoded and decoded.

Crops come from pictures at two sizes, as a convolutional network learns edges at both. The latent is sampled, so
the decoder learns to stand a little noise; the whitening folded into the checkpoint stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from nodes.diffusion.training.reconstruction import kl_divergence, psnr, reconstruction_loss
from nodes.diffusion.vae import Vae
from nodes.training.chance import step_generator, step_random
from nodes.training.picture_blocks import BlockOrder, BlockRenderer, Pictures, render_block
from nodes.training.pixels import in_batches, to_image, to_pixels
from nodes.training.precision import computing
from nodes.training.settings import RunSettings
from nodes.training.workers import Gradients, Workers
from nodes.training_data.contact_sheet import sheet
from nodes.training_data.rendering import reduced
from nodes.training_data.sprites import SpriteSet

_KL_WEIGHT = 1e-6
BLOCK = 64  # pictures
_STEPS_PER_BLOCK = 16
_HELD_OUT = 64


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
    def workers(self) -> int: ...

    @property
    def seed(self) -> int: ...


class ReconstructionTask:
    """Trains a VAE, or only its decoder, which leaves all latents valid. `block` gives the pictures of a numbered block."""

    def __init__(self, vae: Vae, settings: CropSettings, block: Callable[[int], Pictures]) -> None:
        self._vae = vae.requires_grad_().train()
        self._settings = settings
        self._workers = Workers(settings.workers)
        self._of_block = block
        self._block: tuple[int, Pictures] | None = None

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        trained = ("decoder.", "post_quant_conv.") if self._settings.decoder_only else ("",)
        return {name: value for name, value in self._vae.named_parameters() if name.startswith(trained)}

    def gradients(self, step: int) -> Gradients:
        pixels = self._batch(step).to(next(self._vae.parameters()).device)
        parts = pixels.chunk(self._workers.count)

        def loss_of_part(number: int) -> Tensor:
            generator = step_generator(self._settings.seed, step, number)
            return self._loss(parts[number], generator)

        return self._workers.gradients(list(self.parameters.values()), loss_of_part)

    def close(self) -> None:
        """End the helpers."""
        self._workers.close()

    def _loss(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        with computing("bf16", pixels.device):
            latent = self._vae.encode(pixels)
            decoded = self._vae.decode(latent.mode() if self._settings.decoder_only else latent.sample(generator))
        return reconstruction_loss(decoded, pixels) + _KL_WEIGHT * kl_divergence(latent)

    def _batch(self, step: int) -> Tensor:
        """Random crops of this step's block, half of them from the pictures at half size."""
        number = step // _STEPS_PER_BLOCK
        if self._block is None or self._block[0] != number:
            self._block = (number, self._of_block(number))
        random = step_random(self._settings.seed, step)
        crops = [self._cropped(self._block[1], random) for _ in range(self._settings.batch)]
        return to_pixels(np.stack(crops))

    def _cropped(self, pictures: Pictures, random: Random) -> Pictures:
        picture = pictures[random.randrange(len(pictures))]
        if random.random() < 0.5:
            picture = np.asarray(reduced(Image.fromarray(picture), self._settings.picture_size))
        free = len(picture) - self._settings.crop
        top, left = random.randint(0, free), random.randint(0, free)
        crop: Pictures = picture[top : top + self._settings.crop, left : left + self._settings.crop]
        return crop


class AutoencoderTask(ReconstructionTask):
    """The task on pictures that are rendered ahead, observed on held-out ones."""

    def __init__(self, vae: Vae, settings: RunSettings) -> None:
        self._renderer = BlockRenderer(BlockOrder("training", 256, BLOCK, settings.first_seed))
        super().__init__(vae, settings, self._renderer.block)
        self._size = settings.picture_size

    def observe(self, step: int, folder: Path) -> Mapping[str, float]:
        """Mean and 10th percentile PSNR on held-out pictures, and a sheet of pairs."""
        original = to_pixels(render_block(BlockOrder("held out", self._size, _HELD_OUT), 0, SpriteSet()))
        decoded = reconstructed(self._vae, original)
        quality = psnr(decoded, original)
        pairs = torch.stack([original, decoded], 1).flatten(0, 1)[:40]
        sheet([to_image(picture) for picture in pairs], [""] * 40, 8).save(folder / f"sheet-{step:08d}.png")
        return {"psnr": float(quality.mean()), "psnr_low": float(quality.quantile(0.1))}

    def close(self) -> None:
        """End the helpers."""
        self._renderer.close()
        super().close()


def reconstructed(vae: Vae, pixels: Tensor) -> Tensor:
    """Pictures [B, 3, H, W] through the autoencoder, a few at once."""
    return torch.cat([vae.decode(vae.encode(part).mode()) for part in in_batches(pixels, 8)])
