"""Weights to safetensors files, one tensor at a time: a header that is known beforehand, then each tensor as it is made.

A whole checkpoint is never in memory. The chunks are those of the file in its order; writing them safely is the business of
`nodes/saving.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from nodes.weights.errors import WeightsNotFinite
from nodes.weights.files import DTYPES, is_finite

_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}
_ALIGNMENT: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A tensor of a file to come: what is known of it, and how it is made when its turn comes."""

    key: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], Tensor]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def planned(key: str, tensor: Tensor) -> Planned:
    """A tensor that is there already."""
    return Planned(key, tuple(tensor.shape), tensor.dtype, lambda: tensor)


def safetensors_chunks(tensors: Sequence[Planned], metadata: Mapping[str, str]) -> Iterator[memoryview | bytes]:
    """The bytes of a file with these tensors, in their order. Raises `WeightsNotFinite` for what no reader would take."""
    yield _header(tensors, metadata)
    for one in tensors:
        tensor = one.make().to(one.dtype).contiguous()
        if tuple(tensor.shape) != one.shape:
            raise ValueError(f"{one.key} was planned as {list(one.shape)} and is {list(tensor.shape)}")
        if not is_finite(tensor):
            raise WeightsNotFinite(
                f"tensor {one.key!r} cannot be saved: it holds NaN, infinity or values too large for {_NAMES[one.dtype]}",
                hint="Lower the multipliers and strengths that it comes from.",
            )
        if tensor.numel():
            yield tensor.reshape(-1).view(torch.uint8).numpy().data


def _header(tensors: Sequence[Planned], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    begin = 0
    for one in tensors:
        end = begin + one.nbytes
        entries[one.key] = {"dtype": _NAMES[one.dtype], "shape": list(one.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
