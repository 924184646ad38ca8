"""Animations: every frame at its speed, with the workflow where other programs look for it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageSequence

from graph.context import Context
from nodes.animations import encode_animated_png, encode_animated_webp
from nodes.builtin.image_animation import save_animated_png, save_animated_webp
from nodes.folders import Folders, standard_folders
from nodes.sockets import Image

FRAMES = torch.stack([torch.full((6, 8, 3), value) for value in (0.0, 0.5, 1.0)])
TEXTS = {"prompt": '{"1": {}}', "workflow": '{"name": "x"}'}


@pytest.mark.parametrize(
    "data",
    [
        encode_animated_webp(FRAMES, TEXTS, fps=4.0, lossless=True, quality=80, method=4),
        encode_animated_png(FRAMES, TEXTS, fps=4.0, compression=4),
    ],
    ids=["webp", "png"],
)
def test_frames_and_their_speed(data: bytes) -> None:
    with Pillow.open(io.BytesIO(data)) as animation:
        frames = [frame.convert("RGB").getpixel((0, 0)) for frame in ImageSequence.Iterator(animation)]
        assert animation.info["duration"] == pytest.approx(250)
    assert frames == [(0, 0, 0), (127, 127, 127), (255, 255, 255)]


def test_where_the_workflow_is() -> None:
    webp = encode_animated_webp(FRAMES, TEXTS, fps=4.0, lossless=False, quality=50, method=0)
    with Pillow.open(io.BytesIO(webp)) as animation:
        exif = animation.getexif()
    assert exif[0x0110] == f"prompt:{TEXTS['prompt']}"
    assert exif[0x010F] == f"workflow:{TEXTS['workflow']}"
    with Pillow.open(io.BytesIO(encode_animated_png(FRAMES, TEXTS, fps=4.0, compression=4))) as animation:
        assert animation.info["prompt"] == TEXTS["prompt"]


def test_files_are_numbered(tmp_path: Path) -> None:
    context = Context(services={Folders: standard_folders(tmp_path)}, metadata=TEXTS)
    first = save_animated_webp(images=Image(FRAMES), filename_prefix="a", method="fastest", context=context)
    second = save_animated_png(images=Image(FRAMES), filename_prefix="a", context=context)
    assert [one.name for report in (first, second) for one in report.files] == ["a_00001_.webp", "a_00002_.png"]
