"""Weights files to modules: built on the meta device, then given their tensors, one part at a time.

`open_checkpoint` reads a header and says what is there; `WeightsRef` names one part of one file and is what travels on
wires; `load_part` makes the module. Keeping loaded modules is the business of `nodes/memory/residency.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor, nn

from graph.errors import listed
from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.streaming import is_streamed, stream
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.weights.arena import Arena, arena_bytes
from nodes.weights.detect import detect, detect_part
from nodes.weights.errors import WeightsMissing
from nodes.weights.files import DTYPES, Header, MappedFile, map_tensors, read_header
from nodes.weights.keymaps import EXPECTED_EXTRAS, PLACES, Part, Place, Source, places

Rounding = Literal["float8_e4m3fn", "float8_e5m2"]
ComputeDtype = Literal["fp32", "fp16", "bf16"]
ROUNDINGS: Mapping[Rounding, torch.dtype] = {
    "float8_e4m3fn": torch.float8_e4m3fn,
    "float8_e5m2": torch.float8_e5m2,
}


CLIP_ROUNDED_TO: Final = torch.float16
"""The towers of CLIP hold their weights in half precision, whatever their file has and whatever they compute in: the
pictures people have were made so, and with a LoRA depend on that rounding by more than on anything else."""


@dataclass(frozen=True, slots=True)
class WeightsRef:
    """One part of one file. `digest` is that of the file's content, so equal references are equal weights.

    `rounded_to` is a coarser precision that all weights are rounded to when they are loaded, the name of a torch type.
    `compute_dtype` and `on_cpu` overrule where and in which precision the policy would have the part compute.
    """

    path: Path
    digest: str
    part: Part
    config: ModelConfig
    rounded_to: Rounding | None = None
    compute_dtype: ComputeDtype | None = None
    on_cpu: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint file offers."""

    config: ModelConfig
    parts: frozenset[Part]


@dataclass(frozen=True, slots=True)
class Held:
    """How weights are held: the kernels of convolutions in channels-last order, or all large weights as they are stored,
    to be brought to the precision of their input at each call; and to what precision they are rounded before."""

    channels_last: bool = False
    as_stored: bool = False
    rounded_to: torch.dtype | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StoredPart:
    """A part in its file, mapped. `module` is its network on the meta device."""

    file: MappedFile
    place: Place
    module: nn.Module
    sources: Mapping[str, Source]
    rounded_to: Rounding | None = None

    def read(self, name: str) -> Tensor:
        """The tensor of a parameter as it is stored, in the parameter's shape: most are views of the file. Raises a
        `WeightsError`."""
        wanted = self.module.get_parameter(name).shape
        source = self.sources[name]
        key = self.place.prefix + source.key
        tensor = source.read(self.file.tensor(key))
        if _without_ones(tensor.shape) != _without_ones(wanted):
            raise WeightsMissing(
                f"{self.file.path.name}: tensor {key!r} has shape {list(tensor.shape)}, the model needs {list(wanted)}",
                hint="The file is another kind of model than its other tensors say.",
            )
        if self.rounded_to is not None:
            tensor = tensor.float().to(ROUNDINGS[self.rounded_to])
        return tensor.view(wanted)

    def is_used_as_stored(self, name: str, dtype: torch.dtype, held: Held) -> bool:
        """Whether a module that computes in `dtype` can use the tensor of a parameter where it is in the file."""
        source, wanted = self.sources[name], self.module.get_parameter(name)
        if source.third is not None or source.transpose or self.rounded_to is not None:
            return False
        if held.as_stored:
            return is_streamed(wanted)
        stored = DTYPES[self.file.header.tensors[self.place.prefix + source.key].dtype]
        if held.rounded_to is not None and stored is not held.rounded_to:
            return False
        return stored is dtype and not (held.channels_last and wanted.ndim == 4)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Stored tensors of the part that no parameter comes from, but for those that are always there."""
        used = {source.key for source in self.sources.values()}
        prefix = self.place.prefix
        keys = [name.removeprefix(prefix) for name in self.file.header.tensors if name.startswith(prefix)]
        return tuple(sorted(prefix + key for key in keys if key not in used and not EXPECTED_EXTRAS.search(key)))


@dataclass(frozen=True, slots=True)
class LoadedPart:
    """A module in evaluation mode, and the stored tensors of its part that nothing asked for."""

    module: nn.Module
    unknown: tuple[str, ...]


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a file's header and find out what model it holds. Raises a `WeightsError`; reads no weights."""
    header = read_header(path)
    config = detect(header)
    return Checkpoint(config, frozenset(part for part in Part if _in_checkpoint(header, part)))


def open_part(path: Path, part: Part) -> ModelConfig:
    """Read the header of a file that holds one part, or a whole checkpoint, and find out what it is.

    A VAE or a text encoder alone does not tell its whole family: the rest of the configuration is that of SD 1.5.
    Raises a `WeightsError`; reads no weights.
    """
    header = read_header(path)
    config = detect_part(header, part)
    if find_place(header, part, config) is None:
        raise _absent(header, part)
    return config


def find_place(header: Header, part: Part, config: ModelConfig) -> Place | None:
    """Where in a file a part is, None if it is not in it."""
    return next((place for place in places(part, config) if place.is_in(header.tensors)), None)


def _in_checkpoint(header: Header, part: Part) -> bool:
    return any(place.prefix and place.is_in(header.tensors) for place in PLACES[part])


def _absent(header: Header, part: Part) -> WeightsMissing:
    return WeightsMissing(f"{header.path.name} has no {_TITLES[part]}", hint="Load that part from another file.")


def open_stored(ref: WeightsRef) -> StoredPart:
    """Find a part in its file. Raises a `WeightsError`: the file may have changed or gone since the reference was made."""
    header = read_header(ref.path)
    place = find_place(header, ref.part, ref.config)
    if place is None:
        raise _absent(header, ref.part)
    module, what = build(ref.part, ref.config), f"{_TITLES[ref.part]} of a {ref.config.family} model"
    return StoredPart(map_tensors(header), place, module, _sources(header, place, module, what), ref.rounded_to)


def load_part(ref: WeightsRef, dtype: torch.dtype, held: Held = Held()) -> LoadedPart:
    """Build the module of a part that computes in `dtype`, on the CPU. Raises as `open_stored` does.

    Weights stored in that precision are views of the mapped file, others are converted.
    """
    if ref.part in (Part.TEXT, Part.TEXT_2):
        held = replace(held, rounded_to=CLIP_ROUNDED_TO)
    return _loaded(open_stored(ref), dtype, held)


def mapped_from(module: object) -> MappedFile | None:
    """The file whose bytes a loaded module may be using."""
    file = getattr(module, "mapped_from", None)
    return file if isinstance(file, MappedFile) else None


def stored_bytes(ref: WeightsRef) -> int:
    """Bytes that a part takes in its file. Raises a `WeightsError`."""
    header = read_header(ref.path)
    place = find_place(header, ref.part, ref.config)
    if place is None:
        raise _absent(header, ref.part)
    return sum(one.end - one.begin for name, one in header.tensors.items() if name.startswith(place.prefix))


def load_module(
    header: Header, place: Place, module: nn.Module, what: str, dtype: torch.dtype, held: Held = Held()
) -> LoadedPart:
    """Give a module on the meta device its tensors from a place in a file. `what` names it in messages.

    Raises a `WeightsError` where tensors are missing, of other shapes or not finite.
    """
    return _loaded(StoredPart(map_tensors(header), place, module, _sources(header, place, module, what)), dtype, held)


def _loaded(stored: StoredPart, dtype: torch.dtype, held: Held) -> LoadedPart:
    module = stored.module
    shapes = {name: one.shape for name, one in module.state_dict().items()}
    kept = {name for name in shapes if stored.is_used_as_stored(name, dtype, held)}
    arena = Arena(arena_bytes([shape for name, shape in shapes.items() if name not in kept], dtype))
    state: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        tensor = stored.read(name)
        if name not in kept:
            tensor = tensor if held.rounded_to is None else tensor.to(held.rounded_to)
            tensor = arena.empty(shape, dtype, channels_last=held.channels_last).copy_(tensor)
        state[name] = tensor
    module.load_state_dict(state, assign=True)
    if kept:
        vars(module)["mapped_from"] = stored.file
    if held.as_stored:
        stream(module, dtype)
    return LoadedPart(module.eval().requires_grad_(requires_grad=False), stored.unknown)


def build(part: Part, config: ModelConfig) -> nn.Module:
    """The network of a part on the meta device: names and shapes, no memory."""
    with torch.device("meta"):
        match part:
            case Part.UNET:
                return UNet(config.unet)
            case Part.VAE:
                return Vae(config.vae)
            case Part.TEXT:
                return TextEncoder(config.text[0])
            case Part.TEXT_2:
                return TextEncoder(config.text[1])


_TITLES: Mapping[Part, str] = {
    Part.UNET: "U-Net",
    Part.VAE: "VAE",
    Part.TEXT: "text encoder",
    Part.TEXT_2: "second text encoder",
}


def _sources(header: Header, place: Place, module: nn.Module, what: str) -> dict[str, Source]:
    """The stored tensor for every parameter. Raises `WeightsMissing` listing what has none."""
    sources: dict[str, Source] = {}
    missing: list[str] = []
    for name in module.state_dict():
        found = [source for source in place.layout(name) if place.prefix + source.key in header.tensors]
        if found:
            sources[name] = found[0]
        else:
            missing.append(place.prefix + name)
    if missing:
        raise WeightsMissing(
            f"{header.path.name}: the {what} lacks {listed(missing)}",
            hint="The file is incomplete or is another kind of model: use a complete checkpoint.",
        )
    return sources


def _without_ones(shape: torch.Size) -> list[int]:
    """A 1x1 convolution and a linear layer hold the same numbers: [C, C, 1, 1] is [C, C]."""
    return [side for side in shape if side != 1]
