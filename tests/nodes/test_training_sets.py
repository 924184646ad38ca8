"""What is trained on: drawn by rule or from a folder, what is left out and why, and encoded once."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from graph.document import Document, Link, Node
from nodes.builtin.training_data import Unused, captioned_pictures, dataset_pictures, encode_dataset, procedural_scenes
from nodes.builtin.training_models import (
    train_vae,
)
from nodes.errors import UnsuitableInput
from nodes.sockets import Dataset
from nodes.training.errors import TrainingError
from nodes.training.sources import SceneSource
from tests.nodes.loaded import Loaded
from tests.nodes.running import Bench
from tests.nodes.training_bench import BAD_PICTURES, load_trainable, write_picture

ROOT = Path(__file__).parents[2]
SCENES = Dataset(SceneSource("training", 32, 24))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_trainable(tmp_path_factory.mktemp("model"))


def test_procedural_scenes_are_shown_with_their_captions(loaded: Loaded) -> None:
    dataset = procedural_scenes(split="held out", size=48, count=3, first_seed=7)
    image, captions = dataset_pictures(dataset=dataset, first=1, number=16, context=loaded.context)
    assert image.pixels.shape == (2, 48, 48, 3)
    assert len(captions.splitlines()) == 2
    with pytest.raises(UnsuitableInput):
        dataset_pictures(dataset=dataset, first=3, number=1, context=loaded.context)


def test_the_parts_of_a_long_training_follow_each_other() -> None:
    sources = [procedural_scenes(split="training", size=48, count=3, first_seed=7, part=part).source for part in (0, 2)]
    assert [source.first_seed for source in sources if isinstance(source, SceneSource)] == [7, 13]


def folder_of(loaded: Loaded, name: str) -> Path:
    folder = loaded.folders.root("input") / name
    write_picture(folder / "1.png", (40, 32), 1, "a cat")
    write_picture(folder / "2_more" / "2.png", (32, 48), 2, "a dog")
    return folder


def test_captioned_pictures_are_cut_to_squares_and_repeated(loaded: Loaded) -> None:
    folder_of(loaded, "plain")
    dataset, report = captioned_pictures(folder="plain", size=24, context=loaded.context)
    assert dataset.source.pictures(range(3)).shape == (3, 24, 24, 3)
    assert [dataset.source.caption(index, Random(0)) for index in range(3)] == ["a cat", "a dog", "a dog"]
    assert report.text == ("3 pictures",)


@pytest.mark.parametrize(
    ("options", "pictures", "code"),
    [
        ({}, 3, None),
        ({"without_caption": "empty caption"}, 4, None),
        ({"without_caption": "refuse"}, 0, "dataset_unusable"),
        ({"unusable": "refuse"}, 0, "dataset_unusable"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_skipped_or_refused_by_choice(
    options: dict[str, Any], pictures: int, code: str | None, loaded: Loaded
) -> None:
    folder = folder_of(loaded, "mixed")
    (folder / "bad.png").write_bytes(b"nothing")
    write_picture(folder / "silent.png", seed=4)
    if code is not None:
        with pytest.raises(TrainingError) as error:
            captioned_pictures(folder="mixed", size=24, context=loaded.context, **options)
        assert error.value.code == code
        assert ("silent.png" if "without_caption" in options else "bad.png") in str(error.value)
        return
    dataset, report = captioned_pictures(folder="mixed", size=24, context=loaded.context, **options)
    assert dataset.source.count == pictures
    assert "bad.png" in report.text[1]


@pytest.mark.parametrize("choice", ["skip", "refuse"])
@pytest.mark.parametrize("kind", BAD_PICTURES)
def test_any_picture_that_cannot_be_read_is_listed_or_refused(kind: str, choice: Unused, loaded: Loaded) -> None:
    write, reason = BAD_PICTURES[kind]
    folder = folder_of(loaded, f"{kind} {choice}")
    write(folder / "bad.png")
    (folder / "bad.txt").write_text("bad")
    if choice == "refuse":
        with pytest.raises(TrainingError, match=reason) as error:
            captioned_pictures(folder=folder.name, size=24, unusable=choice, context=loaded.context)
        assert error.value.code == "dataset_unusable"
        return
    dataset, report = captioned_pictures(folder=folder.name, size=24, unusable=choice, context=loaded.context)
    assert dataset.source.count == 3
    assert "1 files are not used: bad.png (" in report.text[1]
    assert reason in report.text[1]


@pytest.mark.parametrize(
    ("written", "reason", "usable"),
    [
        (None, "it has no caption", 3),
        (b"", "its caption is empty", 3),
        (b" \n", "its caption is empty", 3),
        (b"\xff\xfe", "its caption is not UTF-8 text", 3),
        ("\ufeffa cat".encode(), "", 4),
        (b"a" * (64 * 1024 - 1) + "\u00e9".encode(), "", 4),
    ],
    ids=["none", "empty", "blank", "other text", "byte order mark", "cut inside a character"],
)
def test_a_picture_without_a_caption_is_listed_with_the_reason(
    written: bytes | None, reason: str, usable: int, loaded: Loaded
) -> None:
    folder = folder_of(loaded, "captions")
    write_picture(folder / "odd.png", seed=4)
    if written is not None:
        (folder / "odd.txt").write_bytes(written)
    dataset, report = captioned_pictures(folder="captions", size=24, context=loaded.context)
    assert dataset.source.count == usable
    assert (f"odd.png ({reason})" in " ".join(report.text)) is bool(reason)


@pytest.mark.parametrize("choice", ["skip", "refuse"])
def test_pictures_too_deep_in_a_folder_are_listed_or_refused(choice: Unused, loaded: Loaded) -> None:
    folder = folder_of(loaded, "deep")
    write_picture(folder / "2_more" / "inner" / "3.png", seed=3, caption="a bird")
    if choice == "refuse":
        with pytest.raises(TrainingError, match=r"2_more/inner/3\.png"):
            captioned_pictures(folder="deep", size=24, unusable=choice, context=loaded.context)
        return
    dataset, report = captioned_pictures(folder="deep", size=24, context=loaded.context)
    assert dataset.source.count == 3
    assert "2_more/inner/3.png (it is in a folder of a subfolder)" in report.text[1]


def test_a_picture_that_is_used_often_is_encoded_once(loaded: Loaded) -> None:
    folder = folder_of(loaded, "often")
    shutil.copy(folder / "1.png", folder / "same.png")
    (folder / "same.txt").write_text("the same cat")
    dataset, _ = captioned_pictures(folder="often", size=32, context=loaded.context)
    with loaded.watched() as (context, progress):
        latents = encode_dataset(dataset=dataset, vae=loaded.vae, context=context)
    assert {of for _, of in progress.seen} == {2}
    first, same, dog, again = latents.latents
    assert torch.equal(first, same)
    assert torch.equal(dog, again)
    assert not torch.equal(first, dog)


@pytest.mark.parametrize("change", ["rewritten", "deleted", "torn"])
def test_a_dataset_that_changes_during_training_is_detected(change: str, loaded: Loaded) -> None:
    folder = folder_of(loaded, f"changing {change}")
    dataset, _ = captioned_pictures(folder=folder.name, size=32, context=loaded.context)
    match change:
        case "rewritten":
            write_picture(folder / "1.png", (40, 32), 9)
        case "deleted":
            (folder / "1.png").unlink()
        case _:
            (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:40])
    with pytest.raises(TrainingError) as error:
        train_vae(vae=loaded.vae, dataset=dataset, steps=2, batch_size=2, crop=32, context=loaded.context)
    assert error.value.code == "dataset_changed"
    assert "1.png" in str(error.value)


def test_unchanged_pictures_are_not_encoded_twice(loaded: Loaded, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    load_trainable(tmp_path)
    folder = bench.folders.root("input") / "set"
    write_picture(folder / "1.png", seed=1, caption="a cat")
    document = Document(
        nodes={
            "checkpoint": Node("CheckpointLoaderSimple", {"ckpt_name": "tiny.safetensors"}),
            "pictures": Node(
                "CaptionedPictures", {"folder": "set", "size": 32, "unusable": "skip", "without_caption": "skip"}
            ),
            "latents": Node(
                "EncodeDataset", {"dataset": Link("pictures", "DATASET"), "vae": Link("checkpoint", "VAE")}
            ),
            "show": Node("PreviewAny", {"source": Link("latents", "LATENT_DATASET")}),
        }
    )
    statuses = []
    for action in ("begin", "nothing", "add"):
        if action == "add":
            write_picture(folder / "2.png", seed=2, caption="a dog")
        finished = bench.run(document)
        statuses.append(finished.outcomes["latents"].status if "latents" in finished.outcomes else "cached")
    assert statuses[0] == statuses[2] == "ran"
    assert statuses[1] != "ran"
