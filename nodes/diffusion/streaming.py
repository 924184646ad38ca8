"""Layers that hold their weights otherwise than they compute: as their file has them, mapped, or on another device.

A network that is too large for the memory there is runs all the same: each weight is brought to its input's precision and
device when its layer is called, and dropped again. Only matrices and kernels are held so; biases and norms are small.
"""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StreamedLinear(nn.Linear):
    """A linear layer whose weight follows its input."""

    computes_in: torch.dtype

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x), self.bias)


class StreamedConv2d(nn.Conv2d):
    """A convolution whose weight follows its input."""

    computes_in: torch.dtype

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self._conv_forward(x, self.weight.to(x), self.bias)
        return out


class StreamedEmbedding(nn.Embedding):
    """A table of vectors of which only those that are asked for are brought."""

    computes_in: torch.dtype

    def forward(self, index: Tensor) -> Tensor:
        rows = F.embedding(index.to(self.weight.device), self.weight)
        return rows.to(index.device, self.computes_in)


_STREAMED: Final = {nn.Linear: StreamedLinear, nn.Conv2d: StreamedConv2d, nn.Embedding: StreamedEmbedding}


def stream(module: nn.Module, dtype: torch.dtype) -> None:
    """Have the layers with large weights of a module, which nobody uses yet, compute in `dtype` whatever they hold."""
    for layer in module.modules():
        kind = _STREAMED.get(type(layer))
        if kind is not None:
            layer.__class__ = kind  # the same parameters under another forward; torch keeps no other link to the class
            cast("StreamedLinear | StreamedConv2d | StreamedEmbedding", layer).computes_in = dtype


def is_streamed(parameter: Tensor) -> bool:
    """Whether a parameter of a streamed module is brought at each call, by its shape."""
    return parameter.ndim >= 2


def computing_dtype(layer: nn.Module) -> torch.dtype:
    """The precision that a layer with a weight computes in."""
    if isinstance(layer, StreamedLinear | StreamedConv2d | StreamedEmbedding):
        return layer.computes_in
    return cast("Tensor", layer.weight).dtype
