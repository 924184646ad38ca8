"""What is trained on, as values on wires: sources of pictures, their latents, and merge tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from graph.values import PLACE, Encoded
from nodes.diffusion.config import Rgb
from nodes.sockets.encoding import decode_tensor, pack
from nodes.sockets.reference_encoding import decode_place, encode_place, object_of
from nodes.training.sources import FolderSource, PictureFile, PictureSource, SceneSource


@dataclass(frozen=True, slots=True)
class Dataset:
    """Captioned pictures: where each comes from, not the pixels."""

    socket_type: ClassVar[str] = "DATASET"
    source: PictureSource

    def __post_init__(self) -> None:
        if self.source.count < 1:
            raise ValueError("a DATASET has at least one picture")


@dataclass(frozen=True, slots=True, eq=False)
class LatentDataset:
    """The latents of a dataset, scaled for the diffusion model: float16 [N, C, h, w], in the order of its pictures.

    `preview_rgb` is the autoencoder's: how a latent is shown without decoding it.
    """

    socket_type: ClassVar[str] = "LATENT_DATASET"
    latents: Tensor
    source: PictureSource
    preview_rgb: tuple[Rgb, ...] | None = None

    def __post_init__(self) -> None:
        if self.latents.ndim != 4 or self.latents.dtype != torch.float16 or len(self.latents) != self.source.count:
            raise ValueError(f"a LATENT_DATASET is [N, C, h, w] float16 for {self.source.count} pictures")


@dataclass(frozen=True, slots=True)
class TokenizerTable:
    """Merges of a tokenizer in CLIP's form, "left right", the most frequent first."""

    socket_type: ClassVar[str] = "TOKENIZER"
    merges: tuple[str, ...]


def encode_dataset(dataset: Dataset) -> Encoded:
    return pack(_source_to_json(dataset.source))


def decode_dataset(encoded: Encoded) -> Dataset:
    return Dataset(_source_from_json(encoded.data, decode_place))


def encode_latent_dataset(dataset: LatentDataset) -> Encoded:
    colours: Any = None if dataset.preview_rgb is None else [list(row) for row in dataset.preview_rgb]
    return pack({"source": _source_to_json(dataset.source), "preview_rgb": colours}, latents=dataset.latents)


def decode_latent_dataset(encoded: Encoded) -> LatentDataset:
    data = object_of(encoded.data)
    colours = data["preview_rgb"]
    rows = None if colours is None else tuple((row[0], row[1], row[2]) for row in colours)
    source = _source_from_json(
        data["source"], lambda place: Path(place["path"])
    )  # its pictures are not needed any more
    return LatentDataset(decode_tensor(encoded.tensors["latents"]), source, rows)


def encode_tokenizer_table(table: TokenizerTable) -> Encoded:
    return pack(list(table.merges))


def decode_tokenizer_table(encoded: Encoded) -> TokenizerTable:
    if not isinstance(encoded.data, list):
        raise TypeError("not a list of merges")
    return TokenizerTable(tuple(map(str, encoded.data)))


def _source_to_json(source: PictureSource) -> Any:
    if isinstance(source, FolderSource):
        files = [
            {PLACE: encode_place(Path(one.path)), "digest": one.digest, "caption": one.caption} for one in source.files
        ]
        return {"size": source.size, "files": files}
    return asdict(source)


def _source_from_json(data: Any, place: Callable[[Any], Path]) -> PictureSource:
    """`place` reads that of a file, and may insist on the file."""
    known = object_of(data)
    if "files" in known:
        files = (PictureFile(str(place(one[PLACE])), one["digest"], one["caption"]) for one in known["files"])
        return FolderSource(known["size"], tuple(files))
    return SceneSource(**known)
