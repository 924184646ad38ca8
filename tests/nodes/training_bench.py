"""What tests of training nodes share: a tiny model as handles, a folder of pictures, and a run that can be killed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
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
    if not (folder / NAME).exists():
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


def cut_off(path: Path) -> None:
    write_picture(path, (64, 64))
    path.write_bytes(path.read_bytes()[:-60])


def bomb(path: Path) -> None:
    """A file that says it is 60,000 pixels wide and high."""
    write_picture(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


BAD_PICTURES: dict[str, tuple[Callable[[Path], object], str]] = {
    "corrupt": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n not really"), "not a picture"),
    "cut off": (cut_off, "not a picture"),
    "empty": (lambda path: path.write_bytes(b""), "not a picture"),
    "no picture": (lambda path: path.write_text("hello"), "not a picture"),
    "huge": (bomb, "million pixels"),
}
"""How to write a picture that cannot be used, and what is said of it."""
