"""Folders of pictures, with captions or without, as batches to train on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from graph.context import Context
from graph.declare import FileIn, Range, Unlinked, node
from graph.result import Report
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.errors import UnsuitableInput
from nodes.folders import DATASETS, FolderError, Folders
from nodes.memory.host import host_bytes
from nodes.prompting import encode
from nodes.sockets import Clip, Conditioning, Image
from nodes.training.errors import TrainingError
from nodes.training.picture_folders import CaptionedFile, PictureSet, ResizeMethod, listed, read_set, scan, too_deep

FolderName = Annotated[str, FileIn(DATASETS)]
Resize = Annotated[ResizeMethod, Unlinked()]
SetSide = Annotated[int, Range(-1, 10000, 1), Unlinked()]

_SHARE_OF_MEMORY = 4


@node(
    "LoadImageSetFromFolderNode",
    display_name="Load Image Dataset from Folder",
    category="loaders",
    returns="IMAGE",
    lane="io",
    experimental=True,
)
def load_image_set_from_folder(
    *, folder: FolderName, resize_method: Resize = "None", context: Context
) -> tuple[Image, Report]:
    """All pictures of a folder in the input folder, as one batch in the size of the first.

    A subfolder such as `10_cat` holds pictures that are used ten times each. Files that cannot be read are listed.
    """
    read = _read(folder, resize_method, None, context)
    return Image(read.pixels), _told(read, captions=False)


@node(
    "LoadImageTextSetFromFolderNode",
    display_name="Load Image and Text Dataset from Folder",
    category="loaders",
    returns=("IMAGE", "CONDITIONING"),
    lane="device",
    experimental=True,
)
def load_image_text_set_from_folder(
    *,
    folder: FolderName,
    clip: Clip,
    resize_method: Resize = "None",
    width: SetSide = -1,
    height: SetSide = -1,
    context: Context,
) -> tuple[Image, Conditioning, Report]:
    """All pictures of a folder in the input folder, and their captions, `cat.txt` beside `cat.png`, encoded: one for each.

    A subfolder such as `10_cat` holds pictures that are used ten times each. -1 takes a side from the first picture. Files
    that cannot be read are listed and left out; a picture without a caption is listed and has an empty one.
    """
    size = (width, height) if width > 0 and height > 0 else None
    if size is None and (width > 0 or height > 0):
        raise UnsuitableInput("only one of width and height is given", hint="Give both, or -1 for both.")
    read = _read(folder, resize_method, size, context)
    encoded: dict[str, ConditioningEntry] = {}
    for caption in read.captions:
        text = caption or ""
        if text not in encoded:
            context.cancel.check()
            made = encode(clip, [text] * len(clip.towers), context)
            encoded[text] = ConditioningEntry(made.embedding, made.pooled)
    entries = tuple(encoded[caption or ""] for caption in read.captions)
    return Image(read.pixels), Conditioning(entries), _told(read, captions=True)


def _read(name: str, method: ResizeMethod, size: tuple[int, int] | None, context: Context) -> PictureSet:
    folders = context.service(Folders)
    path = folders.find(DATASETS, name)
    if path is None:
        raise FolderError(f"there is no folder {name!r} in the input folder", code="file_not_found")
    before = folders.digest(path)
    files = scan(path)
    context.cancel.check()
    read = read_set(files, method, size, host_bytes() // _SHARE_OF_MEMORY)
    _expect_unchanged(path, before, files, folders)
    return replace(read, unusable=(*read.unusable, *too_deep(path)))


def _expect_unchanged(path: Path, before: str, files: list[CaptionedFile], folders: Folders) -> None:
    """Raises TrainingError ("dataset_changed") where the folder is no longer what it was when reading began."""
    if folders.digest(path) != before:
        raise TrainingError(
            "dataset_changed",
            f"{path.name} was changed while its {len(files)} pictures were read",
            "Run again when nothing writes into it any more.",
        )


def _told(read: PictureSet, *, captions: bool) -> Report:
    text = [f"{len(read.captions)} pictures of {read.pixels.shape[2]}x{read.pixels.shape[1]}"]
    if read.unusable:
        text.append(f"{len(read.unusable)} files are not used{listed(read.unusable)}")
    without = sum(caption is None for caption in read.captions)
    if captions and without:
        text.append(f"{without} pictures have no caption: they are shown with an empty one")
    return Report(text=tuple(text))
