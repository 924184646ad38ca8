"""Guiding by what CLIP sees in pictures: models that were trained for it (unCLIP)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from graph.context import Context
from graph.declare import FileIn, Range, node
from graph.result import Blocked
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.ranges import Share
from nodes.diffusion.conditioning import PictureHint
from nodes.models import named_network
from nodes.sockets import Clip, ClipVision, ClipVisionOutput, Conditioning, Model, Vae
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.networks import open_clip_vision


@node("unCLIPCheckpointLoader", category="loaders", returns=("MODEL", "CLIP", "VAE", "CLIP_VISION"), lane="io")
def unclip_checkpoint_loader(
    *, ckpt_name: Annotated[str, FileIn("checkpoints")], context: Context
) -> tuple[Model | Blocked, Clip | Blocked, Vae | Blocked, ClipVision | Blocked]:
    """A whole model from one file, with the network that sees pictures for it."""
    model, clip, vae = checkpoint_loader_simple(ckpt_name=ckpt_name, context=context)
    try:
        vision = ClipVision(named_network(context, "checkpoints", ckpt_name, "checkpoint", open_clip_vision))
    except WeightsUnknownFamily:
        return model, clip, vae, Blocked(f"{ckpt_name} contains no CLIP vision model: load it from another file")
    return model, clip, vae, vision


@node("unCLIPConditioning", category="conditioning", returns="CONDITIONING", lane="inline")
def unclip_conditioning(
    *,
    conditioning: Conditioning,
    clip_vision_output: ClipVisionOutput,
    strength: Annotated[float, Range(-10.0, 10.0, 0.01)] = 1.0,
    noise_augmentation: Share = 0.0,
) -> Conditioning:
    """Guide an unCLIP model by what CLIP saw in a picture. The less noise is added, the closer it follows.

    Several may follow each other. SDXL takes pictures in the place of its pooled prompt; other models take no notice.
    """
    if strength == 0:
        return conditioning
    hint = PictureHint(clip_vision_output.encoding.embeddings, strength, noise_augmentation)
    return Conditioning(tuple(replace(entry, pictures=(*entry.pictures, hint)) for entry in conditioning.entries))
