"""Loading models. Nothing is read but the header: weights are loaded when a node first needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final

from graph.context import Context
from graph.declare import Choices, FileIn, node
from graph.result import Blocked
from nodes.folders import Folders
from nodes.misplaced import expecting
from nodes.sockets import Clip, Model, Vae
from nodes.weights.errors import WeightsMissing
from nodes.weights.keymaps import Part
from nodes.weights.load import Checkpoint, WeightsRef, open_checkpoint


@dataclass(frozen=True, slots=True)
class _Config:
    """What a configuration file of old says beyond what checkpoints tell themselves."""

    velocity: bool = False
    layer: int | None = None


_CONFIGS: Final[Mapping[str, _Config]] = {
    "anything_v3.yaml": _Config(layer=-2),
    "v1-inference.yaml": _Config(),
    "v1-inference_clip_skip_2.yaml": _Config(layer=-2),
    "v1-inference_clip_skip_2_fp16.yaml": _Config(layer=-2),
    "v1-inference_fp16.yaml": _Config(),
    "v1-inpainting-inference.yaml": _Config(),
    "v2-inference-v.yaml": _Config(velocity=True),
    "v2-inference-v_fp32.yaml": _Config(velocity=True),
    "v2-inference.yaml": _Config(),
    "v2-inference_fp32.yaml": _Config(),
    "v2-inpainting-inference.yaml": _Config(),
}


@node(
    "CheckpointLoaderSimple",
    display_name="Load Checkpoint",
    category="loaders",
    returns=("MODEL", "CLIP", "VAE"),
    lane="io",
    words=("model", "ckpt"),
)
def checkpoint_loader_simple(
    *, ckpt_name: Annotated[str, FileIn("checkpoints")], context: Context
) -> tuple[Model | Blocked, Clip | Blocked, Vae | Blocked]:
    """A whole model from one file: the diffusion model, its text encoder and its VAE."""
    folders = context.service(Folders)
    path = folders.existing("checkpoints", ckpt_name, "checkpoint")
    with expecting("checkpoint", "checkpoints", path):
        checkpoint = open_checkpoint(path)
        if not checkpoint.parts:
            raise WeightsMissing(
                f"{ckpt_name} has no part of a checkpoint", hint="Load it with the loader of its kind."
            )
    digest = folders.digest(path)
    refs = {part: WeightsRef(path, digest, part, checkpoint.config) for part in checkpoint.parts}
    model, vae = refs.get(Part.UNET), refs.get(Part.VAE)
    towers = _towers(checkpoint, refs)
    return (
        Model(model) if model else _absent(ckpt_name, "diffusion model"),
        Clip(towers) if towers else _absent(ckpt_name, "text encoder"),
        Vae(vae) if vae else _absent(ckpt_name, "VAE"),
    )


@node(
    "CheckpointLoader",
    display_name="Load Checkpoint With Config (DEPRECATED)",
    category="advanced/loaders",
    returns=("MODEL", "CLIP", "VAE"),
    lane="io",
    deprecated=True,
)
def checkpoint_loader(
    *,
    config_name: Annotated[str, Choices(tuple(_CONFIGS))],
    ckpt_name: Annotated[str, FileIn("checkpoints")],
    context: Context,
) -> tuple[Model | Blocked, Clip | Blocked, Vae | Blocked]:
    """A whole model from one file. Of the configuration only what a file does not tell is used: velocity, and CLIP skip."""
    model, clip, vae = checkpoint_loader_simple(ckpt_name=ckpt_name, context=context)
    settings = _CONFIGS[config_name]
    if settings.velocity and isinstance(model, Model):
        model = replace(model, schedule=replace(model.config.schedule, prediction="v"))
    if settings.layer is not None and isinstance(clip, Clip):
        clip = replace(clip, layer=settings.layer)
    return model, clip, vae


def _towers(checkpoint: Checkpoint, refs: dict[Part, WeightsRef]) -> tuple[WeightsRef, ...]:
    """The text encoders in the order in which their outputs are put together; none unless all are there."""
    wanted = (Part.TEXT, Part.TEXT_2)[: len(checkpoint.config.text)]
    return tuple(refs[part] for part in wanted) if all(part in refs for part in wanted) else ()


def _absent(name: str, part: str) -> Blocked:
    return Blocked(f"{name} contains no {part}: load it from another file")
