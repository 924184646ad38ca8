"""Adapters that turn the outputs of a layer instead of adding to its weight."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Rotated:
    """The outputs of a layer turned by orthogonal matrices.

    Blocks [n, b, b] turn b outputs each (OFT, Qiu et al., 2023, equation 5); [m, n, b, b] do so m times, on outputs that
    are dealt anew before each time as in a butterfly (BOFT, Liu et al., 2024, section 3.2). A matrix is the Cayley
    transform of the skew part of its block, whose norm is at most `constraint` times the number of outputs if that is above
    0. At a strength between 0 and 1 a matrix is that share of the way from doing nothing. `rescale` multiplies outputs then.
    """

    blocks: Tensor
    constraint: float = 0.0
    rescale: Tensor | None = None

    def turned(self, weight: Tensor, strength: float) -> Tensor:
        """The weight with its outputs turned."""
        matrices = torch.lerp(torch.eye(self.blocks.shape[-1]).to(weight), self._matrices(weight), strength)
        turned = self._in_blocks(weight, matrices) if matrices.ndim == 3 else self._in_a_butterfly(weight, matrices)
        if self.rescale is None:
            return turned
        return turned * self.rescale.reshape(-1, *[1] * (weight.ndim - 1)).to(weight)

    def delta(self, weight: Tensor) -> Tensor:
        return self.turned(weight, 1.0) - weight

    def _matrices(self, weight: Tensor) -> Tensor:
        blocks = self.blocks.to(weight)
        skew = blocks - blocks.mT
        most, norm = self.constraint * weight.shape[0], torch.linalg.vector_norm(skew) + 1e-8
        if 0.0 < most < float(norm):
            skew = skew * (most / norm)
        identity = torch.eye(blocks.shape[-1]).to(weight)
        matrices: Tensor = (identity + skew) @ torch.linalg.inv(identity - skew)
        return matrices

    @staticmethod
    def _in_blocks(weight: Tensor, matrices: Tensor) -> Tensor:
        rows = weight.reshape(*matrices.shape[:2], *weight.shape[1:])  # (n, b, in, ...)
        return torch.einsum("knm,kn...->km...", matrices, rows).flatten(0, 1)

    @staticmethod
    def _in_a_butterfly(weight: Tensor, matrices: Tensor) -> Tensor:
        size = matrices.shape[-1]
        for index, factor in enumerate(matrices):
            apart = 2**index * (size // 2)
            dealt = weight.reshape(-1, 2, apart, *weight.shape[1:]).transpose(1, 2)
            turned = torch.einsum("bij,bj...->bi...", factor, dealt.reshape(-1, size, *weight.shape[1:]))
            weight = turned.reshape(-1, apart, 2, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)
        return weight
