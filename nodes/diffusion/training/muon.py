"""Muon: momentum, and every step a matrix with singular values near one (Jordan et al., 2024, "Muon: an optimizer for
hidden layers in neural networks"), scaled so that AdamW's rates hold (Liu et al., 2025, "Muon is scalable for LLM
training", section 2.2).

It takes matrices of hidden layers alone; a convolution [out, in, h, w] is read as [out, in h w]. What is too narrow to gain
by it, tables of embeddings, and vectors are for AdamW.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn

MakeOrthogonal = Callable[[Sequence[Tensor]], Sequence[Tensor]]

_NARROWEST: Final = 64
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS: Final = 5
_MOMENTUM: Final = 0.95
_ROOT_MEAN_SQUARE: Final = 0.2  # of an update, as AdamW's have


def suits_muon(name: str, parameter: Tensor) -> bool:
    """Whether a weight is a matrix of a hidden layer, no narrower than 64 either way."""
    return parameter.ndim > 1 and "embedding" not in name and min(parameter.flatten(1).shape) >= _NARROWEST


def orthogonalized(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Roughly the nearest matrix [m, n] of orthonormal rows or columns, in float32: five Newton-Schulz iterations in `dtype`
    bring every singular value that is not tiny to between 0.68 and 1.13."""
    x = matrix.to(dtype)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.T  # (m, m)
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)  # A x + (B G + C G G) x
    made: Tensor = (x.T if tall else x).float()
    return made


class Muon(torch.optim.Optimizer):
    """Weights of two or more dimensions, in groups with a rate and a `weight_decay` of their own. `make_orthogonal` gives
    `orthogonalized` of each of some matrices [m, n]; it may share them out."""

    def __init__(self, groups: list[dict[str, object]], make_orthogonal: MakeOrthogonal) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0})
        self._make_orthogonal = make_orthogonal

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002 - no step asks for a loss
        """Move every weight, against its gradient."""
        for group in self.param_groups:
            rate, decay = group["lr"], group["weight_decay"]
            means = [self._mean_with(parameter) for parameter in group["params"]]
            ahead = [_gradient(one).lerp(mean, _MOMENTUM) for one, mean in zip(group["params"], means, strict=True)]
            orthogonal = self._make_orthogonal([one.flatten(1) for one in ahead])  # may fail: nothing has changed yet
            for parameter, mean, made in zip(group["params"], means, orthogonal, strict=True):
                self.state[parameter]["exp_avg"] = mean
                parameter.mul_(1 - rate * decay)
                scale = _ROOT_MEAN_SQUARE * max(made.shape) ** 0.5
                parameter.add_(made.reshape(parameter.shape), alpha=-rate * scale)

    def _mean_with(self, parameter: nn.Parameter) -> Tensor:
        """The mean of the gradients with the newest. Nesterov's momentum goes from the gradient towards it."""
        known: Tensor | None = self.state[parameter].get("exp_avg")
        mean = torch.zeros_like(parameter) if known is None else known
        return mean.lerp(_gradient(parameter), 1 - _MOMENTUM)


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
