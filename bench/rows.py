"""What a benchmark says: one row a figure, with how often it was measured and what was wanted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A median over `n` runs. `goal` is an upper limit in the same unit, None where the figure only informs."""

    name: str
    median: float
    unit: str
    n: int
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.median <= self.goal


def seconds(work: Callable[[], object], n: int) -> list[float]:
    """How long `work` took, each of `n` times."""
    taken = []
    for _ in range(n):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return taken


def median_row(name: str, taken: Sequence[float], *, goal: float | None = None, unit: str = "s") -> Row:
    """A row from measurements in seconds."""
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}[unit]
    return Row(name, statistics.median(taken) * scale, unit, len(taken), goal)


def table(rows: Sequence[Row]) -> list[str]:
    """The rows for people."""
    width = max(len(row.name) for row in rows)
    lines = [f"{'what':<{width}}  {'median':>10} unit   {'N':>3}  goal"]
    for row in rows:
        verdict = "" if row.met is None else f"<= {row.goal:g} {'met' if row.met else 'MISSED'}"
        lines.append(f"{row.name:<{width}}  {row.median:>10.4g} {row.unit:<5}  {row.n:>3}  {verdict}".rstrip())
    return lines
