"""A folder of pictures with captions beside them, as training programs of the field lay it out.

`cat.png` is captioned by `cat.txt`. A subfolder whose name begins with a number, `10_cat`, holds pictures to be used ten
times each; one without a number once. What cannot be used is listed with its reason, never silently left out.
"""

from __future__ import annotations

import os
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from nodes.diffusion.image import scale, scale_cropped
from nodes.folders import IMAGE_SUFFIXES
from nodes.pictures import PictureError, read_picture
from nodes.training.errors import TrainingError

ResizeMethod = Literal["None", "Stretch", "Crop", "Pad"]

_MOST_REPEATS: Final = 10_000
_MOST_CAPTION_BYTES: Final = 64 * 1024
_SHOWN: Final = 8
_BYTES_PER_PIXEL: Final = 3 * 4


@dataclass(frozen=True, slots=True)
class CaptionedFile:
    """A picture file: its name in the folder, how often it is used, and its caption, or why it has none."""

    name: str
    path: Path
    repeats: int
    caption: str | None
    why_no_caption: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """What was read: pictures [N, H, W, 3] float32 in 0..1, repeats included, with their captions, and what was not."""

    pixels: Tensor
    captions: tuple[str | None, ...]
    unusable: tuple[Unusable, ...]


def scan(folder: Path) -> list[CaptionedFile]:
    """Every picture file of a folder in the order of names: its own first, then those of its subfolders. What lies deeper is
    told by `too_deep`."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    found = [_file(folder, entry.name, 1) for entry in entries if _is_picture(entry)]
    for entry in entries:
        if entry.is_dir() and not entry.name.startswith("."):
            inner = sorted(os.scandir(entry.path), key=lambda one: one.name)
            repeats = _repeats(entry.name)
            found += [_file(folder, f"{entry.name}/{one.name}", repeats) for one in inner if _is_picture(one)]
    return found


def too_deep(folder: Path) -> list[Unusable]:
    """The picture files in folders of subfolders, which are not used."""
    places = sorted(path for path in folder.glob("[!.]*/[!.]*/**/*") if path.name.lower().endswith(IMAGE_SUFFIXES))
    return [Unusable(str(path.relative_to(folder)), "it is in a folder of a subfolder") for path in places]


def read_set(
    files: Sequence[CaptionedFile], method: ResizeMethod, size: tuple[int, int] | None, most_bytes: int
) -> PictureSet:
    """Read the pictures in one size (width, height): the given one, or that of the first that can be read.

    Raises TrainingError: "dataset_empty" where nothing can be used, "dataset_sizes" where sizes differ and are not to be
    changed, "dataset_too_large" where all pictures together would take more than `most_bytes` of memory.
    """
    total = sum(file.repeats for file in files)
    pixels: list[Tensor] = []
    captions: list[str | None] = []
    unusable: list[Unusable] = []
    for file in files:
        try:
            picture = read_picture(file.path).rgb[:1]
        except PictureError as error:
            unusable.append(Unusable(file.name, str(error)))
            continue
        size = size or (picture.shape[2], picture.shape[1])
        _expect_to_fit(total, size, most_bytes)
        pixels += [fitted(picture, size, method, file.name)] * file.repeats
        captions += [file.caption] * file.repeats
    if not pixels:
        raise TrainingError("dataset_empty", f"there is no picture that can be used{listed(unusable)}", _LAYOUT)
    return PictureSet(torch.cat(pixels), tuple(captions), tuple(unusable))


def fitted(picture: Tensor, size: tuple[int, int], method: ResizeMethod, name: str) -> Tensor:
    """A picture [1, H, W, 3] in a size (width, height): stretched, cut to its proportions, or within black bars."""
    width, height = size
    if (picture.shape[2], picture.shape[1]) == size:
        return picture
    match method:
        case "None":
            raise TrainingError(
                "dataset_sizes",
                f"{name} is {picture.shape[2]}x{picture.shape[1]}, and the pictures of a set are {width}x{height}",
                "Choose how to resize: Stretch, Crop or Pad. Or make all pictures one size.",
            )
        case "Stretch":
            return scale(picture, width, height, "lanczos")
        case "Crop":
            return scale_cropped(picture, width, height, "lanczos")
        case "Pad":
            return _padded(picture, width, height)


def listed(unusable: Sequence[Unusable]) -> str:
    """`: a.png (why); b.png (why)`, the first few; nothing for none."""
    if not unusable:
        return ""
    shown = "; ".join(f"{one.name} ({one.reason})" for one in unusable[:_SHOWN])
    more = f"; and {len(unusable) - _SHOWN} more" if len(unusable) > _SHOWN else ""
    return f": {shown}{more}"


_LAYOUT: Final = (
    "Put pictures into the folder, or into subfolders such as 10_cat, with captions in .txt files beside them."
)


def _expect_to_fit(pictures: int, size: tuple[int, int], most_bytes: int) -> None:
    needed = pictures * size[0] * size[1] * _BYTES_PER_PIXEL
    if needed > most_bytes:
        raise TrainingError(
            "dataset_too_large",
            f"{pictures} pictures of {size[0]}x{size[1]} take {needed / 2**30:.1f} GB of {most_bytes / 2**30:.1f} GB",
            "Give a smaller width and height, or split the folder.",
        )


def _padded(picture: Tensor, width: int, height: int) -> Tensor:
    share = min(width / picture.shape[2], height / picture.shape[1])
    inner = scale(picture, max(1, round(picture.shape[2] * share)), max(1, round(picture.shape[1] * share)), "lanczos")
    page = picture.new_zeros(1, height, width, 3)
    top, left = (height - inner.shape[1]) // 2, (width - inner.shape[2]) // 2
    page[:, top : top + inner.shape[1], left : left + inner.shape[2]] = inner
    return page


def _file(folder: Path, name: str, repeats: int) -> CaptionedFile:
    path = folder / name
    try:
        caption = _caption(path.with_suffix(".txt"))
    except FileNotFoundError:
        return CaptionedFile(name, path, repeats, None, "it has no caption")
    except OSError as error:
        return CaptionedFile(name, path, repeats, None, f"its caption cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return CaptionedFile(name, path, repeats, None, "its caption is not UTF-8 text")
    return CaptionedFile(name, path, repeats, caption or None, "" if caption else "its caption is empty")


def _caption(path: Path) -> str:
    """The text of a caption file, as far as it is read. Raises OSError and UnicodeDecodeError."""
    with open(path, "rb") as file:
        read = file.read(_MOST_CAPTION_BYTES)
    # A character that the end of what is read cuts is no fault of the file.
    return getincrementaldecoder("utf-8-sig")().decode(read, final=len(read) < _MOST_CAPTION_BYTES).strip()


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.name.lower().endswith(IMAGE_SUFFIXES) and entry.is_file()


def _repeats(name: str) -> int:
    number = name.split("_")[0]
    if not (number.isascii() and number.isdigit()):
        return 1
    return min(max(1, int(number[:9])), _MOST_REPEATS)
