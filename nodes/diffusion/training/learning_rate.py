"""The learning rate over a run: warm-up, a constant stretch of any length, and a decay when it is to end.

A constant rate needs no planned end: training goes on for as long as there is time, and a model is finished by
branching off a short decay (warm-up, stable, decay; Haegele et al., 2024, with their 1 - sqrt decay).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LearningRate:
    """`peak` is reached after `warmup` steps; from step `decay_from` (None: never) it falls over `decay` steps."""

    peak: float
    warmup: int
    decay_from: int | None = None
    decay: int = 1

    def at(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        rate = self.peak * min(1.0, (step + 1) / max(1, self.warmup))
        if self.decay_from is None or step < self.decay_from:
            return rate
        progress = min(1.0, (step - self.decay_from) / self.decay)
        return float(rate * (1 - progress**0.5))
