"""Pickled model files to plain tensors with names, for a converter in a process of its own (`server/worker/unpickling.py`).

Pickles are read by torch's unpickler for weights alone, which makes tensors and plain containers and refuses every other
object by its name. Of what comes out the dictionary of weights is found, and flattened to the names that loaders know.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from nodes.weights.errors import WeightsError, WeightsNotSafetensors, WeightsPickle
from nodes.weights.files import DTYPES, MAX_TENSORS, read_header

_WRAPPERS: Final = ("state_dict", "model", "params_ema", "params", "module")
"""Where training programs put the weights in the dictionary that they save. The average comes before what it is of."""

_VECTORS: Final = "string_to_param"
"""Where textual inversions have their vectors; beside them are tensors that are none."""

_REPLICATED: Final = "module."
"""What torch's `DataParallel` puts before every name."""

_KEPT_TEXTS: Final = (
    "activation_func", "activate_output", "name", "step", "epoch", "global_step", "sd_checkpoint", "sd_checkpoint_name",
)  # fmt: skip
"""What is said beside the weights and is of use to their loaders or to people."""

_MOST_VALUES: Final = 1_000_000
_DEEPEST: Final = 32
_MOST_GROWTH: Final = 4
"""Weights that share memory are written once for each: by no more than this the file may grow."""

_FORBIDDEN: Final = re.compile(r"GLOBAL (\S+)")
"""How torch's unpickler tells the name of what it refuses."""


class PickleError(WeightsError):
    """A pickle that is not converted. Codes: `pickle_forbidden`, `pickle_unreadable`, `pickle_no_tensors`,
    `pickle_too_large`, `pickle_ambiguous`, `pickle_tensor`, `pickle_not_needed`."""

    code = "pickle_unreadable"


class _Inert:
    """Stands in for an object that is harmless and of no use. Of a dictionary of parameters it keeps these."""

    def __init__(self, *_: object) -> None:
        self.parameters: object = {}

    def __setstate__(self, state: object) -> None:
        self.parameters = state.get("_parameters", {}) if isinstance(state, dict) else {}


_HARMLESS: Final = (
    "argparse.Namespace",
    "lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping",
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "torch.nn.modules.container.ParameterDict",
)
"""What well-known checkpoints hold beside weights. Nothing of it is made: `_Inert` stands in for each."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors by name, texts about them, and what was not taken: how many values that are no tensors, and what lay
    beside."""

    tensors: Mapping[str, Tensor]
    texts: Mapping[str, str]
    dropped: int
    left_out: tuple[str, ...]


def expect_pickle(path: Path) -> None:
    """Raises a `WeightsError` that says what the file is instead."""
    try:
        read_header(path)
    except WeightsPickle:
        return
    except WeightsNotSafetensors as error:
        hint = "What PyTorch has pickled is taken: .ckpt, .pt, .pth and .bin files."
        raise WeightsNotSafetensors(f"{error}, and no pickled model", hint=hint) from None
    raise PickleError(
        f"{path.name} is a safetensors file already",
        code="pickle_not_needed",
        hint="Use it as it is; if its name ends otherwise, call it .safetensors.",
    )


def read_pickle(path: Path) -> object:
    """What a pickled file holds: tensors (mapped where the file allows it), containers, numbers and texts. Raises
    `PickleError` that names what is forbidden, and whatever torch does for a damaged file."""
    stand_ins = [(_Inert, name) for name in _HARMLESS]
    try:
        with torch.serialization.safe_globals(stand_ins):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True, mmap=_can_be_mapped(path))
    except pickle.UnpicklingError as error:
        forbidden = _FORBIDDEN.search(str(error))
        if forbidden is None:
            raise PickleError(
                f"{path.name} cannot be read as weights",
                hint="The file is damaged, or was not saved by PyTorch as it does by default.",
            ) from error
        raise PickleError(
            f"{path.name} holds {forbidden[1]}, which is no tensor and could do anything: nothing was read",
            code="pickle_forbidden",
            hint="Use another copy of this model. Should you trust its author, ask for one saved as .safetensors.",
        ) from error


def weights_of(value: object, name: str, file_bytes: int) -> Weights:
    """The weights in what a file called `name`, of so many bytes, held. Raises `PickleError`."""
    inner, left_out = _unwrapped(value)
    tensors: dict[str, Tensor] = {}
    dropped = 0
    for path, leaf in _leaves(inner, name):
        if not isinstance(leaf, Tensor):
            dropped += 1
            continue
        key = ".".join(path)
        if key in tensors:
            raise PickleError(f"{name} has two tensors that would be called {key!r}", code="pickle_ambiguous")
        tensors[key] = _plain(leaf.detach(), key, name)
    _expect_some(tensors, name, file_bytes)
    if all(key.startswith(_REPLICATED) for key in tensors):
        tensors = {key.removeprefix(_REPLICATED): tensor for key, tensor in tensors.items()}
    return Weights(tensors, {**_texts(value), **_texts(inner)}, dropped, tuple(left_out))


def _can_be_mapped(path: Path) -> bool:
    """Whether the tensors lie in the file as they are."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return all(one.compress_type == zipfile.ZIP_STORED for one in archive.infolist())


def _unwrapped(value: object) -> tuple[object, list[str]]:
    """The dictionary of weights, and the names of what lies beside it."""
    left_out: list[str] = []
    while (wrapper := _wrapper(value)) is not None:
        assert isinstance(value, Mapping)
        left_out += [str(key) for key in value if key != wrapper]
        inner = _children(value[wrapper])
        if wrapper == _VECTORS:
            return {wrapper: inner}, left_out
        value = inner
    return value, left_out


def _wrapper(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return next((name for name in (*_WRAPPERS, _VECTORS) if isinstance(_children(value.get(name)), Mapping)), None)


def _leaves(value: object, name: str) -> Iterator[tuple[tuple[str, ...], object]]:
    """Everything in nested containers that is no container, in order, with the way to it."""
    pending: list[tuple[tuple[str, ...], object]] = [((), value)]
    visited = 0
    while pending:
        path, current = pending.pop()
        visited += 1
        if visited > _MOST_VALUES or len(path) > _DEEPEST:
            raise PickleError(f"{name} is nested without end", code="pickle_too_large")
        current = _children(current)
        if isinstance(current, Mapping):
            inside = [((*path, str(key)), one) for key, one in current.items()]
        elif isinstance(current, list | tuple | set):
            inside = [((*path, str(index)), one) for index, one in enumerate(current)]
        else:
            yield path, current
            continue
        pending += reversed(inside)


def _children(value: object) -> object:
    return value.parameters if isinstance(value, _Inert) else value


def _plain(tensor: Tensor, key: str, name: str) -> Tensor:
    """The tensor, if a safetensors file can hold it."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu" or tensor.is_nested:
        what = "sparse, quantised or without content"
    elif tensor.dtype not in DTYPES.values():
        what = f"of the type {str(tensor.dtype).removeprefix('torch.')}"
    else:
        return tensor
    raise PickleError(f"{name}: tensor {key!r} is {what}, which is not converted", code="pickle_tensor")


def _expect_some(tensors: Mapping[str, Tensor], name: str, file_bytes: int) -> None:
    if not tensors:
        raise PickleError(f"{name} holds no tensor", code="pickle_no_tensors", hint="It is no model: use another file.")
    if len(tensors) > MAX_TENSORS:
        raise PickleError(f"{name} holds more than {MAX_TENSORS:,} tensors", code="pickle_too_large")
    nbytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if nbytes > _MOST_GROWTH * file_bytes:
        message = f"{name} has {file_bytes:,} bytes and claims to hold {nbytes:,} bytes of tensors"
        raise PickleError(message, code="pickle_too_large", hint="No honest model does: use another copy.")


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        return {}
    said = {name: value.get(name) for name in _KEPT_TEXTS}
    return {name: str(one) for name, one in said.items() if isinstance(one, str | int | float)}
