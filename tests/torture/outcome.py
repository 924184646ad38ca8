"""What a row of the torture finds, and what rows share."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.torture.driver import Driver


@dataclass
class Outcome:
    """What a row found: `n` trials, what did not hold, and figures."""

    n: int
    faults: list[str]
    figures: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def broken(mutant: str) -> tuple[str, ...]:
    """Options of the service, and of its workers, that break the rule."""
    return ("--break", f"mutant {mutant}", "--break-worker", f"mutant {mutant}") if mutant else ()


def patience(mutant: str) -> float:
    """Seconds without the end of any job after which no more are waited for: a broken rule may have lost some of them."""
    return 8 if mutant else 60


def resident(driver: Driver) -> int:
    assert driver.process is not None
    return int(Path(f"/proc/{driver.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
