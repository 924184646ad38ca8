"""Folders of pictures with captions: what is found, what is left out and why, and that a change is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from graph.result import Report
from nodes.builtin import picture_sets
from nodes.builtin.picture_sets import load_image_set_from_folder, load_image_text_set_from_folder
from nodes.errors import UnsuitableInput
from nodes.folders import FolderError
from nodes.sockets import Conditioning, Image
from nodes.training.errors import TrainingError
from nodes.training.picture_folders import ResizeMethod, read_set, scan
from tests.nodes.loaded import Loaded
from tests.nodes.training_bench import BAD_PICTURES, load_trainable, write_picture

GIGABYTE = 2**30


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return load_trainable(tmp_path)


@pytest.fixture
def folder(loaded: Loaded) -> Path:
    made = loaded.folders.root("input") / "sprites"
    made.mkdir(parents=True)
    return made


def load(loaded: Loaded, **options: object) -> tuple[Image, Conditioning, str]:
    image, conditioning, report = load_image_text_set_from_folder(
        folder="sprites",
        clip=loaded.clip,
        context=loaded.context,
        **options,  # type: ignore[arg-type]
    )
    assert isinstance(report, Report)
    return image, conditioning, "\n".join(report.text)


def test_names_repeats_and_captions(folder: Path) -> None:
    write_picture(folder / "b.png", caption="  a cat \n")
    write_picture(folder / "a.JPG", caption="\ufeffa dog")
    write_picture(folder / "3_hat" / "c.webp", caption="a hat")
    write_picture(folder / "plain" / "d.png")
    write_picture(folder / ".hidden" / "e.png")
    (folder / "notes.txt").write_text("no picture")
    found = [(one.name, one.repeats, one.caption) for one in scan(folder)]
    assert found == [
        ("a.JPG", 1, "a dog"),
        ("b.png", 1, "a cat"),
        ("3_hat/c.webp", 3, "a hat"),
        ("plain/d.png", 1, None),
    ]


def test_pictures_and_their_conditionings_stand_in_one_order(loaded: Loaded, folder: Path) -> None:
    write_picture(folder / "1.png", seed=1, caption="a cat")
    write_picture(folder / "2_two" / "2.png", seed=2, caption="a dog")
    image, conditioning, text = load(loaded)
    assert image.pixels.shape == (3, 32, 32, 3)
    assert torch.equal(image.pixels[1], image.pixels[2])
    assert not torch.equal(image.pixels[0], image.pixels[1])
    expected = [loaded.prompt(words).entries[0].embedding for words in ("a cat", "a dog", "a dog")]
    assert all(torch.equal(a.embedding, b) for a, b in zip(conditioning.entries, expected, strict=True))
    assert text == "3 pictures of 32x32"


@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_a_picture_that_cannot_be_used_is_listed_and_left_out(kind: str, loaded: Loaded, folder: Path) -> None:
    write, reason = BAD_PICTURES[kind]
    write(folder / "bad.png")
    (folder / "bad.txt").write_text("bad")
    write_picture(folder / "good.png", caption="a cat")
    image, conditioning, text = load(loaded)
    assert (len(image.pixels), len(conditioning.entries)) == (1, 1)
    assert "1 files are not used: bad.png (" in text
    assert reason in text


@pytest.mark.parametrize("caption", [None, "", " \n ", b"\xff\xfe\xfa"])
def test_a_picture_without_a_caption_is_told_and_has_an_empty_one(
    caption: str | bytes | None, loaded: Loaded, folder: Path
) -> None:
    write_picture(folder / "1.png", caption="a cat")
    write_picture(folder / "2.png")
    if caption is not None:
        (folder / "2.txt").write_bytes(caption.encode() if isinstance(caption, str) else caption)
    _, conditioning, text = load(loaded)
    assert torch.equal(conditioning.entries[1].embedding, loaded.prompt("").entries[0].embedding)
    assert "1 pictures have no caption" in text


@pytest.mark.parametrize("bad", [[], ["bad.png"]])
def test_a_folder_without_any_picture_to_use_is_refused(bad: list[str], loaded: Loaded, folder: Path) -> None:
    for name in bad:
        (folder / name).write_bytes(b"")
    with pytest.raises(TrainingError) as error:
        load(loaded)
    assert error.value.code == "dataset_empty"
    assert all(name in str(error.value) for name in bad)
    assert "10_cat" in str(error.value.hint)


@pytest.mark.parametrize("name", ["none", "../input/sprites", "sprites/../..", ""])
def test_a_folder_that_is_not_there_is_refused(name: str, loaded: Loaded, folder: Path) -> None:
    with pytest.raises(FolderError):
        load_image_set_from_folder(folder=name, context=loaded.context)


def test_a_set_that_does_not_fit_into_memory_is_refused_before_it_is_read(folder: Path) -> None:
    write_picture(folder / "10000_cat" / "1.png", (32, 32))
    with pytest.raises(TrainingError) as error:
        read_set(scan(folder), "None", None, 100 * 32 * 32 * 12)
    assert error.value.code == "dataset_too_large"


@pytest.mark.parametrize(
    ("method", "corner", "middle"),
    [("Stretch", "picture", "picture"), ("Crop", "picture", "picture"), ("Pad", "black", "picture")],
)
def test_other_sizes_are_fitted(method: ResizeMethod, corner: str, middle: str, folder: Path) -> None:
    write_picture(folder / "1.png", (32, 32))
    Pillow.new("RGB", (64, 32), "white").save(folder / "2.png")
    pixels = read_set(scan(folder), method, None, GIGABYTE).pixels
    assert pixels.shape == (2, 32, 32, 3)
    seen = {"black": 0.0, "picture": 1.0}
    assert pixels[1, 0, 0].mean() == pytest.approx(seen[corner], abs=1e-3)
    assert pixels[1, 16, 16].mean() == pytest.approx(seen[middle], abs=1e-3)


def test_sizes_that_differ_need_a_method(loaded: Loaded, folder: Path) -> None:
    write_picture(folder / "1.png", (32, 32))
    write_picture(folder / "2.png", (48, 32))
    with pytest.raises(TrainingError) as error:
        load(loaded)
    assert error.value.code == "dataset_sizes"
    assert "2.png is 48x32" in str(error.value)
    assert load(loaded, resize_method="Crop", width=16, height=24)[0].pixels.shape == (2, 24, 16, 3)


def test_one_side_alone_is_no_size(loaded: Loaded, folder: Path) -> None:
    write_picture(folder / "1.png")
    with pytest.raises(UnsuitableInput):
        load(loaded, width=16)


def test_a_folder_that_changes_while_it_is_read_is_noticed(
    loaded: Loaded, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(folder / "1.png")

    def scan_then_change(path: Path) -> object:
        found = scan(path)
        write_picture(path / "2.png", seed=2)
        return found

    monkeypatch.setattr(picture_sets, "scan", scan_then_change)
    with pytest.raises(TrainingError) as error:
        load(loaded)
    assert error.value.code == "dataset_changed"


def test_folders_are_named_and_told_apart_by_what_is_in_them(loaded: Loaded, folder: Path) -> None:
    folders = loaded.folders
    write_picture(folder / "1.png", seed=1, caption="a cat")
    assert "sprites" in folders.names("datasets")  # beside the one that comes with the workflows
    assert folders.find("datasets", "sprites") == folder
    assert "datasets" not in folders.models
    digests = [folders.digest(folder)]
    (folder / "1.txt").write_text("a dog")
    digests.append(folders.digest(folder))
    write_picture(folder / "2.png")
    digests.append(folders.digest(folder))
    (folder / "2.png").rename(folder / "3.png")
    digests.append(folders.digest(folder))
    assert len(set(digests)) == 4
    assert folders.digest(folder) == digests[-1]
