"""Textual inversion files: the vectors that stand for `embedding:name` in a prompt.

Three forms are known: one tensor (SD 1.x, SD 2.x), one tensor for each tower (SDXL: `clip_l`, `clip_g`), and bundles from
checkpoints that carry embeddings (`bundle_emb.NAME.…`). Only safetensors files are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.config import TextConfig
from nodes.weights.errors import WeightsMissing
from nodes.weights.files import Header, read_header, read_tensors

SUFFIXES: Final = (".safetensors", ".pt", ".bin")
"""What may be left out of a name, in the order in which files are tried. The last two are refused as pickles."""

_PICKLED: Final = "string_to_param."
"""Before the name of the vectors in the files that the first training programs pickle, and in ours made of them."""

_MOST_TENSORS: Final = 2

PATTERN: Final = r"embedding:((?:\\[()]|[^\s,:()])+)"
"""How a prompt names them: group 1 is the name, perhaps with escaped parentheses."""

_PARENTHESIS: Final = re.compile(r"[()]")

_TOWERS: Final[Mapping[int, str]] = {768: "clip_l", 1024: "clip_h", 1280: "clip_g"}
"""Width of a text tower, to the name that its vectors have in files for several."""


def is_keyed(name: str) -> bool:
    """Whether the pattern finds the whole name in a prompt. The file of any other would be in no node's key."""
    return re.fullmatch(PATTERN, "embedding:" + _PARENTHESIS.sub(r"\\\g<0>", name)) is not None


def load_embedding(path: Path, config: TextConfig) -> Tensor:
    """The vectors [n, D] for a text tower, float32. D is the file's: a file for another family has another width.

    Raises a `WeightsError`, `WeightsPickle` for the pickles that older files are.
    """
    header = read_header(path)
    tower = _TOWERS.get(config.hidden_size, "")
    names = [tower] if tower in header.tensors else _bundled(header.tensors, tower) or list(header.tensors)[:1]
    if not names:
        raise WeightsMissing(f"{path.name} holds no tensor", hint="Use another copy of this embedding.")
    tensors = read_tensors(header, names)
    rows = [tensors[name].float() for name in names]
    if any(row.ndim not in (1, 2) for row in rows):
        raise WeightsMissing(
            f"{path.name} is no embedding: its tensor {names[0]!r} has shape {list(rows[0].shape)}",
            hint="An embedding is a few vectors as wide as the text encoder.",
        )
    return torch.cat([row.reshape(-1, row.shape[-1]) for row in rows])  # (n, D)


def embedding_shape(header: Header) -> tuple[int, int] | None:
    """How many vectors a file has, and how wide they are (of the first tower); None for one that is plainly no embedding."""
    first = next(iter(header.tensors), None)
    if first is None or len(header.tensors) > _MOST_TENSORS:
        return None
    shapes = [entry.shape for entry in header.tensors.values()]
    if any(len(shape) not in (1, 2) for shape in shapes):
        return None
    if not first.startswith(_PICKLED) and any(shape[-1] not in _TOWERS for shape in shapes):
        return None
    return sum(shapes[0][:-1]) or 1, shapes[0][-1]


def _bundled(tensors: Mapping[str, object], tower: str) -> list[str]:
    """The tensors of a bundle for a tower, or for all."""
    bundled = [name for name in tensors if name.startswith("bundle_emb.")]
    return [name for name in bundled if name.endswith(".string_to_param.*")] or [
        name for name in bundled if name.endswith(f".{tower}")
    ]
