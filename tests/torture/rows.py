"""The rows: each promises something, does its worst to a service, and counts what of the promise did not hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.torture.clients import cancels, reconnects, slow_reader
from tests.torture.determinism import same_again
from tests.torture.disks import corrupt_cache, disk_full
from tests.torture.driver import Driver
from tests.torture.ends import clocks, orderly_ends, power_cuts, standstill
from tests.torture.fuzz import hostile_requests
from tests.torture.kills import failpoints, poison, server_kills, worker_kills, zombies
from tests.torture.long import backlog, soak
from tests.torture.models import corrupt_models, memory_runs_out
from tests.torture.outcome import Outcome


@dataclass(frozen=True)
class Row:
    """`quick` and `full` are how many trials there are; `run` gets a driver, that number and the mutant, if any. `most` are
    limits of figures that say how long something takes, judged where nothing else keeps the machine busy."""

    id: str
    promise: str
    run: Callable[[Driver, int, str], Outcome]
    quick: int
    full: int
    most: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, folder: Path, n: int, mutant: str = "", *, timed: bool = False) -> Outcome:
        started = time.monotonic()
        driver = Driver(folder)
        try:
            outcome = self.run(driver, n, mutant)
        finally:
            driver.end()
        outcome.seconds = round(time.monotonic() - started, 1)
        if timed:
            outcome.faults += [
                f"{name}: {outcome.figures[name]:g}, and {most:g} at most was promised"
                for name, most in self.most.items()
                if outcome.figures[name] > most
            ]
        return outcome


ROWS: Final = (
    Row("R1", "`kill -9` of the service loses, doubles and tears nothing", server_kills, 60, 1000),
    Row("R2", "nor does its death, or its worker's, at any of 27 named points", failpoints, 4, 40),
    Row("R3", "nor the death of a worker by SIGKILL, SIGSEGV or SIGBUS", worker_kills, 40, 500),
    Row("R4", "a worker that lost its job cannot end it", zombies, 15, 200),
    Row("R5", "a job that kills its worker three times is set aside", poison, 10, 100),
    Row("R6", "a job that runs out of memory fails, and only it", memory_runs_out, 20, 250),
    Row("R7", "a cancel ends one job, and no other", cancels, 100, 1000, {"p99 ms": 250, "p99 ms in C": 2250}),
    Row("R8", "who comes back misses nothing and hears nothing twice", reconnects, 50, 500),
    Row("R9", "who does not read holds up nobody", slow_reader, 50_000, 50_000, {"p99 ms": 50, "MiB more": 21}),
    Row("R10", "a full disk loses nothing and is got over", disk_full, 50, 200),
    Row("R11", "a spoilt cache is noticed, never answered from", corrupt_cache, 100, 1000),
    Row("R12", "a model file that lies is refused, and never cached", corrupt_models, 100, 500),
    Row("R13", "no request by chance is answered with a fault", hostile_requests, 5000, 100_000, {"s at most": 1}),
    Row("R14", "memory, files and threads do not grow", soak, 2000, 50_000, {"p99 at last of that at first": 1.1}),
    Row(
        "R15",
        "10,000 waiting jobs are taken up at once",
        backlog,
        1,
        5,
        {"s to ready": 2, "s more to the first job": 1},
    ),
    Row("R16", "told to end, the service ends well, whatever runs", orderly_ends, 10, 100, {"s at most": 5}),
    Row("R17", "a picture torn in its making ends in the same bytes", same_again, 4, 40),
    Row("R18", "clocks that jump or run wild lose and double nothing", clocks, 20, 100),
    Row("R20", "a service that gets nowhere says so", standstill, 10, 50),
    Row("R22", "a power cut takes nothing that a client was told of", power_cuts, 20, 200),
)
