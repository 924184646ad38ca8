"""Which models have a picture beside them: each root is walked once, and only pictures are followed to where they lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nodes.folders import Folders
from nodes.model_pictures import pictured


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A folder of two roots; in the second are a name of the first and one of its own."""
    for name in (
        "first/a/fox.pt",
        "first/a/fox.png",
        "first/bare.pt",
        "first/page.txt",
        "first/page.png",
        "first/Stem.PT",
    ):
        _write(tmp_path / name)
    for name in ("first/Stem.preview.webp", "second/bare.pt", "second/bare.png", "second/owl.ckpt", "second/owl.jpg"):
        _write(tmp_path / name)
    for name in ("pipelines/owl/model_index.json", "pipelines/owl/model.pt", "pipelines/owl/model.png"):
        _write(tmp_path / name)
    roots = (tmp_path / "first", tmp_path / "second")
    return Folders({"loras": roots, "diffusers": (tmp_path / "pipelines",)})


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_models_with_a_picture_are_named_each_in_the_root_that_is_meant(folders: Folders) -> None:
    assert pictured(folders, "loras") == ["Stem.PT", "a/fox.pt", "owl.ckpt"]
    assert pictured(folders, "diffusers") == []
    assert pictured(folders, "unknown") == []


def test_a_picture_of_which_a_better_one_leads_out_counts(folders: Folders, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    _write(outside)
    (tmp_path / "first" / "bare.png").symlink_to(outside)
    assert "bare.pt" not in pictured(folders, "loras")
    _write(tmp_path / "first" / "bare.gif")
    assert "bare.pt" in pictured(folders, "loras")


def test_roots_are_walked_and_resolved_once_however_many_pictures_there_are(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        _write(tmp_path / f"first/a/{number}.pt")
        _write(tmp_path / f"first/a/{number}.png")
    listed: list[Path] = []
    resolved: list[Path] = []
    asked: list[Path] = []
    scandir, resolve, is_file = os.scandir, Path.resolve, Path.is_file

    def listing(path: Path) -> Any:
        listed.append(Path(path))
        return scandir(path)

    def resolving(path: Path, strict: bool = False) -> Path:
        resolved.append(path)
        return resolve(path, strict)

    def asking(path: Path) -> bool:
        asked.append(path)
        return is_file(path)

    monkeypatch.setattr(os, "scandir", listing)
    monkeypatch.setattr(Path, "resolve", resolving)
    monkeypatch.setattr(Path, "is_file", asking)
    assert len(pictured(folders, "loras")) == 53
    assert sorted(path.name for path in listed) == ["a", "first", "second"]
    assert len(resolved) == 2 + 53
    assert asked == []
