"""Rows of many jobs: that nothing grows, and that a long line is taken up at once."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from graph.document import read
from server.jobs.database import FILE, SqliteDatabase
from server.jobs.job import Submission
from server.jobs.request import JobRequest
from server.jobs.store import Limits, Store
from tests.torture.driver import Driver, workflow
from tests.torture.outcome import Outcome, broken, resident

JUDGED: Final = 10_000
"""Jobs from which on a slope and a hundredth say something."""
_POOL: Final = min(32, (os.cpu_count() or 1) + 4)
"""Threads that the event loop starts, one after another, for what would block it."""
_LOG: Final = 64 * 2**20
_A_JOB: Final = 8 * 2**10
"""Bytes that the database may take: its log, and what is kept of a job."""


@dataclass(frozen=True)
class _Held:
    """What a process holds."""

    files: int
    threads: int

    @classmethod
    def by(cls, driver: Driver) -> _Held:
        assert driver.process is not None
        proc = Path(f"/proc/{driver.process.pid}")
        return cls(len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir())))


def soak(driver: Driver, n: int, mutant: str) -> Outcome:
    """Many jobs: memory, files and threads stay as they were after the first of them, and so does the time a job takes."""
    driver.options = broken(mutant)
    driver.start()
    warm = min(2000, n // 2)
    samples: list[tuple[int, float]] = []
    taken: list[float] = []
    before = _Held(0, 0)
    for index in range(n):
        if index == warm:
            before = _Held.by(driver)
        # few distinct graphs: what is measured is the service, not the cache filling up
        started = time.monotonic()
        driver.ask("/api/v1/jobs?wait=20", {"workflow": workflow(index % 20)})
        if index < warm:
            continue
        taken.append(time.monotonic() - started)
        if index % 100 == 0:
            samples.append((index, resident(driver) / 2**20))
    after = _Held.by(driver)
    kept = sum(path.stat().st_size for path in (driver.folder / "user").glob("jobs.sqlite*"))
    driver.stop()
    still = after.files <= before.files + 2 and after.threads <= before.threads + _POOL
    found = [] if still else [f"{before} became {after}"]
    if kept > _LOG + n * _A_JOB:
        found.append(f"the database takes {kept:,} bytes")
    slope, most = _slope(samples)
    tenth = max(1, len(taken) // 10)
    first, last = (sorted(part)[int(tenth * 0.99)] * 1000 for part in (taken[:tenth], taken[-tenth:]))
    if n >= JUDGED and most * 10_000 > 1.0:
        found.append(f"memory grows by {slope * 10_000:.2f} MiB in 10,000 jobs, by {most * 10_000:.2f} at most")
    figures = {
        "MiB per 10,000 jobs at most": round(most * 10_000, 2),
        "p99 ms at first": round(first, 1),
        "p99 ms at last": round(last, 1),
        "p99 at last of that at first": round(last / first, 2),
        "files": after.files,
        "threads": after.threads,
        "bytes kept of a job": kept // n,
    }
    return Outcome(n, found, figures)


def _slope(samples: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Least squares: the slope, and the upper end of its 95 % interval."""
    n = len(samples)
    if n < 3:
        return 0.0, 0.0
    x_mean, y_mean = (sum(one[axis] for one in samples) / n for axis in (0, 1))
    spread = sum((x - x_mean) ** 2 for x, _ in samples)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in samples) / spread
    left = sum((y - y_mean - slope * (x - x_mean)) ** 2 for x, y in samples) / (n - 2)
    return slope, slope + 2.0 * (left / spread) ** 0.5


BACKLOG: Final = 10_000


def backlog(driver: Driver, n: int, mutant: str) -> Outcome:
    """A service that ended with thousands of jobs waiting is there again soon, and begins with the first of them."""
    first = _line_up(driver)
    driver.options = broken(mutant)
    found: list[str] = []
    ready: list[float] = []
    claimed: list[float] = []
    for _ in range(n):
        started = time.monotonic()
        driver.start()
        while driver.health()["status"] != "ready":
            time.sleep(0.005)
        ready.append(time.monotonic() - started)
        job = driver.ask(f"/api/v1/jobs/{first}")
        while job["state"] == "queued":
            time.sleep(0.005)
            job = driver.ask(f"/api/v1/jobs/{first}")
        claimed.append(time.monotonic() - started - ready[-1])
        counts = driver.ask("/api/v1/jobs?limit=1")["counts"]
        if sum(counts.values()) != BACKLOG:
            found.append(f"{counts}")
        driver.kill()
        with contextlib.closing(sqlite3.connect(driver.folder / "user" / FILE)) as database, database:
            database.execute("UPDATE jobs SET state = 'queued' WHERE id = ?", (first,))
    figures = {"s to ready": round(max(ready), 2), "s more to the first job": round(max(claimed), 2)}
    return Outcome(n, found, figures)


def _line_up(driver: Driver) -> str:
    """Jobs that wait, as a service leaves them. Returns the id of the first in line."""
    database = SqliteDatabase(driver.folder / "user")
    store = Store(database, limits=Limits(queued=BACKLOG))
    ids = [uuid.uuid4().hex for _ in range(BACKLOG)]
    with store.transactions.together():
        for index, one in enumerate(ids):
            request = JobRequest(read(json.dumps(workflow(index)).encode()), scope="").to_text()
            store.accept(Submission(one, request, f"backlog {index}"))
    database.close()
    return ids[0]
