"""The nearest matrix of a given rank (Eckart and Young, 1936): how a difference of weights becomes a LoRA."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_low_rank(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """up [out, r, ...] and down [r, in, ...] whose product is nearest to a weight [out, in] or [out, in, k, k].

    r is `rank`, or the lesser side of the weight where that is less. The singular vectors come from the smaller of the two
    products of the matrix with itself, in float64; both factors share the singular values evenly.
    """
    matrix = weight.flatten(1).double()
    rank = min(rank, *matrix.shape)
    left = matrix.shape[0] <= matrix.shape[1]
    _, vectors = torch.linalg.eigh(matrix @ matrix.t() if left else matrix.t() @ matrix)
    vectors = vectors[:, -rank:].flip(1)  # the largest first
    up, down = (vectors, vectors.t() @ matrix) if left else (matrix @ vectors, vectors.t())
    values = torch.linalg.vector_norm(down, dim=1) if left else torch.linalg.vector_norm(up, dim=0)
    balance = values.sqrt().clamp(min=torch.finfo(torch.float32).tiny)
    up, down = (up * balance, down / balance[:, None]) if left else (up / balance, down * balance[:, None])
    sides = [1] * (weight.ndim - 2)
    return up.float().reshape(*up.shape, *sides), down.float().reshape(rank, *weight.shape[1:])
