"""What is uploaded keeps its content, whoever uploads something of that name at the same time."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nodes.folders import FolderError, Folders
from server.http.keeping import keep


def _kept(folder: Path, contents: list[bytes], *, overwrite: bool = False) -> dict[bytes, str]:
    """The names that as many uploads of `cat.png` at once get, by their contents."""
    folders = Folders({"input": (folder / "input",)})
    (folder / "input").mkdir(exist_ok=True)
    names: dict[bytes, str] = {}
    together = threading.Barrier(len(contents))

    def upload(number: int, content: bytes) -> None:
        draft = folder / "input" / f".{number}.part"
        draft.write_bytes(content)
        together.wait()
        names[content] = keep(draft, folders, "input", "cat.png", overwrite)
        draft.unlink(missing_ok=True)

    threads = [threading.Thread(target=upload, args=one) for one in enumerate(contents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return names


def test_uploads_of_one_name_at_once_do_not_replace_each_other(tmp_path: Path) -> None:
    for round_ in range(20):
        folder = tmp_path / str(round_)
        folder.mkdir()
        names = _kept(folder, [f"cat {number}".encode() for number in range(8)])
        assert {content: (folder / "input" / name).read_bytes() for content, name in names.items()} == {
            content: content for content in names
        }
        assert len(set(names.values())) == 8


@pytest.mark.parametrize("links", [True, False], ids=["with links", "on a file system without links"])
def test_a_name_is_taken_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    for content, name in ((b"one", "cat.png"), (b"two", "cat (1).png"), (b"one", "cat.png")):
        assert _kept(tmp_path, [content]) == {content: name}
    assert _kept(tmp_path, [b"three"], overwrite=True) == {b"three": "cat.png"}
    assert {path.name: path.read_bytes() for path in (tmp_path / "input").iterdir()} == {
        "cat.png": b"three",
        "cat (1).png": b"two",
    }


def test_a_link_out_of_the_folder_is_not_followed_to_make_folders(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "input" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "input" / ".part").write_bytes(b"cat")
    folders = Folders({"input": (tmp_path / "input",)})
    with pytest.raises(FolderError):
        keep(tmp_path / "input" / ".part", folders, "input", "link/new/cat.png", False)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_kept_on_another_device_than_it_arrived_on(tmp_path: Path, overwrite: bool) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one device only")
    with TemporaryDirectory(dir=other) as arriving:
        uploaded = Path(arriving) / ".part"
        uploaded.write_bytes(b"cat")
        folders = Folders({"output": (tmp_path / "output",)})
        assert keep(uploaded, folders, "output", "sub/cat.png", overwrite) == "sub/cat.png"
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["sub"]
    assert (tmp_path / "output" / "sub" / "cat.png").read_bytes() == b"cat"
