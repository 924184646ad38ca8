"""Fold the statistics of a trained autoencoder's latents into its 1x1 convolutions.

A latent diffusion network wants latents of zero mean and unit deviation after the family's fixed factor (0.18215
for SD 1.x). `quant_conv` and `post_quant_conv` are affine, so the change is exact and the pictures stay the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nodes.diffusion.vae import Vae


@torch.no_grad()
def fold_whitening(vae: Vae, mean: Tensor, deviation: Tensor, scale_factor: float) -> None:
    """Make latents of this mean and deviation [C] (plain, as encoded so far) whiten to 1 / `scale_factor`.

    z' = (z - mean) c with c = 1 / (scale_factor deviation); log variances move by 2 log c; the decoder's side
    undoes it.
    """
    c = 1 / (scale_factor * deviation)
    channels = len(c)
    encode, decode = vae.quant_conv, vae.post_quant_conv
    assert encode.bias is not None
    assert decode.bias is not None
    encode.weight[:channels] *= c[:, None, None, None]
    encode.bias[:channels] = (encode.bias[:channels] - mean) * c
    encode.bias[channels:] += 2 * c.log()
    decode.bias += decode.weight[:, :, 0, 0] @ mean
    decode.weight /= c[None, :, None, None]
