"""Known folders: what is offered, what is found, and that no name leads out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import save_file

from graph.files import Files
from nodes.folders import EXAMPLES, IMAGE_SUFFIXES, FolderError, Folders, is_inside, read_extra_paths, standard_folders
from nodes.weights.embedded import EMBEDDED_CHECKPOINT, embedded_checkpoints

EXAMPLE_NAMES = sorted(
    path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.name.endswith(IMAGE_SUFFIXES)
)


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    for name in ("checkpoints/b.safetensors", "checkpoints/sub/A.ckpt", "checkpoints/readme.md", "clip/t5.sft"):
        write(tmp_path / "models" / name)
    write(tmp_path / "models/text_encoders/clip_l.safetensors")
    for name in ("cat.png", "deep/er/dog.JPG", "notes.txt", "one.latent", ".git/hidden.png"):
        write(tmp_path / "input" / name)
    write(tmp_path / "output/made_00001_.png")
    write(tmp_path / "output/loras/mine.safetensors")
    write(tmp_path / "secret.png")
    return standard_folders(tmp_path)


def test_folders_are_the_files_of_the_engine(folders: Folders) -> None:
    files: Files = folders
    path = files.find("input", "cat.png")
    assert path is not None
    assert files.digest(path) == files.digest(path)


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("input", sorted(["cat.png", "deep/er/dog.JPG", *EXAMPLE_NAMES])),
        ("latents", ["one.latent"]),
        ("text_encoders", ["clip_l.safetensors", "t5.sft"]),
        ("clip", ["clip_l.safetensors", "t5.sft"]),
        ("loras", ["mine.safetensors"]),
        ("vae", []),
        ("no such folder", []),
    ],
)
def test_names_are_recursive_sorted_and_only_of_the_folders_kind(
    folders: Folders, folder: str, names: list[str]
) -> None:
    assert folders.names(folder) == names


def test_folders_of_models_are_told_from_those_of_pictures(folders: Folders) -> None:
    assert {"checkpoints", "loras", "embeddings"} <= set(folders.models)
    assert not {"input", "output", "temp", "latents"} & set(folders.models)


def test_the_embedded_checkpoint_needs_no_set_up(tmp_path: Path) -> None:
    folders = standard_folders(tmp_path / "nothing here")
    assert folders.names("checkpoints") == sorted(embedded_checkpoints())
    for name, path in embedded_checkpoints().items():
        assert folders.find("checkpoints", name) == path


def test_example_pictures_need_no_set_up_and_give_way_to_the_users_own(folders: Folders, tmp_path: Path) -> None:
    name = EXAMPLE_NAMES[0]
    assert folders.find("input", name) == EXAMPLES / name
    own = write(tmp_path / "input" / name)
    assert folders.find("input", name) == own
    assert folders.root("input") == tmp_path / "input"


def test_checkpoints_of_the_user_come_before_the_embedded_one(folders: Folders, tmp_path: Path) -> None:
    own = write(tmp_path / "models/checkpoints" / EMBEDDED_CHECKPOINT)
    assert folders.find("checkpoints", EMBEDDED_CHECKPOINT) == own


@pytest.mark.parametrize(
    ("folder", "name", "found"),
    [
        ("checkpoints", "sub/A.ckpt", "models/checkpoints/sub/A.ckpt"),
        ("checkpoints", "sub", None),
        ("text_encoders", "t5.sft", "models/clip/t5.sft"),
        ("input", "notes.txt", "input/notes.txt"),
        ("input", "made_00001_.png [output]", "output/made_00001_.png"),
        ("input", "cat.png [input]", "input/cat.png"),
        ("input", "cat.png [temp]", None),
        ("input", "../secret.png [output]", None),
        ("latents", "one.latent [input]", "input/one.latent"),
        ("checkpoints", "cat.png [input]", None),
    ],
)
def test_find(folders: Folders, tmp_path: Path, folder: str, name: str, found: str | None) -> None:
    assert folders.find(folder, name) == (tmp_path / found if found else None)


@pytest.mark.parametrize(
    ("folder", "name", "meant"),
    [
        ("input", "cat.png", ("input", "cat.png")),
        ("input", "my pic.png [output]", ("output", "my pic.png")),
        ("input", "cat.png [elsewhere]", ("input", "cat.png [elsewhere]")),
        ("clip", "cat.png [output]", ("text_encoders", "cat.png [output]")),
        ("checkpoints", r"sd\one\a.ckpt", ("checkpoints", "sd/one/a.ckpt")),
        ("input", r"deep\cat.png", ("input", r"deep\cat.png")),
    ],
)
def test_where_a_name_says_it_is(folders: Folders, folder: str, name: str, meant: tuple[str, str]) -> None:
    assert folders.meant(folder, name) == meant


@pytest.mark.parametrize(("name", "inside"), [(r"sub\a.ckpt", True), (r"..\a.ckpt", False), (r"\a.ckpt", False)])
def test_backslashes_in_the_name_of_a_model(folders: Folders, tmp_path: Path, name: str, inside: bool) -> None:
    write(tmp_path / "models/loras/sub/a.ckpt")
    write(tmp_path / "models/a.ckpt")
    assert folders.find("loras", name) == (tmp_path / "models/loras/sub/a.ckpt" if inside else None)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../secret.png", "deep/../../secret.png", "deep/..", "/etc/passwd", "//etc/passwd",
        "deep//er/dog.JPG", "./cat.png", "..\\secret.png", "C:\\secret.png", "cat.png\0", "cat.png/", "\ud800.png",
        "a" * 5000,
    ],
)  # fmt: skip
def test_a_requested_name_never_leaves_its_root(folders: Folders, name: str) -> None:
    assert folders.find("input", name) is None
    if len(name) < 1000:
        assert not is_inside(name)
        with pytest.raises(FolderError, match="would leave") as refused:
            folders.place("input", name)
        assert refused.value.code == "path_outside_folder"


def test_symbolic_links_are_followed_and_loops_end(folders: Folders, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/far.png")
    os.symlink(tmp_path / "elsewhere", tmp_path / "input/link")
    os.symlink(tmp_path / "input", tmp_path / "input/loop")
    os.symlink(tmp_path / "gone", tmp_path / "input/broken.png")
    assert "link/far.png" in folders.names("input")
    assert folders.names("input").count("cat.png") == 1
    assert "broken.png" not in folders.names("input")
    assert folders.find("input", "link/far.png") == tmp_path / "input/link/far.png"


def test_each_folder_may_be_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "m/vae/v.safetensors")
    write(tmp_path / "i/a.png")
    folders = standard_folders(
        tmp_path, models=tmp_path / "m", inputs=tmp_path / "i", outputs=tmp_path / "o", temp=tmp_path / "t"
    )
    assert folders.names("vae") == ["v.safetensors"]
    assert folders.names("input") == ["a.png", *EXAMPLE_NAMES]
    assert folders.place("output", "sub/x.png") == tmp_path / "o/sub/x.png"
    assert folders.root("temp") == tmp_path / "t"


@pytest.mark.parametrize("name", ["other", "with | bars | in it"])
@pytest.mark.parametrize("age", [0.0, 1e6])
def test_a_file_is_found_by_its_content_wherever_it_is_now(
    folders: Folders, tmp_path: Path, name: str, age: float
) -> None:
    one, other = write(tmp_path / "one", "same"), write(tmp_path / name, "same")
    os.utime(other, (time.time() - age,) * 2)
    digest = folders.digest(one)
    folders.digest(other)
    one.unlink()
    assert folders.with_content(digest) == other
    other.write_text("something else")
    assert folders.with_content(digest) is None


def test_an_unknown_folder_has_no_root(folders: Folders) -> None:
    with pytest.raises(FolderError) as refused:
        folders.root("nonsense")
    assert refused.value.code == "unknown_folder"


EXTRA = """
comfyui:
    base_path: $COLLECTION/models
    checkpoints: checkpoints/
    clip: |
        clip
        text
    custom_nodes: nodes
a1111:
    base_path: ~/webui
    is_default: true
    loras: Lora
    strange_things: things
empty:
"""


def test_extra_model_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTION", str(tmp_path / "collection"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(tmp_path / "collection/models/checkpoints/theirs.safetensors")
    write(tmp_path / "collection/models/text/t5.safetensors")
    write(tmp_path / "home/webui/things/anything.xyz")
    write(tmp_path / "extra_model_paths.yaml", EXTRA)
    folders = standard_folders(tmp_path)
    assert "theirs.safetensors" in folders.names("checkpoints")
    assert folders.names("text_encoders") == ["t5.safetensors"]
    assert folders.names("strange_things") == ["anything.xyz"]
    assert folders.root("loras") == tmp_path / "home/webui/Lora"
    assert folders.root("checkpoints") == tmp_path / "models/checkpoints"


def test_a_relative_base_path_starts_at_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "a/paths.yaml", "x: {base_path: ../b, vae: v}")
    (extra,) = read_extra_paths(file)
    assert (extra.folder, extra.path.resolve()) == ("vae", tmp_path / "b/v")


@pytest.mark.parametrize("text", ["[1, 2]", "x: [1]", "x: {vae: [a, b]}", "x: {vae: 3}", "a: b: c", "\x00"])
def test_a_wrong_extra_paths_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(FolderError, match=r"paths\.yaml") as wrong:
        standard_folders(tmp_path, extra_paths=[write(tmp_path / "paths.yaml", text)])
    assert wrong.value.code == "model_paths_file"


def test_a_missing_extra_paths_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"gone\.yaml"):
        standard_folders(tmp_path, extra_paths=[tmp_path / "gone.yaml"])


def test_folders_do_not_import_torch() -> None:
    code = "import sys, nodes.folders; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("cut", [4, 40, -1])
def test_a_file_that_was_cut_off_is_not_read_to_be_told_apart(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "models" / "checkpoints" / "a.safetensors"
    path.parent.mkdir(parents=True)
    save_file({"a": torch.ones(1000)}, path)
    os.utime(path, (1e9, 1e9))
    folders = standard_folders(tmp_path)
    whole = folders.digest(path)
    path.write_bytes(path.read_bytes()[:cut])
    with patch("hashlib.file_digest", side_effect=AssertionError("it was read")):
        first = folders.digest(path)
        assert folders.digest(path) == first != whole
    assert len(folders.digests.known) == 1
