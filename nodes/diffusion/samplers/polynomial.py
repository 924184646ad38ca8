"""Integrals of interpolating polynomials: where linear multistep methods get their coefficients from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

# Gauss-Legendre nodes and weights on -1..1: exact for polynomials, and to rounding for their products with exponentials
# over any step a schedule takes.
_NODES, _WEIGHTS = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(48))


def lagrange(points: Sequence[float], index: int, t: Tensor) -> Tensor:
    """The polynomial that is 1 at `points[index]` and 0 at the others, at `t`."""
    value = torch.ones_like(t)
    for other, point in enumerate(points):
        if other != index:
            value = value * (t - point) / (points[index] - point)
    return value


def basis_integrals(
    points: Sequence[float], start: float, end: float, weight: Callable[[Tensor], Tensor] = torch.ones_like
) -> list[float]:
    """The integral from `start` to `end` of each point's polynomial times a smooth weight."""
    half = (end - start) / 2
    t = start + half * (_NODES + 1)
    measure = _WEIGHTS * half * weight(t)
    return [float((measure * lagrange(points, index, t)).sum()) for index in range(len(points))]
