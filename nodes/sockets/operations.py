"""LATENT_OPERATION: what is done to a latent, as a value on a wire, and its form at rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from graph.values import Encoded
from nodes.diffusion.latent_operations import LatentFunction, Sharpen, TonemapReinhard
from nodes.sockets.encoding import pack


@dataclass(frozen=True, slots=True)
class LatentOperation:
    """A function of latents, with its settings."""

    socket_type: ClassVar[str] = "LATENT_OPERATION"
    function: LatentFunction

    def __post_init__(self) -> None:
        if isinstance(self.function, Sharpen) and self.function.radius < 1:
            raise ValueError(f"a sharpening radius is at least 1, not {self.function.radius}")


_KINDS: Final[Mapping[str, type[LatentFunction]]] = {"tonemap_reinhard": TonemapReinhard, "sharpen": Sharpen}


def encode_latent_operation(operation: LatentOperation) -> Encoded:
    kind = next(name for name, one in _KINDS.items() if isinstance(operation.function, one))
    return pack({"kind": kind, "settings": asdict(operation.function)})


def decode_latent_operation(encoded: Encoded) -> LatentOperation:
    data: Any = encoded.data
    return LatentOperation(_KINDS[data["kind"]](**data["settings"]))
