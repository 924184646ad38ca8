"""Pictures enlarged by networks made for it."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from graph.context import Context
from graph.declare import FileIn, node
from nodes.diffusion.image import with_channels
from nodes.diffusion.tiling import Compute, Tiling, tiled
from nodes.diffusion.upscaler import Upscaler
from nodes.memory.shortage import is_out_of_memory
from nodes.models import Models, named_network
from nodes.sockets import Image, UpscaleModel
from nodes.weights.networks import open_upscaler

_TILE, _OVERLAP = 512, 32
_SMALLEST_TILE = 128


@node(
    "UpscaleModelLoader",
    display_name="Load Upscale Model",
    category="loaders",
    returns="UPSCALE_MODEL",
    lane="io",
    words=("esrgan", "super resolution"),
)
def upscale_model_loader(*, model_name: Annotated[str, FileIn("upscale_models")], context: Context) -> UpscaleModel:
    """A network that enlarges or restores pictures: ESRGAN, Real-ESRGAN, one of its compact models, or SwinIR."""
    return UpscaleModel(named_network(context, "upscale_models", model_name, "upscale model", open_upscaler))


@node(
    "ImageUpscaleWithModel",
    display_name="Upscale Image (using Model)",
    category="image/upscaling",
    returns="IMAGE",
    lane="device",
    words=("esrgan", "super resolution", "enlarge"),
)
def image_upscale_with_model(*, upscale_model: UpscaleModel, image: Image, context: Context) -> Image:
    """Enlarge a picture by a network, in tiles. The factor is the network's own."""
    models = Models.of(context)
    pixels = with_channels(image.pixels, upscale_model.image_channels).movedim(-1, 1)
    with models.network(upscale_model.network, Upscaler) as network, torch.inference_mode():
        enlarged = _upscaled(lambda tile: network(tile.to(models.network_device)), network.scale, pixels, context)
    return Image(enlarged.clamp(0.0, 1.0).movedim(1, -1).contiguous())


def _upscaled(enlarge: Compute, scale: float, pixels: Tensor, context: Context) -> Tensor:
    """In tiles, halved for as long as the device has no memory for them with nothing else in it."""
    size = _TILE
    while True:
        try:
            return _in_tiles(enlarge, scale, pixels, Tiling(size, size, _OVERLAP), context)
        except RuntimeError as error:
            if not is_out_of_memory(error) or size == _SMALLEST_TILE:
                raise
        Models.of(context).residency.make_room()  # here, where what the attempt held is free
        size //= 2


def _in_tiles(enlarge: Compute, scale: float, pixels: Tensor, tiling: Tiling, context: Context) -> Tensor:
    batch, _, height, width = pixels.shape
    total, done = batch * tiling.count(height, width), 0
    context.progress(0, total)

    def compute(tile: Tensor) -> Tensor:
        nonlocal done
        result = enlarge(tile).clamp(0.0, 1.0)
        done += 1
        context.progress(done, total)
        return result

    return tiled(pixels, compute, tiling, scale)
