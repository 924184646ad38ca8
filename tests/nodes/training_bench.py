"""What tests of training nodes share: a tiny model as handles, a folder of pictures, and a run that can be killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.folders import Folders
from nodes.sockets import Clip, Model, Vae
from tests.nodes.loaded import NAME, Loaded, context_in
from tests.nodes.training_models import write_tiny_model


def load_trainable(base: Path) -> Loaded:
    """The tiny model of `training_models.py`, as a workflow would load it."""
    folder = base / "models" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_model(folder / NAME)
    context = context_in(base)
    model, clip, vae = checkpoint_loader_simple(ckpt_name=NAME, context=context)
    assert isinstance(model, Model)
    assert isinstance(clip, Clip)
    assert isinstance(vae, Vae)
    return Loaded(model, clip, vae, context, context.service(Folders))


def write_picture(path: Path, size: tuple[int, int] = (32, 32), seed: int = 0, caption: str | None = None) -> None:
    """A picture of coloured stripes, with a caption beside it if there is to be one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (4, 3), dtype=np.uint8)
    stripes = colours[np.arange(size[0]) * 4 // size[0]]  # (W, 3)
    Pillow.fromarray(np.repeat(stripes[None], size[1], 0)).save(path)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
