"""Guidance by three prompts: a patch brings the third, and guides by it what came out of the other two.

With predictions p, m and n under the first prompt, the second and the negative one, and a scale for each step between
them. InstructPix2Pix (Brooks et al., 2023, equation 3) is the first form, of text and picture, picture alone, and neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nodes.diffusion.cfg_patches import beside_both
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.patching import Hooks, Predict, Predictions, Start


@dataclass(frozen=True, slots=True, eq=False)
class ThirdTowards:
    """n + (m - n) cfg + (p - m) scale: p is the third, m and n are the two sides of the run."""

    entries: tuple[ConditioningEntry, ...]
    scale: float

    def begin(self, start: Start) -> Hooks:
        regions = start.place(self.entries, "positive")

        def after(seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:
            return guided + (predict(seen.x, beside_both(predict, regions)) - seen.positive) * self.scale

        return Hooks(after=after)


@dataclass(frozen=True, slots=True, eq=False)
class ThirdAway:
    """n + (m + (p - m) cfg - n) scale: n is the third, p and m are the two sides of the run."""

    entries: tuple[ConditioningEntry, ...]
    scale: float

    def begin(self, start: Start) -> Hooks:
        regions = start.place(self.entries, "negative")

        def after(seen: Predictions, guided: Tensor, predict: Predict) -> Tensor:
            away = predict(seen.x, beside_both(predict, regions))
            return away + (guided - away) * self.scale

        return Hooks(after=after)
