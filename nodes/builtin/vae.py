"""Pictures to latents and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Final

import torch
from torch import Tensor

from graph.context import Context
from graph.declare import Range, node
from nodes.diffusion.conditioning import ConcatImage
from nodes.diffusion.inpaint import grey_out, grow_noise_mask, inpaint_picture
from nodes.diffusion.tiling import Tiling, tiled_thrice
from nodes.diffusion.vae import Autoencoder, crop_to_multiple, decode_image, encode_image, picture_of, pixels_of
from nodes.errors import UnsuitableInput
from nodes.memory.shortage import NotEnoughMemory, is_out_of_memory
from nodes.models import Models
from nodes.sockets import Conditioning, Image, Latent, Mask, Vae

_TILES: Final = (64, 32, 16)  # in cells, for pictures that memory does not hold
_OVERLAPS: Final = 4  # a tile shares a fourth of it with the next


@node(
    "VAEDecode",
    display_name="VAE Decode",
    category="latent",
    returns="IMAGE",
    lane="device",
    words=("latent to image",),
)
def vae_decode(*, samples: Latent, vae: Vae, context: Context) -> Image:
    """Decode latents to pictures."""
    channels = vae.config.vae.embed_dim
    if samples.samples.shape[1] != channels:
        raise UnsuitableInput(f"this VAE decodes latents of {channels} channels, not {samples.samples.shape[1]}")
    models = Models.of(context)
    device = models.device(vae.weights)
    decoded = []
    with models.vae(vae.weights) as module, torch.inference_mode():
        for latent in samples.samples.unbind():  # one by one: a batch needs no more memory than a single picture
            context.cancel.check()
            decoded.append(_decoded(module, latent[None], device, models.residency.make_room))
    return Image(torch.cat(decoded))


@node(
    "VAEEncode",
    display_name="VAE Encode",
    category="latent",
    returns="LATENT",
    lane="device",
    words=("image to latent", "img2img"),
)
def vae_encode(*, pixels: Image, vae: Vae, context: Context) -> Latent:
    """Encode pictures to latents. Sides are cropped to multiples of 8 around the centre."""
    return Latent(_encode(pixels.pixels, vae, context))


@node(
    "VAEEncodeForInpaint",
    display_name="VAE Encode (for Inpainting)",
    category="latent/inpaint",
    returns="LATENT",
    lane="device",
    words=("inpainting",),
)
def vae_encode_for_inpaint(
    *, pixels: Image, vae: Vae, mask: Mask, grow_mask_by: Annotated[int, Range(0, 64, 1)] = 6, context: Context
) -> Latent:
    """Encode pictures with what is masked greyed out, to be painted anew from noise (denoise 1).

    The mask is grown by some pixels, so that the seam is painted too.
    """
    image, fitted = inpaint_picture(pixels.pixels, mask.values, vae.config.vae.downscale)
    noise_mask = grow_noise_mask(fitted, grow_mask_by)
    return Latent(_encode(grey_out(image, fitted), vae, context), noise_mask.squeeze(1))


@node(
    "InpaintModelConditioning",
    category="conditioning/inpaint",
    returns=("positive", "negative", "latent"),
    lane="device",
    words=("inpainting",),
)
def inpaint_model_conditioning(
    *,
    positive: Conditioning,
    negative: Conditioning,
    vae: Vae,
    pixels: Image,
    mask: Mask,
    noise_mask: bool = True,
    context: Context,
) -> tuple[Conditioning, Conditioning, Latent]:
    """Show a picture, with what is masked greyed out, to an inpainting model. The latent is that of the whole picture."""
    image, fitted = inpaint_picture(pixels.pixels, mask.values, vae.config.vae.downscale)
    cut = fitted.squeeze(1)
    shown = ConcatImage(_encode(grey_out(image, fitted), vae, context), cut)
    latent = Latent(_encode(image, vae, context), cut if noise_mask else None)
    return _showing(positive, shown), _showing(negative, shown), latent


@node(
    "InstructPixToPixConditioning",
    category="conditioning/instructpix2pix",
    returns=("positive", "negative", "latent"),
    lane="device",
)
def instruct_pix_to_pix_conditioning(
    *, positive: Conditioning, negative: Conditioning, vae: Vae, pixels: Image, context: Context
) -> tuple[Conditioning, Conditioning, Latent]:
    """Show a picture to a model that edits by instruction. The latent is an empty one of its size."""
    shown = ConcatImage(_encode(pixels.pixels, vae, context))
    return _showing(positive, shown), _showing(negative, shown), Latent(torch.zeros_like(shown.latent))


def _encode(pixels: Tensor, vae: Vae, context: Context) -> Tensor:
    """[B, H, W, C] -> [B, 4, h, w] float32 on the CPU."""
    models = Models.of(context)
    device = models.device(vae.weights)
    encoded = []
    with models.vae(vae.weights) as module, torch.inference_mode():
        for image in pixels.unbind():
            context.cancel.check()
            encoded.append(_encoded(module, image[None], device, models.residency.make_room))
    return torch.cat(encoded)


def _decoded(module: Autoencoder, latent: Tensor, device: torch.device, make_room: Callable[[], None]) -> Tensor:
    """The picture of one latent, both on the CPU; in tiles where the device has no memory for the whole."""
    scale = module.config.downscale

    def in_tiles(size: int) -> Tensor:
        tiling = Tiling(size, size, size // _OVERLAPS)
        return picture_of(tiled_thrice(latent, lambda tile: module.decode(tile.to(device)), tiling, scale))

    return _as_memory_allows(lambda: decode_image(module, latent.to(device)).cpu(), in_tiles, make_room, scale)


def _encoded(module: Autoencoder, image: Tensor, device: torch.device, make_room: Callable[[], None]) -> Tensor:
    """The latent of one picture, both on the CPU; in tiles where the device has no memory for the whole."""
    scale = module.config.downscale

    def in_tiles(size: int) -> Tensor:
        pixels = crop_to_multiple(pixels_of(image, module.config.image_channels), scale)
        tiling = Tiling(size * scale, size * scale, size * scale // (2 * _OVERLAPS))
        return tiled_thrice(pixels, lambda tile: module.encode(tile.to(device)).mode(), tiling, 1 / scale)

    return _as_memory_allows(lambda: encode_image(module, image.to(device)).cpu(), in_tiles, make_room, scale)


def _as_memory_allows(
    whole: Callable[[], Tensor], in_tiles: Callable[[int], Tensor], make_room: Callable[[], None], scale: int
) -> Tensor:
    """The whole at once; with nothing else in memory; in tiles, smaller and smaller. Raises `NotEnoughMemory`."""
    ways: list[Callable[[], Tensor]] = [whole, whole, *(partial(in_tiles, size) for size in _TILES)]
    for way in ways:
        try:
            return way()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        make_room()  # here, where what the attempt held is free
    raise NotEnoughMemory(
        f"there is no memory for a picture in tiles of {_TILES[-1] * scale} pixels",
        hint="Close other programs, or use a tiny autoencoder (TAESD).",
    )


def _showing(conditioning: Conditioning, shown: ConcatImage) -> Conditioning:
    return Conditioning(tuple(replace(entry, concat=shown) for entry in conditioning.entries))
