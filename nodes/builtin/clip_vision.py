"""Pictures as CLIP sees them."""

from __future__ import annotations

from typing import Annotated, Literal

import torch

from graph.context import Context
from graph.declare import FileIn, node
from nodes.diffusion.clip_vision import ClipVision as ClipVisionTower
from nodes.diffusion.clip_vision import VisionEncoding, prepare_image
from nodes.folders import Folders
from nodes.models import Models
from nodes.sockets import ClipVision, ClipVisionOutput, Image
from nodes.weights.networks import NetworkRef, open_clip_vision


@node("CLIPVisionLoader", display_name="Load CLIP Vision", category="loaders", returns="CLIP_VISION", lane="io")
def clip_vision_loader(*, clip_name: Annotated[str, FileIn("clip_vision")], context: Context) -> ClipVision:
    """A network that sees what is in a picture."""
    folders = context.service(Folders)
    path = folders.existing("clip_vision", clip_name, "CLIP vision model")
    return ClipVision(NetworkRef(path, folders.digest(path), open_clip_vision(path)))


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
