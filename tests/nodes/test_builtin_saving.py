"""Saving: numbered names, whole files or none, and errors that say what to do."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from nodes.folders import FolderError, Folders, standard_folders
from nodes.saving import Numbered, SaveError, fill_prefix

NOW = datetime(2025, 3, 9, 7, 5, 1)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return standard_folders(tmp_path)


def png(folders: Folders, stem: str) -> Numbered:
    return Numbered(folders, "output", stem, ".png")


@pytest.mark.parametrize(
    ("prefix", "filled"),
    [
        ("ComfyUI", "ComfyUI"),
        ("%year%-%month%-%day%/%hour%%minute%%second%", "2025-03-09/070501"),
        ("%width%x%height%", "640x480"),
        ("%date:yyyy-MM-dd%/x", "2025-03-09/x"),
        ("%date:hh:mm:ss%", "07_05_01"),
        ("%date%", "20250309070501"),
        ("100%", "100%"),
        ("%KSampler.seed%", "%KSampler.seed%"),
        ("%batch_num%", "%batch_num%"),
    ],
)
def test_prefix_variables(prefix: str, filled: str) -> None:
    assert fill_prefix(prefix, width=640, height=480, now=NOW) == filled


@pytest.mark.parametrize(
    ("existing", "stem", "name"),
    [
        ([], "a", "a_00001_.png"),
        (["a_00001_.png", "a_00007_.png"], "a", "a_00008_.png"),
        (["a_00041_.jpg"], "a", "a_00042_.png"),
        (["ab_00009_.png", "a_b_00009_.png", "a_x_.png"], "a", "a_00001_.png"),
        (["a_99999_.png"], "a", "a_100000_.png"),
        (["sub/a_00003_.png"], "sub/a", "sub/a_00004_.png"),
        (["a.b+_00002_.png"], "a.b+", "a.b+_00003_.png"),
        ([], "deep/er/", "deep/er/_00001_.png"),
    ],
)
def test_the_counter_is_one_more_than_any(
    folders: Folders, tmp_path: Path, existing: list[str], stem: str, name: str
) -> None:
    for one in existing:
        path = tmp_path / "output" / one
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    saved = png(folders, stem).save(b"data")
    assert (saved.folder, saved.name, saved.bytes) == ("output", name, 4)
    assert Path(saved.path).read_bytes() == b"data"
    assert Path(saved.path) == tmp_path / "output" / name


def test_the_batch_number_is_part_of_the_name(folders: Folders) -> None:
    names = [png(folders, "a_%batch_num%").save(b"x", batch_number=i).name for i in range(2)]
    assert names == ["a_0_00001_.png", "a_1_00001_.png"]


@pytest.mark.parametrize("stem", ["../x", "a/../../x", "/tmp/x", "a\\x", "x\0", "a//b", "\ud800"])
def test_a_name_never_leaves_the_folder(folders: Folders, tmp_path: Path, stem: str) -> None:
    with pytest.raises(FolderError) as refused:
        png(folders, stem).save(b"x")
    assert refused.value.code == "path_outside_folder"
    assert list(tmp_path.iterdir()) == []


def test_a_name_taken_meanwhile_gives_the_next_number(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    png(folders, "a").save(b"other writer")
    monkeypatch.setattr("nodes.saving._highest", lambda directory, stem: 0)
    assert png(folders, "a").save(b"x").name == "a_00002_.png"
    assert (tmp_path / "output/a_00001_.png").read_bytes() == b"other writer"
    assert sorted(os.listdir(tmp_path / "output")) == ["a_00001_.png", "a_00002_.png"]


def refuse(code: int) -> Callable[..., object]:
    def call(*_: object, **__: object) -> object:
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize(
    ("call", "code", "hint"),
    [("fsync", errno.ENOSPC, "disk is full"), ("link", errno.EDQUOT, "quota"), ("fsync", errno.EIO, None)],
)
def test_a_disk_that_refuses_leaves_nothing_behind(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, hint: str | None
) -> None:
    monkeypatch.setattr(f"nodes.saving.os.{call}", refuse(code))
    with pytest.raises(SaveError, match=os.strerror(code)) as failed:
        png(folders, "a").save(b"x")
    assert failed.value.code == "cannot_save"
    assert (hint or "") in (failed.value.hint or "")
    assert os.listdir(tmp_path / "output") == []


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS])
def test_file_systems_without_hard_links(
    code: int, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nodes.saving.os.link", refuse(code))
    names = [png(folders, "a").save(b"x").name for _ in range(2)]
    assert names == ["a_00001_.png", "a_00002_.png"]
    assert sorted(os.listdir(tmp_path / "output")) == names


def test_a_file_system_that_flushes_no_folder(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nodes.saving.flush", refuse(errno.EINVAL))
    assert png(folders, "a").save(b"x").name == "a_00001_.png"
    assert os.listdir(tmp_path / "output") == ["a_00001_.png"]


def test_what_a_killed_process_has_half_written_goes_after_a_while(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    for name, age in ((".old.part", 4000), (".new.part", 10)):
        path = tmp_path / "output" / name
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    png(folders, "a").save(b"x")
    assert sorted(os.listdir(tmp_path / "output")) == [".new.part", "a_00001_.png"]


@pytest.mark.parametrize(("stem", "hint"), [("file/x", "file is where"), ("n" * 300, "Shorten")])
def test_folders_that_cannot_be_made(folders: Folders, tmp_path: Path, stem: str, hint: str) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output/file").touch()
    with pytest.raises(SaveError) as failed:
        png(folders, stem).save(b"x")
    assert hint in (failed.value.hint or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_an_unwritable_folder(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir(mode=0o500)
    with pytest.raises(SaveError) as failed:
        png(folders, "a").save(b"x")
    assert "may not be written" in (failed.value.hint or "")
