"""Rough pictures of latents while they are sampled: a linear map to colours always, a tiny decoder where it is cheap.

A preview is made only when somebody looks, no more than five times a second, and each kind only for as long as it takes a
hundredth of the time since sampling began: looking must not make the picture late.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.config import ModelConfig
from nodes.pictures import encode_jpeg

PREVIEW_SIDE: Final = 512
_SECONDS_BETWEEN: Final = 0.2
_SHARE_OF_TIME: Final = 0.01
_DECODING: Final = 6e-5
"""Seconds for each cell that a tiny decoder is taken to need, until it was seen: about those of two cores."""

Decode = Callable[[Tensor], Tensor]


class Previewer:
    """The previews of one sampling run."""

    def __init__(
        self, config: ModelConfig, decode: Decode | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """`decode`: scaled latents [1, C, h, w] -> pictures [1, 3, H, W] in 0..1. `clock` is in seconds."""
        self._config = config
        self._decode = decode
        self._now = clock
        self._started = clock()
        self._offered: float | None = None
        self._drawing, self._decoding = _Spent(0.0), _Spent(0.0)

    def offer(self, denoised: Tensor) -> Callable[[], bytes] | None:
        """What makes the preview of scaled latents [B, C, h, w], or None if the last was just before or took too long."""
        now = self._now()
        if self._offered is not None and now - self._offered < _SECONDS_BETWEEN:
            return None
        if not self._can_afford(self._drawing):
            return None
        self._offered = now
        return partial(self.make, denoised)

    def make(self, denoised: Tensor) -> bytes:
        """The first of the latents as JPEG."""
        self._decoding.next = self._decoding.next or _DECODING * denoised.shape[2] * denoised.shape[3]
        if self._decode is None or not self._can_afford(self._decoding):
            return self._timed(self._drawing, partial(linear_preview, self._config, denoised))
        return self._timed(self._decoding, partial(_decoded_preview, self._decode, denoised))

    def _timed(self, spent: _Spent, make: Callable[[], bytes]) -> bytes:
        started = self._now()
        preview = make()
        spent.next = self._now() - started
        spent.total += spent.next
        return preview

    def _can_afford(self, spent: _Spent) -> bool:
        return (
            spent.total + spent.next <= _SHARE_OF_TIME * (self._now() - self._started) or spent.total == 0 == spent.next
        )


@dataclass(slots=True)
class _Spent:
    """Seconds that one kind of preview has taken, and those that the next is taken to need."""

    next: float
    total: float = 0.0


def _decoded_preview(decode: Decode, denoised: Tensor) -> bytes:
    picture = decode(denoised[:1])[0].float().cpu().movedim(0, -1)  # (H, W, 3)
    return encode_jpeg(picture, largest_side=PREVIEW_SIDE)


def linear_preview(config: ModelConfig, denoised: Tensor) -> bytes:
    """The first of scaled latents [B, C, h, w] as a rough picture: a linear map to colours, then a JPEG.

    Without colours for the family, the brightness of the first channel.
    """
    latent = denoised[:1].float().cpu()
    if config.preview_rgb is None:
        colours = latent[:, :1] / latent[:, :1].abs().amax().clamp(min=1e-6)
    else:
        colours = torch.einsum("bchw,cr->brhw", latent, torch.tensor(config.preview_rgb))
    picture = (colours[0].movedim(0, -1) + 1.0) / 2.0  # (h, w, 1 or 3)
    return encode_jpeg(picture.expand(-1, -1, 3), largest_side=PREVIEW_SIDE, enlarged=config.vae.downscale)
