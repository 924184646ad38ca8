"""A workspace keeps what it learned where it can; what it cannot keep costs time and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from graph.cache.disk import DiskStore
from graph.values import Values
from server.options import Parser, add_places, places
from server.workspace import DISK_CAP, GIB, Places, Workspace, folders_of


def test_digests_of_files_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    for remembered in (False, True):
        with Workspace(Places(cache=tmp_path / "cache")) as workspace:
            assert bool(workspace.folders.digests.known) is remembered
            workspace.folders.digest(file)


def test_a_full_disk_does_not_spoil_a_run_that_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")

    def full(_sql: str, _rows: Iterable[Sequence[object]]) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with Workspace(Places(cache=tmp_path / "cache")) as workspace:
        workspace.folders.digest(file)
        monkeypatch.setattr(workspace.index, "change", full)
    with Workspace(Places(cache=tmp_path / "cache")) as workspace:
        assert workspace.folders.digests.known == {}


@pytest.mark.parametrize(
    ("words", "size"), [([], DISK_CAP), (["--cache-size", "0.5"], GIB // 2), (["--cache-size", "0"], 0)]
)
def test_the_cache_on_disk_takes_what_it_was_given(words: list[str], size: int, tmp_path: Path) -> None:
    parser = Parser(prog="test", description=None)
    add_places(parser)
    chosen = places(parser.parse_args([*words, "--cache", str(tmp_path)]))
    with Workspace(chosen) as workspace:
        disk = workspace.cache(Values()).tiers[-1]
        assert isinstance(disk, DiskStore)
        assert disk.cap == size


def test_who_only_looks_finds_the_files_that_a_run_finds(tmp_path: Path) -> None:
    where = Places(cache=tmp_path / "cache", inputs=tmp_path / "input")
    preview = tmp_path / "cache/temp/preview.png"
    preview.parent.mkdir(parents=True)
    preview.write_bytes(b"a picture")
    with Workspace(where) as workspace:
        assert workspace.folders.find("input", "preview.png [temp]") == preview
    assert folders_of(where).find("input", "preview.png [temp]") == preview
