"""A workspace keeps what it learned where it can; what it cannot keep costs time and nothing else."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from graph.cache.disk import DiskStore
from graph.context import CancelToken
from graph.keys import Environment
from graph.values import Values
from server.jobs.request import JobRequest
from server.options import Parser, add_places, places
from server.worker.engine import Engine
from server.workspace import DISK_CAP, GIB, Places, Workspace, folders_of, trim_previews
from tests.graph.engine import document, made
from tests.toy_nodes import toys
from tests.toy_values import OutputFolder, toy_values


def _settled(file: Path) -> Path:
    """A file that was written some time ago: its content is not looked at again."""
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"content")
    os.utime(file, (1e9, 1e9))
    return file


def test_what_a_worker_found_a_file_to_hold_is_remembered_when_it_is_killed(tmp_path: Path) -> None:
    _settled(tmp_path / "input" / "a.txt")
    where = Places(inputs=tmp_path / "input", output=tmp_path / "output", cache=tmp_path / "cache")
    request = JobRequest(document(read=made("ReadText", file="a.txt")), ("read",))
    killed = Workspace(where)  # never closed
    services: dict[type, object] = {OutputFolder: OutputFolder(tmp_path / "output")}
    list(Engine(killed, toys(), toy_values(), services, Environment()).run(request, CancelToken()).events)
    with Workspace(where) as workspace:
        assert len(workspace.folders.digests.known) == 1
    killed.close()


def test_digests_of_files_are_remembered(tmp_path: Path) -> None:
    file = _settled(tmp_path / "file")
    for remembered in (False, True):
        with Workspace(Places(cache=tmp_path / "cache")) as workspace:
            assert bool(workspace.folders.digests.known) is remembered
            workspace.folders.digest(file)


def test_a_full_disk_does_not_spoil_a_run_that_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _settled(tmp_path / "file")

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


@pytest.mark.parametrize(("cap", "left"), [(1000, ["new.png"]), (1500, ["middle.png", "new.png"]), (10_000, None)])
def test_the_oldest_previews_go_where_they_take_too_much(cap: int, left: list[str] | None, tmp_path: Path) -> None:
    previews = tmp_path / "temp" / "shown"
    previews.mkdir(parents=True)
    for age, name in enumerate(("new.png", "middle.png", "old.png")):
        (previews / name).write_bytes(bytes(70))
        os.utime(previews / name, (10**9 - age,) * 2)
    trim_previews(Places(cache=tmp_path, cache_bytes=cap))
    assert sorted(path.name for path in previews.iterdir()) == (left or ["middle.png", "new.png", "old.png"])
