"""Values that name things instead of holding them: models, prompts, samplers, sources of noise.

A model on a wire is a reference to a part of a file and the options chosen for it; the module itself is made, and kept,
by `nodes/memory` when a node needs it. So these values are small, cheap to cache and the same in every process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.config import ModelConfig, ScheduleConfig
from nodes.diffusion.patching import Patch
from nodes.diffusion.samplers import table as samplers
from nodes.diffusion.samplers.options import SamplerOptions
from nodes.weights.hypernetworks import HypernetworkRef
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.networks import TaesdRef
from nodes.weights.patches import WeightPatch


@dataclass(frozen=True, slots=True)
class Model:
    """A diffusion model: the U-Net of a file, and what is laid over it, in the order of its application.

    `adapters` change weights, `hypernetworks` what attention reads, `patches` how the model is sampled; `schedule` replaces
    that of the file.
    """

    socket_type: ClassVar[str] = "MODEL"
    weights: WeightsRef
    adapters: tuple[WeightPatch, ...] = ()
    patches: tuple[Patch, ...] = ()
    schedule: ScheduleConfig | None = None
    hypernetworks: tuple[HypernetworkRef, ...] = ()

    def __post_init__(self) -> None:
        _expect_parts("a MODEL", (self.weights,), ((Part.UNET,),))

    @property
    def config(self) -> ModelConfig:
        config = self.weights.config
        return config if self.schedule is None else replace(config, schedule=self.schedule)


@dataclass(frozen=True, slots=True)
class Clip:
    """The text encoders of a model, one or (SDXL) two, and the adapters they are seen through.

    `layer` is the layer whose output is taken, counted from the end; None is the family's own choice.
    """

    socket_type: ClassVar[str] = "CLIP"
    towers: tuple[WeightsRef, ...]
    layer: int | None = None
    adapters: tuple[WeightPatch, ...] = ()

    def __post_init__(self) -> None:
        _expect_parts("a CLIP", self.towers, ((Part.TEXT,), (Part.TEXT, Part.TEXT_2), (Part.TEXT_2,)))
        if self.layer is not None and self.layer >= 0:
            raise ValueError(f"the layer of a CLIP is counted from the end: -1, -2, ..., not {self.layer}")


@dataclass(frozen=True, slots=True)
class Vae:
    """The autoencoder between pictures and latents: that of a file, or a tiny one of two files."""

    socket_type: ClassVar[str] = "VAE"
    weights: WeightsRef | TaesdRef

    def __post_init__(self) -> None:
        if isinstance(self.weights, WeightsRef):
            _expect_parts("a VAE", (self.weights,), ((Part.VAE,),))

    @property
    def config(self) -> ModelConfig:
        return self.weights.config


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """What a prompt became, and where and when it counts: one or more entries, all of which take part."""

    socket_type: ClassVar[str] = "CONDITIONING"
    entries: tuple[ConditioningEntry, ...]

    def __post_init__(self) -> None:
        if not self.entries:
            raise ValueError("CONDITIONING has at least one entry")
        for entry in self.entries:
            if entry.embedding.ndim != 3:
                raise ValueError(f"the embedding of CONDITIONING is [B, T, D], not {list(entry.embedding.shape)}")


@dataclass(frozen=True, slots=True)
class Noise:
    """A source of starting noise: the seed, or None for no noise at all."""

    socket_type: ClassVar[str] = "NOISE"
    seed: int | None

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= self.seed < 2**64:
            raise ValueError(f"a seed is 0 to 2**64 - 1, not {self.seed}")


@dataclass(frozen=True, slots=True)
class Sampler:
    """A sampling method by name, with options where they are not its own."""

    socket_type: ClassVar[str] = "SAMPLER"
    name: str
    options: SamplerOptions | None = None

    def __post_init__(self) -> None:
        if self.name not in samplers.SAMPLERS:
            raise ValueError(f"there is no sampler {self.name!r}")
        if self.options is not None and self.name not in self.options.fits:
            raise ValueError(f"{type(self.options).__name__} are no options of {self.name}")

    @property
    def method(self) -> samplers.Sampler:
        """The sampler itself."""
        plain = samplers.SAMPLERS[self.name]
        return plain if self.options is None else self.options.laid_over(plain)


@dataclass(frozen=True, slots=True, eq=False)
class Guider:
    """A model with what it is guided by. At a cfg of 1 the negative side has no say."""

    socket_type: ClassVar[str] = "GUIDER"
    model: Model
    positive: Conditioning
    negative: Conditioning
    cfg: float


def _expect_parts(what: str, refs: tuple[WeightsRef, ...], allowed: tuple[tuple[Part, ...], ...]) -> None:
    parts = tuple(ref.part for ref in refs)
    if parts not in allowed:
        raise ValueError(f"{what} is made of {' or '.join(map(str, allowed))}, not {parts}")
