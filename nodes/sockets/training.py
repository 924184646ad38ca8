"""What training nodes pass on: losses and trained adapters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graph.values import Encoded
from nodes.sockets.encoding import decode_tensor, pack
from nodes.sockets.reference_encoding import decode_adapter, encode_adapter
from nodes.weights.lora import AdapterRef


@dataclass(frozen=True, slots=True, eq=False)
class LossMap:
    """The loss of every step of a training run, float64 [N]."""

    socket_type: ClassVar[str] = "LOSS_MAP"
    losses: Tensor

    def __post_init__(self) -> None:
        if self.losses.ndim != 1 or self.losses.dtype != torch.float64:
            raise ValueError(
                f"a LOSS_MAP is one-dimensional float64, not {list(self.losses.shape)} {self.losses.dtype}"
            )


@dataclass(frozen=True, slots=True)
class LoraModel:
    """A trained adapter, in a file."""

    socket_type: ClassVar[str] = "LORA_MODEL"
    adapter: AdapterRef


def encode_loss_map(loss: LossMap) -> Encoded:
    return pack(losses=loss.losses)


def decode_loss_map(encoded: Encoded) -> LossMap:
    return LossMap(decode_tensor(encoded.tensors["losses"]))


def encode_lora_model(lora: LoraModel) -> Encoded:
    return pack(encode_adapter(lora.adapter))


def decode_lora_model(encoded: Encoded) -> LoraModel:
    adapter = decode_adapter(encoded.data)
    if not isinstance(adapter, AdapterRef):
        raise TypeError("not the adapter of a file")
    return LoraModel(adapter)
