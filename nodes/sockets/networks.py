"""Networks in files of their own, as values on wires, and their form at rest: UPSCALE_MODEL, CONTROL_NET,
CLIP_VISION and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from graph.values import Encoded
from nodes.diffusion.clip_vision import VisionEncoding
from nodes.diffusion.control_net import ControlNetConfig
from nodes.diffusion.t2i_adapter import T2iAdapterConfig
from nodes.diffusion.upscalers import UpscalerConfig
from nodes.sockets.encoding import decode_tensor, pack
from nodes.sockets.reference_encoding import decode_network, encode_network
from nodes.weights.networks import NetworkRef, open_clip_vision, open_control_net, open_upscaler


@dataclass(frozen=True, slots=True)
class UpscaleModel:
    """A network that enlarges pictures."""

    socket_type: ClassVar[str] = "UPSCALE_MODEL"
    network: NetworkRef

    def __post_init__(self) -> None:
        if not isinstance(self.network.config, UpscalerConfig):
            raise TypeError(f"{self.network.path.name} is no network that enlarges pictures")

    @property
    def image_channels(self) -> int:
        """How many channels the network takes and gives: 3, or 1 for grey."""
        config = self.network.config
        assert isinstance(config, UpscalerConfig)
        return config.image_channels


@dataclass(frozen=True, slots=True)
class ControlNet:
    """A network that steers by pictures. `kind` tells a union network what a picture is; None leaves it to the network."""

    socket_type: ClassVar[str] = "CONTROL_NET"
    network: NetworkRef
    kind: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.network.config, ControlNetConfig | T2iAdapterConfig):
            raise TypeError(f"{self.network.path.name} is no control network")


def encode_control_net(control_net: ControlNet) -> Encoded:
    return pack({"network": encode_network(control_net.network), "kind": control_net.kind})


def decode_control_net(encoded: Encoded) -> ControlNet:
    data: Any = encoded.data
    return ControlNet(decode_network(data["network"], open_control_net), data["kind"])


@dataclass(frozen=True, slots=True)
class ClipVision:
    """A network that sees what is in a picture."""

    socket_type: ClassVar[str] = "CLIP_VISION"
    network: NetworkRef


@dataclass(frozen=True, slots=True)
class Gligen:
    """A network that ties phrases to boxes of the picture."""

    socket_type: ClassVar[str] = "GLIGEN"
    network: NetworkRef


@dataclass(frozen=True, slots=True)
class StyleModel:
    """A network that reads the style of a picture."""

    socket_type: ClassVar[str] = "STYLE_MODEL"
    network: NetworkRef


@dataclass(frozen=True, slots=True)
class PhotoMaker:
    """A network that turns pictures of a person into a word."""

    socket_type: ClassVar[str] = "PHOTOMAKER"
    network: NetworkRef


@dataclass(frozen=True, slots=True, eq=False)
class ClipVisionOutput:
    """What CLIP saw in a batch of pictures."""

    socket_type: ClassVar[str] = "CLIP_VISION_OUTPUT"
    encoding: VisionEncoding

    def __post_init__(self) -> None:
        if self.encoding.embeddings.ndim != 2:
            raise ValueError(f"embeddings of pictures are [B, P], not {list(self.encoding.embeddings.shape)}")


def encode_clip_vision(tower: ClipVision) -> Encoded:
    return pack(encode_network(tower.network))


def decode_clip_vision(encoded: Encoded) -> ClipVision:
    return ClipVision(decode_network(encoded.data, open_clip_vision))


def encode_clip_vision_output(output: ClipVisionOutput) -> Encoded:
    seen = output.encoding
    return pack(embeddings=seen.embeddings, last=seen.last, penultimate=seen.penultimate)


def decode_clip_vision_output(encoded: Encoded) -> ClipVisionOutput:
    parts = (decode_tensor(encoded.tensors[name]) for name in ("embeddings", "last", "penultimate"))
    return ClipVisionOutput(VisionEncoding(*parts))


def encode_upscale_model(model: UpscaleModel) -> Encoded:
    return pack(encode_network(model.network))


def decode_upscale_model(encoded: Encoded) -> UpscaleModel:
    return UpscaleModel(decode_network(encoded.data, open_upscaler))
