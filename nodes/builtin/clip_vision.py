"""Pictures as CLIP sees them."""

from __future__ import annotations

from typing import Annotated, Literal

import torch

from graph.context import Context
from graph.declare import FileIn, node
from nodes.diffusion.clip_vision import ClipVision as ClipVisionTower
from nodes.diffusion.clip_vision import VisionEncoding, prepare_image
from nodes.models import Models, named_network
from nodes.sockets import ClipVision, ClipVisionOutput, Image
from nodes.weights.networks import open_clip_vision


@node("CLIPVisionLoader", display_name="Load CLIP Vision", category="loaders", returns="CLIP_VISION", lane="io")
def clip_vision_loader(*, clip_name: Annotated[str, FileIn("clip_vision")], context: Context) -> ClipVision:
    """A network that sees what is in a picture."""
    return ClipVision(named_network(context, "clip_vision", clip_name, "CLIP vision model", open_clip_vision))


@node(
    "CLIPVisionEncode",
    display_name="CLIP Vision Encode",
    category="conditioning",
    returns="CLIP_VISION_OUTPUT",
    lane="device",
)
def clip_vision_encode(
    *, clip_vision: ClipVision, image: Image, crop: Literal["center", "none"], context: Context
) -> ClipVisionOutput:
    """What CLIP sees in pictures; of a picture that is not square, in its centre or squeezed."""
    pixels = image.rgb
    models = Models.of(context)
    with models.network(clip_vision.network, ClipVisionTower) as tower, torch.inference_mode():
        prepared = prepare_image(pixels, tower.config.image_size, crop=crop == "center")
        seen = tower(prepared.to(models.network_device))
        encoding = VisionEncoding(seen.embeddings.cpu(), seen.last.cpu(), seen.penultimate.cpu())
    return ClipVisionOutput(encoding)
