"""What a loader says of a model file of another kind than it loads: what the file is, and where it belongs. People put a
LoRA among the checkpoints, and to read that no U-Net was found tells them nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nodes.weights.errors import WeightsError, WeightsMissing, WeightsUnknownFamily, WeightsWrongFamily
from nodes.weights.files import read_header
from nodes.weights.kinds import Kind, kind_of

LOADERS: Final[Mapping[str, str]] = {
    "checkpoints": "CheckpointLoaderSimple",
    "loras": "LoraLoader",
    "vae": "VAELoader",
    "vae_approx": "VAELoader",
    "text_encoders": "CLIPLoader",
    "diffusion_models": "UNETLoader",
    "clip_vision": "CLIPVisionLoader",
    "style_models": "StyleModelLoader",
    "controlnet": "ControlNetLoader",
    "gligen": "GLIGENLoader",
    "upscale_models": "UpscaleModelLoader",
    "hypernetworks": "HypernetworkLoader",
    "photomaker": "PhotoMakerLoader",
}
"""Folder of models to the node that loads what is in it. Embeddings are named in prompts."""


@contextmanager
def expecting(what: str, folder: str, path: Path) -> Iterator[None]:
    """Around the reading of a file that should be `what`, as those in `folder` are. A file that is refused and is of a kind
    that belongs elsewhere is refused as that, with the code that it was refused with."""
    try:
        yield
    except (WeightsUnknownFamily, WeightsWrongFamily, WeightsMissing) as error:
        kind = _kind(path)
        if kind is None or kind.folder == folder:
            raise
        message = f"{path.name} is no {what}, but of another kind: {kind.title}"
        raise type(error)(message, hint=f"Move it to models/{kind.folder}, and {_use(kind)}.") from None


def _kind(path: Path) -> Kind | None:
    try:
        return kind_of(read_header(path))
    except WeightsError:  # it went away, or is written to
        return None


def _use(kind: Kind) -> str:
    loader = LOADERS.get(kind.folder)
    return f"load it with {loader}" if loader else "write embedding:NAME in a prompt"
