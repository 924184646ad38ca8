"""Nodes that read and write files: pictures, latents, and what is shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow
from safetensors import safe_open
from safetensors.torch import save_file

from graph.context import Context
from graph.errors import Cancelled
from graph.result import Report
from nodes.builtin.image_files import (
    load_image,
    load_image_mask,
    load_image_output,
    mask_preview,
    preview_image,
    save_image,
)
from nodes.builtin.latent_files import load_latent, save_latent
from nodes.builtin.preview_any import preview_any
from nodes.errors import UnsuitableInput
from nodes.folders import FolderError, Folders, standard_folders
from nodes.pictures import PictureError
from nodes.sockets import Image, Latent, Mask, Sigmas

TEXTS = {"latentgraph": '{"format": "latentgraph/1"}', "prompt": '{"1": {}}'}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "input").mkdir()
    return Context(services={Folders: standard_folders(tmp_path)}, metadata=TEXTS)


def picture(path: Path, color: tuple[int, ...]) -> None:
    Pillow.new("RGB" if len(color) == 3 else "RGBA", (3, 2), color).save(path)


# Loading pictures


def test_a_picture_and_its_transparency(context: Context, tmp_path: Path) -> None:
    picture(tmp_path / "input/a.png", (255, 0, 0, 51))
    image, mask = load_image(image="a.png", context=context)
    assert image.pixels.shape == (1, 2, 3, 3)
    torch.testing.assert_close(image.pixels[0, 0, 0], torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(mask.values, torch.full((1, 2, 3), 0.8))


def test_an_opaque_picture_has_an_empty_mask(context: Context, tmp_path: Path) -> None:
    picture(tmp_path / "input/a.png", (255, 0, 0))
    _, mask = load_image(image="a.png", context=context)
    assert torch.equal(mask.values, torch.zeros(1, 64, 64))


def test_a_picture_from_another_folder(context: Context, tmp_path: Path) -> None:
    (saved,) = save_image(images=Image(torch.ones(1, 2, 2, 3)), context=context).files
    image, _ = load_image(image=f"{saved.name} [output]", context=context)
    assert torch.equal(image.pixels, torch.ones(1, 2, 2, 3))


@pytest.mark.parametrize(
    ("color", "channel", "value", "size"),
    [
        ((255, 0, 0, 51), "alpha", 0.8, (2, 3)),
        ((255, 51, 0), "alpha", 0.0, (2, 3)),
        ((255, 51, 0), "red", 1.0, (2, 3)),
        ((255, 51, 0), "green", 0.2, (2, 3)),
        ((255, 51, 0, 9), "blue", 0.0, (2, 3)),
    ],
)
def test_a_channel_as_a_mask(
    context: Context, tmp_path: Path, color: tuple[int, ...], channel: str, value: float, size: tuple[int, int]
) -> None:
    picture(tmp_path / "input/a.png", color)
    mask = load_image_mask(image="a.png", channel=channel, context=context)  # type: ignore[arg-type]
    torch.testing.assert_close(mask.values, torch.full((1, *size), value))


@pytest.mark.parametrize("name", ["gone.png", "../secret.png", "/etc/passwd", "gone.png [output]"])
def test_pictures_that_are_not_there(context: Context, tmp_path: Path, name: str) -> None:
    picture(tmp_path / "secret.png", (1, 2, 3))
    with pytest.raises(FolderError) as missing:
        load_image(image=name, context=context)
    assert missing.value.code == "file_not_found"


def test_a_damaged_picture_is_refused_by_name(context: Context, tmp_path: Path) -> None:
    (tmp_path / "input/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PictureError, match=r"broken\.png"):
        load_image(image="broken.png", context=context)


# Saving pictures


def test_a_batch_is_saved_with_the_workflow_inside(context: Context, tmp_path: Path) -> None:
    images = Image(torch.stack([torch.zeros(2, 4, 3), torch.ones(2, 4, 3)]))
    report = save_image(images=images, filename_prefix="sub/%width%x%height%", context=context)
    assert [saved.name for saved in report.files] == ["sub/4x2_00001_.png", "sub/4x2_00002_.png"]
    for saved, level in zip(report.files, (0, 255), strict=True):
        assert saved.path == str(tmp_path / "output" / saved.name)
        assert saved.bytes == os.path.getsize(saved.path)
        with Pillow.open(saved.path) as written:
            assert written.getpixel((0, 0)) == (level,) * 3
            assert written.info == TEXTS


@pytest.mark.parametrize(
    ("prefix", "pattern"),
    [
        ("ComfyUI", r"ComfyUI_00001_\.png"),
        ("%date:yyyy-MM-dd%/x", r"\d{4}-\d\d-\d\d/x_00001_\.png"),
        ("%batch_num%", r"0_00001_\.png"),
    ],
)
def test_names_of_saved_pictures(context: Context, prefix: str, pattern: str) -> None:
    (saved,) = save_image(images=Image(torch.zeros(1, 1, 1, 3)), filename_prefix=prefix, context=context).files
    assert re.fullmatch(pattern, saved.name)


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "a/../../x"])
def test_pictures_are_saved_nowhere_but_in_the_output_folder(context: Context, tmp_path: Path, prefix: str) -> None:
    with pytest.raises(FolderError) as refused:
        save_image(images=Image(torch.zeros(1, 1, 1, 3)), filename_prefix=prefix, context=context)
    assert refused.value.code == "path_outside_folder"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input"]


def test_a_cancelled_run_saves_no_more(context: Context, tmp_path: Path) -> None:
    context.cancel.cancel()
    with pytest.raises(Cancelled):
        save_image(images=Image(torch.zeros(1, 1, 1, 3)), context=context)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    "show",
    [
        lambda context: preview_image(images=Image(torch.full((1, 2, 3, 3), 0.5)), context=context),
        lambda context: mask_preview(mask=Mask(torch.full((1, 2, 3), 0.5)), context=context),
    ],
)
def test_previews_go_to_the_temporary_folder(
    context: Context, tmp_path: Path, show: Callable[[Context], Report]
) -> None:
    (saved,) = show(context).files
    assert saved.folder == "temp"
    assert saved.path.startswith(str(tmp_path / "temp"))
    with Pillow.open(saved.path) as written:
        assert (written.size, written.getpixel((0, 0))) == ((3, 2), (127, 127, 127))


# Latents


def test_a_latent_survives_being_saved(context: Context, tmp_path: Path) -> None:
    latent = Latent(torch.randn(2, 4, 3, 5))
    (saved,) = save_latent(samples=latent, context=context).files
    assert saved.name == "latents/ComfyUI_00001_.latent"
    with safe_open(saved.path, "pt") as file:
        assert file.metadata() == TEXTS
    os.rename(saved.path, tmp_path / "input/a.latent")
    assert torch.equal(load_latent(latent="a.latent", context=context).samples, latent.samples)


def test_a_latent_without_metadata(context: Context) -> None:
    (saved,) = save_latent(samples=Latent(torch.zeros(1, 4, 1, 1)), context=replace(context, metadata={})).files
    with safe_open(saved.path, "pt") as file:
        assert not file.metadata()


def test_old_latents_were_scaled(context: Context, tmp_path: Path) -> None:
    save_file({"latent_tensor": torch.full((1, 4, 1, 1), 0.18215).half()}, tmp_path / "input/old.latent")
    loaded = load_latent(latent="old.latent", context=context)
    torch.testing.assert_close(loaded.samples, torch.ones(1, 4, 1, 1), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"something": torch.zeros(1, 4, 1, 1)}, "holds no latent"),
        ({"latent_tensor": torch.zeros(1, 16, 1, 1, 1)}, r"\[1, 16, 1, 1, 1\]"),
    ],
)
def test_files_that_hold_no_latent(
    context: Context, tmp_path: Path, tensors: dict[str, torch.Tensor], message: str
) -> None:
    save_file(tensors, tmp_path / "input/x.latent")
    with pytest.raises(UnsuitableInput, match=message):
        load_latent(latent="x.latent", context=context)


def test_a_missing_latent_is_named(context: Context) -> None:
    with pytest.raises(FolderError, match="gone"):
        load_latent(latent="gone.latent", context=context)


# Showing


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        (7, "7"),
        (0.1, "0.1"),
        (True, "True"),
        (None, "None"),
        (Sigmas(torch.tensor([1.0, 0.0])), "SIGMAS [2] float32 0..1"),
        (Image(torch.zeros(1, 2, 2, 3)), "IMAGE [1,2,2,3] float32 0..0"),
    ],
)
def test_anything_can_be_shown(value: object, text: str) -> None:
    assert preview_any(source=value) == Report(text=(text,))


def test_a_picture_from_the_output_folder(context: Context) -> None:
    (saved,) = save_image(images=Image(torch.full((1, 2, 3, 3), 0.2)), context=context).files
    for name in (saved.name, f"{saved.name} [output]"):
        picture, mask = load_image_output(image=name, context=context)
        torch.testing.assert_close(picture.pixels, torch.full((1, 2, 3, 3), 0.2))
        assert not bool(mask.values.any())
    with pytest.raises(FolderError, match="in the output folder"):
        load_image_output(image="gone.png", context=context)
