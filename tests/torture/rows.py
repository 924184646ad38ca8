"""The rows: each promises something, does its worst to a service, and counts what of the promise did not hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.torture.clients import cancels, reconnects, slow_reader
from tests.torture.disks import corrupt_cache, disk_full
from tests.torture.driver import Driver
from tests.torture.kills import failpoints, poison, server_kills, worker_kills, zombies
from tests.torture.long import soak
from tests.torture.outcome import Outcome


@dataclass(frozen=True)
class Row:
    """`quick` and `full` are how many trials there are; `run` gets a driver, that number and the mutant, if any."""

    id: str
    promise: str
    run: Callable[[Driver, int, str], Outcome]
    quick: int
    full: int

    def __call__(self, folder: Path, n: int, mutant: str = "") -> Outcome:
        started = time.monotonic()
        driver = Driver(folder)
        try:
            outcome = self.run(driver, n, mutant)
        finally:
            driver.end()
        outcome.seconds = round(time.monotonic() - started, 1)
        return outcome


ROWS: Final = (
    Row("R1", "kill -9 of the service loses, doubles and tears nothing", server_kills, 60, 1000),
    Row("R2", "nor does its death at any named point", failpoints, 4, 40),
    Row("R3", "nor the death of a worker", worker_kills, 40, 500),
    Row("R4", "a worker that lost its job cannot end it", zombies, 15, 200),
    Row("R5", "a job that kills its worker three times is set aside", poison, 10, 100),
    Row("R7", "a cancel ends one job, and no other", cancels, 100, 1000),
    Row("R8", "who comes back misses nothing and hears nothing twice", reconnects, 50, 500),
    Row("R9", "who does not read holds up nobody", slow_reader, 60, 500),
    Row("R10", "a full disk loses nothing and is got over", disk_full, 30, 200),
    Row("R11", "a spoilt cache is noticed, never answered from", corrupt_cache, 100, 256),
    Row("R14", "memory, files and threads do not grow", soak, 2000, 50_000),
)
