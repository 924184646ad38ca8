"""Loading models. Nothing is read but the header: weights are loaded when a node first needs them."""

from __future__ import annotations

from typing import Annotated

from graph.context import Context
from graph.declare import FileIn, node
from graph.result import Blocked
from nodes.folders import FolderError, Folders
from nodes.sockets import Clip, Model, Vae
from nodes.weights.keymaps import Part
from nodes.weights.load import Checkpoint, WeightsRef, open_checkpoint


@node(
    "CheckpointLoaderSimple",
    display_name="Load Checkpoint",
    category="loaders",
    returns=("MODEL", "CLIP", "VAE"),
    lane="io",
)
def checkpoint_loader_simple(
    *, ckpt_name: Annotated[str, FileIn("checkpoints")], context: Context
) -> tuple[Model | Blocked, Clip | Blocked, Vae | Blocked]:
    """A whole model from one file: the diffusion model, its text encoder and its VAE."""
    folders = context.service(Folders)
    path = folders.find("checkpoints", ckpt_name)
    if path is None:
        raise FolderError(f"there is no checkpoint {ckpt_name!r}", code="file_not_found")
    checkpoint = open_checkpoint(path)
    digest = folders.digest(path)
    refs = {part: WeightsRef(path, digest, part, checkpoint.config) for part in checkpoint.parts}
    model, vae = refs.get(Part.UNET), refs.get(Part.VAE)
    towers = _towers(checkpoint, refs)
    return (
        Model(model) if model else _absent(ckpt_name, "diffusion model"),
        Clip(towers) if towers else _absent(ckpt_name, "text encoder"),
        Vae(vae) if vae else _absent(ckpt_name, "VAE"),
    )


def _towers(checkpoint: Checkpoint, refs: dict[Part, WeightsRef]) -> tuple[WeightsRef, ...]:
    """The text encoders in the order in which their outputs are put together; none unless all are there."""
    wanted = (Part.TEXT, Part.TEXT_2)[: len(checkpoint.config.text)]
    return tuple(refs[part] for part in wanted) if all(part in refs for part in wanted) else ()


def _absent(name: str, part: str) -> Blocked:
    return Blocked(f"{name} contains no {part}: load it from another file")
