"""Pictures to latents and back in tiles: for pictures that do not fit into memory as a whole."""

from __future__ import annotations

from typing import Annotated

import torch

from graph.context import Context
from graph.declare import Range, Tooltip, node
from nodes.diffusion.tiling import Compute, Tiling, three_tilings, tiled_thrice
from nodes.diffusion.vae import crop_to_multiple, picture_of, pixels_of
from nodes.models import Models
from nodes.sockets import Image, Latent, Vae

Overlap = Annotated[int, Range(0, 4096, 32)]
_FOR_VIDEO = Tooltip("Frames in a tile of a video. Pictures have none: for models of pictures this changes nothing.")
TemporalSize = Annotated[int, Range(8, 4096, 4), _FOR_VIDEO]
TemporalOverlap = Annotated[int, Range(4, 4096, 4), _FOR_VIDEO]

_LARGEST_OVERLAP = 4  # at most a fourth of a tile


@node("VAEDecodeTiled", display_name="VAE Decode (Tiled)", category="_for_testing", returns="IMAGE", lane="device")
def vae_decode_tiled(
    *,
    samples: Latent,
    vae: Vae,
    tile_size: Annotated[int, Range(64, 4096, 32)] = 512,
    overlap: Overlap = 64,
    temporal_size: TemporalSize = 64,
    temporal_overlap: TemporalOverlap = 8,
    context: Context,
) -> Image:
    """Decode latents to pictures in overlapping tiles of so many pixels. The temporal sizes are for video models."""
    del temporal_size, temporal_overlap
    cell = vae.config.vae.downscale
    tiling = _tiling(tile_size // cell, min(overlap, tile_size // _LARGEST_OVERLAP) // cell)
    models = Models.of(context)
    device = models.device(vae.weights)
    with models.vae(vae.weights) as module, torch.inference_mode():
        decode = _watched(lambda tile: module.decode(tile.to(device)), samples.samples.shape, tiling, context)
        decoded = tiled_thrice(samples.samples, decode, tiling, cell)
    return Image(picture_of(decoded))


@node("VAEEncodeTiled", display_name="VAE Encode (Tiled)", category="_for_testing", returns="LATENT", lane="device")
def vae_encode_tiled(
    *,
    pixels: Image,
    vae: Vae,
    tile_size: Annotated[int, Range(64, 4096, 64)] = 512,
    overlap: Overlap = 64,
    temporal_size: TemporalSize = 64,
    temporal_overlap: TemporalOverlap = 8,
    context: Context,
) -> Latent:
    """Encode pictures to latents in overlapping tiles of so many pixels. The temporal sizes are for video models."""
    del temporal_size, temporal_overlap
    models = Models.of(context)
    device = models.device(vae.weights)
    cell = vae.config.vae.downscale
    tiling = _tiling(tile_size // cell * cell, overlap // cell * cell)
    with models.vae(vae.weights) as module, torch.inference_mode():
        cut = crop_to_multiple(pixels_of(pixels.pixels, module.config.image_channels), module.config.downscale)
        encode = _watched(lambda tile: module.encode(tile.to(device)).mode(), cut.shape, tiling, context)
        encoded = tiled_thrice(cut, encode, tiling, 1 / module.config.downscale)
    return Latent(encoded)


def _tiling(size: int, overlap: int) -> Tiling:
    """Square tiles whose halves are still larger than their overlap."""
    return Tiling(size, size, overlap if overlap < size // 2 else size // _LARGEST_OVERLAP)


def _watched(compute: Compute, shape: torch.Size, tiling: Tiling, context: Context) -> Compute:
    """The same computation, with progress after each tile; cancels between two."""
    batch, _, height, width = shape
    total = batch * sum(one.count(height, width) for one in three_tilings(tiling))
    done = 0
    context.progress(done, total)

    def watched(tile: torch.Tensor) -> torch.Tensor:
        nonlocal done
        context.cancel.check()
        result = compute(tile)
        done += 1
        context.progress(done, total)
        return result

    return watched
