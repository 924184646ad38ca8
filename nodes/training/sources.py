"""Where training pictures come from: drawn by rule, or read from files that must stay as they are.

A source is a small value: it says what each picture is, and gives it when it is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
import torch

from nodes.diffusion.image import scale_cropped
from nodes.pictures import PictureError, read_picture
from nodes.training.errors import TrainingError
from nodes.training.pixels import Pictures
from nodes.training_data.captions import caption, evaluation_prompt
from nodes.training_data.composition import Composition, Split, composition
from nodes.training_data.objects import ObjectKind, object_kinds
from nodes.training_data.rendering import reduced, render
from nodes.training_data.sprites import SpriteSet


@dataclass(frozen=True, slots=True)
class SceneSource:
    """Procedural scenes with the sprites that ship, `size` pixels square: those of consecutive seeds of a split."""

    split: Split
    size: int
    count: int
    first_seed: int = 0

    def composition(self, index: int) -> Composition:
        return composition(self.first_seed + index, self.split, _things())

    def pictures(self, indices: Sequence[int]) -> Pictures:
        """uint8 [B, size, size, 3]."""
        sprites = SpriteSet()
        drawn = (render(self.composition(index), sprites) for index in indices)
        return np.stack([np.asarray(reduced(picture, self.size)) for picture in drawn])

    @property
    def different(self) -> Sequence[int]:
        """The indices of pictures of which none is another's: here all."""
        return range(self.count)

    @property
    def places(self) -> Sequence[int]:
        """For each picture its place among these."""
        return range(self.count)

    def caption(self, index: int, random: Random) -> str:
        """One of the picture's many true captions."""
        return caption(self.composition(index), random)

    def full_caption(self, index: int) -> str:
        """The caption that leaves nothing out."""
        return evaluation_prompt(self.composition(index), Random(index))


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file with the digest of its content when the source was made, and its caption."""

    path: str
    digest: str
    caption: str


@dataclass(frozen=True, slots=True)
class FolderSource:
    """Pictures of files, cut to squares of `size` pixels. A file that is used more often is there as often, one after
    another."""

    size: int
    files: tuple[PictureFile, ...]

    @property
    def count(self) -> int:
        return len(self.files)

    @property
    def different(self) -> Sequence[int]:
        """The indices of pictures of which none is another's: the first of each content."""
        first: dict[str, int] = {}
        for index, file in enumerate(self.files):
            first.setdefault(file.digest, index)
        return list(first.values())

    @property
    def places(self) -> Sequence[int]:
        """For each picture its place among these."""
        place: dict[str, int] = {}
        return [place.setdefault(file.digest, len(place)) for file in self.files]

    def pictures(self, indices: Sequence[int]) -> Pictures:
        """uint8 [B, size, size, 3]. Raises TrainingError ("dataset_changed") naming a file that is not what it was."""
        return np.stack([self._picture(self.files[index]) for index in indices])

    def caption(self, index: int, random: Random) -> str:  # noqa: ARG002 - a file has one caption
        """The picture's caption."""
        return self.files[index].caption

    def full_caption(self, index: int) -> str:
        return self.files[index].caption

    def _picture(self, file: PictureFile) -> Pictures:
        path = Path(file.path)
        try:
            pixels = read_picture(path).rgb[:1]
            unchanged = digest_of(path) == file.digest
        except (OSError, PictureError):
            unchanged, pixels = False, torch.zeros(1, 1, 1, 3)
        if not unchanged:
            raise TrainingError(
                "dataset_changed",
                f"{path.name} is no longer the picture that it was when the run began",
                "Put it back, or run again with the pictures that are there now.",
            )
        square = scale_cropped(pixels, self.size, self.size, "lanczos")[0]
        rounded: Pictures = (square.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return rounded


PictureSource: TypeAlias = "SceneSource | FolderSource"


def digest_of(path: Path) -> str:
    """BLAKE2b of a file's content. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@cache
def _things() -> tuple[ObjectKind, ...]:
    return object_kinds()
