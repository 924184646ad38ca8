"""The judge: a small residual network that says what is in a picture of the training kind, to measure models that draw them.

It has nothing of the model it judges. One head for each question; the features before them serve for distances.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SIDE = 64
"""Pixels a side of the pictures it sees."""

_WIDTHS = (24, 48, 96, 160)
_GROUPS = 8


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(_GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(_GROUPS, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


class Judge(nn.Module):
    """Answers the questions by name; `questions` says how many answers each has."""

    def __init__(self, questions: Mapping[str, int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in _WIDTHS:
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), _Residual(width)]
            before = width
        self.body = nn.Sequential(*layers, nn.GroupNorm(_GROUPS, before), nn.SiLU())
        self.heads = nn.ModuleDict({name: nn.Linear(2 * before, answers) for name, answers in questions.items()})

    def features(self, pictures: Tensor) -> Tensor:
        """[B, 3, 64, 64] in -1..1 to [B, 320]: the mean and the maximum of each channel over the picture."""
        maps: Tensor = self.body(pictures)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """The logits of each question: [B, answers]."""
        seen = self.features(pictures)
        return {name: head(seen) for name, head in self.heads.items()}
