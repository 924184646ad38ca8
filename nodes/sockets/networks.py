"""Networks in files of their own, as values on wires, and their form at rest: UPSCALE_MODEL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from graph.values import Encoded
from nodes.sockets.encoding import decode_network, encode_network, pack
from nodes.weights.networks import NetworkRef, open_upscaler


@dataclass(frozen=True, slots=True)
class UpscaleModel:
    """A network that enlarges pictures."""

    socket_type: ClassVar[str] = "UPSCALE_MODEL"
    network: NetworkRef


def encode_upscale_model(model: UpscaleModel) -> Encoded:
    return pack(encode_network(model.network))


def decode_upscale_model(encoded: Encoded) -> UpscaleModel:
    return UpscaleModel(decode_network(encoded.data, open_upscaler))
