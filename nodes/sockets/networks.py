"""Networks in files of their own, as values on wires, and their form at rest: UPSCALE_MODEL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from graph.values import Encoded
from nodes.sockets.encoding import file_identity, pack
from nodes.weights.networks import NetworkRef, open_upscaler


@dataclass(frozen=True, slots=True)
class UpscaleModel:
    """A network that enlarges pictures."""

    socket_type: ClassVar[str] = "UPSCALE_MODEL"
    network: NetworkRef


def encode_upscale_model(model: UpscaleModel) -> Encoded:
    path = model.network.path
    return pack({"path": str(path), "digest": model.network.digest, "file": file_identity(path)})


def decode_upscale_model(encoded: Encoded) -> UpscaleModel:
    path, digest = _still_there(encoded)
    return UpscaleModel(NetworkRef(path, digest, open_upscaler(path)))


def _still_there(encoded: Encoded) -> tuple[Path, str]:
    """Path and digest of a file that is the one it was. Raises ValueError otherwise."""
    known: Any = encoded.data
    path = Path(known["path"])
    identity = file_identity(path)
    if identity is None or identity != known["file"]:
        raise ValueError(f"{path} is not the file it was")
    return path, str(known["digest"])
