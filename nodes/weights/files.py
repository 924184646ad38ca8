"""Safetensors files read with distrust: the header first, then only the tensors asked for.

The format is eight bytes of header length, a JSON header, and the tensors' bytes. Nothing in it is believed before it is
checked against the file's size. Small tensors are read into memory of their own; those of a network are views of the
mapped file, which nobody copies who can use them as they are. A file that is replaced by renaming leaves the mapped one as
it was; whether somebody wrote into it, `MappedFile.is_intact` tells before and after each use. (One that is cut off in place
just while it is read takes the process with it, as with everything mapped: a reason why workers are processes.)
"""

from __future__ import annotations

import math
import mmap
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

import torch
from torch import Tensor

from graph.errors import InputError, listed
from graph.json import loads
from nodes.pickled import PICKLE_STARTS, PICKLED_SUFFIXES
from nodes.weights.diffusers_folders import is_sharded, pickled, shards
from nodes.weights.errors import (
    WeightsEmpty,
    WeightsError,
    WeightsHeader,
    WeightsNotFinite,
    WeightsNotSafetensors,
    WeightsPickle,
    WeightsTruncated,
    WeightsUnreadable,
)

MAX_HEADER_BYTES = 8 * 2**20  # of real files the largest has a tenth of it
MAX_TENSORS = 20_000
_DOWNLOAD_AGAIN = "The download or copy probably stopped early: fetch the file again."

DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}

# First bytes of files that are mistaken for safetensors, and what they are.
_OTHER_FORMATS: Sequence[tuple[bytes, str]] = (
    (b"GGUF", "a GGUF file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it points to"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x1f\x8b", "a gzip archive"),
)


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor in the header: its type, its shape and its bytes, counted from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says it holds; checked against the file's size."""

    path: Path
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]
    data_start: int
    shards: tuple[Header, ...] = ()
    """For an index of several files: theirs, each with the tensors that the index says it has."""


def read_header(path: Path) -> Header:
    """Read and check the header, or those of all files that an index names. Raises a `WeightsError` that says what the file
    is instead."""
    return _read_index(path) if is_sharded(path) else _read_header(path)


def _read_index(path: Path) -> Header:
    try:
        weight_map = shards(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise WeightsHeader(f"{path.name} is no index of weights: {error}", hint=_DOWNLOAD_AGAIN) from error
    pickles = pickled(weight_map)
    if pickles:
        raise WeightsPickle(
            f"pickle refused: {path.name} names pickled PyTorch files, which can run any code when they are read: "
            f"{listed(pickles)}",
            hint="Use the .safetensors version of this model, or convert each of them: "
            + "; ".join(_conversion(path.with_name(name)) for name in pickles),
        )
    found: list[Header] = []
    for name in dict.fromkeys(weight_map.values()):
        shard = _read_header(path.with_name(name))
        wanted = [key for key, file in weight_map.items() if file == name]
        absent = [key for key in wanted if key not in shard.tensors]
        if absent:
            raise WeightsHeader(f"{path.name} says that {name} holds {listed(absent)}", hint=_DOWNLOAD_AGAIN)
        found.append(replace(shard, tensors={key: shard.tensors[key] for key in wanted}))
    tensors = {key: entry for shard in found for key, entry in shard.tensors.items()}
    metadata = {key: text for shard in reversed(found) for key, text in shard.metadata.items()}
    return Header(path, tensors, metadata, 0, tuple(found))


def _read_header(path: Path) -> Header:
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            text, data_start = _header_text(path, file, size)
    except OSError as error:
        raise _unreadable(path, error) from error
    document = _parse(path, text)
    if len(document) > MAX_TENSORS:
        raise WeightsHeader(f"{path.name} announces {len(document):,} tensors; at most {MAX_TENSORS:,} are read")
    metadata = _metadata(path, document.pop("__metadata__", {}))
    tensors = {name: _entry(path, name, value) for name, value in document.items()}
    _check_extents(path, tensors, size - data_start)
    return Header(path, tensors, metadata, data_start)


def read_tensors(header: Header, names: Sequence[str]) -> dict[str, Tensor]:
    """Read the named tensors as they are stored, in memory of their own.

    Raises `WeightsTruncated` if the file has shrunk since the header was read, `WeightsNotFinite` for NaN or infinity.
    """
    tensors: dict[str, Tensor] = {}
    for shard in header.shards:
        tensors |= read_tensors(shard, [name for name in names if name in shard.tensors])
    if header.shards:
        return tensors
    wanted = sorted(names, key=lambda name: header.tensors[name].begin)
    try:
        with open(header.path, "rb") as file:
            for name in wanted:
                tensors[name] = _read_tensor(file, header, name)
    except OSError as error:
        raise _unreadable(header.path, error) from error
    return tensors


class MappedFile:
    """The tensors of a file without copying them: views of the file, mapped privately, which live as long as any of them."""

    def __init__(self, header: Header) -> None:
        """Raises `WeightsTruncated` if the file has shrunk since its header was read."""
        self.header = header
        reached = header.data_start + max((entry.end for entry in header.tensors.values()), default=0)
        try:
            self._file: BufferedReader = open(header.path, "rb")  # noqa: SIM115 - open as long as it is mapped
            self._identity = self._now()
            if self._identity[0] < reached:
                raise _cut_off(header.path)
            self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_COPY)
        except (OSError, ValueError) as error:
            raise _unreadable(header.path, error) from error

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    @property
    def path(self) -> Path:
        return self.header.path

    def is_intact(self) -> bool:
        """Whether nobody has written into the file since it was mapped. One that was renamed or deleted is as it was."""
        return self._now() == self._identity

    def _now(self) -> tuple[int, int]:
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def tensor(self, name: str) -> Tensor:
        """A tensor as it is stored. Raises `WeightsNotFinite` for NaN or infinity."""
        entry = self.header.tensors[name]
        dtype, count = DTYPES[entry.dtype], math.prod(entry.shape)
        if count == 0:
            return torch.empty(entry.shape, dtype=dtype)
        offset = self.header.data_start + entry.begin
        tensor = torch.frombuffer(self._bytes, dtype=dtype, count=count, offset=offset).view(entry.shape)
        _expect_finite(self.header.path, name, tensor)
        return tensor


class MappedShards(MappedFile):
    """The tensors that an index names, each a view of the file that it is in."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self._mapped = [MappedFile(shard) for shard in header.shards]

    def is_intact(self) -> bool:
        return all(one.is_intact() for one in self._mapped)

    def tensor(self, name: str) -> Tensor:
        return next(one for one in self._mapped if name in one.header.tensors).tensor(name)


def map_tensors(header: Header) -> MappedFile:
    """The tensors of a file, or of those that an index names. Raises `WeightsTruncated` if one has shrunk."""
    return MappedShards(header) if header.shards else MappedFile(header)


def is_finite(tensor: Tensor) -> bool:
    """Whether a tensor has neither NaN nor infinity, in one pass."""
    if not tensor.is_floating_point() or tensor.element_size() == 1 or tensor.numel() == 0:
        return True
    low, high = torch.aminmax(tensor)  # NaN wins in both
    return bool(torch.isfinite(low) & torch.isfinite(high))


def _header_text(path: Path, file: BufferedReader, size: int) -> tuple[bytes, int]:
    start = file.read(64)
    if not start:
        raise WeightsEmpty(f"{path.name} is empty (0 bytes)", hint=_DOWNLOAD_AGAIN)
    length = int.from_bytes(start[:8], "little")
    if len(start) < 9 or start[8:9] != b"{" or length > MAX_HEADER_BYTES:
        raise _other_format(path, start)
    if length > size - 8:
        raise WeightsTruncated(
            f"{path.name} is cut off: its header alone needs {length + 8:,} bytes, the file has {size:,}",
            hint=_DOWNLOAD_AGAIN,
        )
    file.seek(8)
    return file.read(length), 8 + length


def _conversion(path: Path) -> str:
    """The command that makes a safe file of a pickle, beside it."""
    return f"latentgraph models convert {shlex.quote(str(path))}"


def _other_format(path: Path, start: bytes) -> WeightsError:
    if start.startswith(PICKLE_STARTS):
        return WeightsPickle(
            f"pickle refused: {path.name} is a pickled PyTorch file, which can run any code when it is read",
            hint=f"Use the .safetensors version of this model, or convert this one: {_conversion(path)}",
        )
    kind = next((kind for magic, kind in _OTHER_FORMATS if start.startswith(magic)), "not a safetensors file")
    hint = "Models must be .safetensors files."
    if path.suffix.lower() in PICKLED_SUFFIXES:
        hint = f"{hint} If PyTorch has saved this one: {_conversion(path)}"
    return WeightsNotSafetensors(f"{path.name} is {kind}", hint=hint)


def _cut_off(path: Path) -> WeightsTruncated:
    return WeightsTruncated(f"{path.name} was cut off while it was read", hint=_DOWNLOAD_AGAIN)


def _unreadable(path: Path, error: OSError | ValueError) -> WeightsUnreadable:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return WeightsUnreadable(f"cannot read {path}: {reason}", hint="Check the name and the permissions.")


def _parse(path: Path, text: bytes) -> dict[str, object]:
    try:
        document = loads(text, source=f"the header of {path.name}", max_bytes=MAX_HEADER_BYTES)
    except InputError as error:
        raise WeightsHeader(str(error.problems[0].message), hint=_DOWNLOAD_AGAIN) from error
    if not isinstance(document, dict):
        raise WeightsHeader(f"the header of {path.name} is not a JSON object", hint=_DOWNLOAD_AGAIN)
    return {**document}


def _metadata(path: Path, value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise WeightsHeader(f"{path.name}: __metadata__ must map names to strings")
    return value


def _entry(path: Path, name: str, value: object) -> TensorEntry:
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            if dtype not in DTYPES:
                raise WeightsHeader(f"{path.name}: tensor {name!r} has the unknown type {dtype!r}")
            if not all(type(side) is int and side >= 0 for side in shape) or not 0 <= begin <= end:
                raise WeightsHeader(f"{path.name}: tensor {name!r} has an impossible shape or place")
            entry = TensorEntry(dtype, tuple(shape), begin, end)
        case _:
            raise WeightsHeader(f"{path.name}: tensor {name!r} has no dtype, shape and data_offsets")
    if math.prod(entry.shape) * DTYPES[dtype].itemsize != end - begin:
        raise WeightsHeader(f"{path.name}: tensor {name!r}: its shape does not fit its {end - begin:,} bytes")
    return entry


def _check_extents(path: Path, tensors: Mapping[str, TensorEntry], available: int) -> None:
    """Tensors lie one after another and fill the file: no byte belongs to two of them, or to none, where another file could
    be hidden."""
    announced = max((entry.end for entry in tensors.values()), default=0)
    if announced > available:
        raise WeightsTruncated(
            f"{path.name} is cut off: {announced:,} bytes of tensors are announced, {max(available, 0):,} are there",
            hint=_DOWNLOAD_AGAIN,
        )
    reached = 0
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin < reached:
            raise WeightsHeader(f"{path.name}: tensor {name!r} overlaps another")
        if entry.begin > reached:
            raise WeightsHeader(f"{path.name}: {entry.begin - reached:,} bytes before tensor {name!r} are no tensor's")
        reached = entry.end
    if reached < available:
        raise WeightsHeader(f"{path.name}: {available - reached:,} bytes behind the tensors are no tensor's")


def _read_tensor(file: BufferedReader, header: Header, name: str) -> Tensor:
    entry = header.tensors[name]
    buffer = torch.empty(entry.end - entry.begin, dtype=torch.uint8)
    file.seek(header.data_start + entry.begin)
    if _read_into(file, buffer.numpy().data) != len(buffer):
        raise _cut_off(header.path)
    tensor = buffer.view(DTYPES[entry.dtype]).view(entry.shape)
    _expect_finite(header.path, name, tensor)
    return tensor


def _expect_finite(path: Path, name: str, tensor: Tensor) -> None:
    if not is_finite(tensor):
        raise WeightsNotFinite(
            f"{path.name}: tensor {name!r} holds NaN or infinity",
            hint="The file is damaged or was saved from a broken training run: use another copy.",
        )


def _read_into(file: BufferedReader, view: memoryview) -> int:
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            break
        done += count
    return done
