"""A workspace keeps what it learned where it can; what it cannot keep costs time and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from server.workspace import Places, Workspace, folders_of


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


def test_who_only_looks_finds_the_files_that_a_run_finds(tmp_path: Path) -> None:
    where = Places(cache=tmp_path / "cache", inputs=tmp_path / "input")
    preview = tmp_path / "cache/temp/preview.png"
    preview.parent.mkdir(parents=True)
    preview.write_bytes(b"a picture")
    with Workspace(where) as workspace:
        assert workspace.folders.find("input", "preview.png [temp]") == preview
    assert folders_of(where).find("input", "preview.png [temp]") == preview
