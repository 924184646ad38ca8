"""Rows of deaths: of the service, of its workers, at random moments and at named points."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from typing import Any, Final

from server.jobs.database import FILE
from tests.server.cli import ROOT
from tests.torture.breaking import SERVICE_POINTS, WORKER_POINTS
from tests.torture.driver import Driver, faults, workflow
from tests.torture.outcome import Outcome, broken, patience


def server_kills(driver: Driver, n: int, mutant: str) -> Outcome:
    """`kill -9` of the service at random moments, in the middle of submissions and between them."""
    choose = random.Random(1)
    driver.options = broken(mutant)
    driver.start()
    jobs = 0
    while driver.deaths < n:
        doomed = driver.process
        assert doomed is not None
        death = threading.Timer(choose.uniform(0.05, 1.0), doomed.kill)
        death.start()
        jobs += choose.randint(12, 30)
        for _ in driver.submit_all(jobs):
            time.sleep(choose.uniform(0.0, 0.04))
        death.join()
        while driver.process is doomed:
            driver.revive()
    for index in range(0, jobs, 7):  # an answer that was lost, asked for again
        driver.submit(index)
    driver.drain(jobs, patience(mutant))
    driver.stop()
    return Outcome(driver.deaths, faults(driver.folder, driver.acknowledged), {"jobs": jobs})


_MIGRATION: Final = "in the migration"
STORES: Final = ROOT / "tests" / "server" / "stores"
"""Databases as older versions left them."""
_WHERE_IT_SHOWS: Final = {
    "answers_before_the_commit": "before a commit",
    "forgets_what_ran": "after handing out",
}
"""The point at which a death brings a broken rule to light."""


def failpoints(driver: Driver, n: int, mutant: str) -> Outcome:
    """The service, or its worker, dies at a named point, the first to the n-th time it is passed."""
    points = [name for name in (*SERVICE_POINTS, *WORKER_POINTS) if name != _MIGRATION]
    trials = [(name, count) for count in range(1, n + 1) for name in points]
    if mutant:
        trials = [(_WHERE_IT_SHOWS[mutant], count) for count in range(2, n + 2)]
    jobs = 0
    deaths: Counter[str] = Counter() if mutant else Counter({_MIGRATION: _deaths_migrating(driver, n)})
    for name, count in trials:
        driver.options, driver.once = _dying(name, count, mutant)
        before = driver.deaths
        driver.start()
        jobs += 4
        for _ in driver.submit_all(jobs):
            pass
        if _died(driver, before, jobs):
            deaths[name] += 1
        driver.kill()
    driver.options, driver.once = ("--lease", "300", *broken(mutant)), ()
    driver.start()
    driver.drain(jobs, patience(mutant))
    driver.stop()
    found = [f"nothing has died {name}" for name in (set(SERVICE_POINTS) | set(WORKER_POINTS)) - set(+deaths)]
    found = [] if mutant else found
    figures: dict[str, float] = {"jobs": jobs, "deaths": deaths.total(), "points": len(+deaths)}
    return Outcome(
        len(trials) if mutant else len(trials) + n, found + faults(driver.folder, driver.acknowledged), figures
    )


def _deaths_migrating(driver: Driver, n: int) -> int:
    """How often of `n` times the service dies while it brings tables of an older version up to date; it is started again,
    and they are. What each left is taken away: a database migrates once."""
    made = driver.folder / "user"
    for _ in range(n):
        made.mkdir(parents=True)
        with contextlib.closing(sqlite3.connect(made / FILE)) as database:
            database.executescript((STORES / "1" / "sqlite.sql").read_text())
        driver.once = ("--break", f"kill {_MIGRATION}@1")
        driver.start()
        driver.stop()
        shutil.rmtree(made)
    return driver.deaths


def _dying(name: str, count: int, mutant: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Options of every start, and of the one that ends at the point."""
    if mutant:  # both in one process: the mutant first, then the point; and no lease makes up for the rule
        return ("--lease", "300", *broken(mutant)), ("--break", f"mutant {mutant}|kill {name}@{count}")
    whose = "--break-worker" if name in WORKER_POINTS else "--break"
    return ("--sweep", "0.2"), (whose, f"kill {name}@{count}")


def _died(driver: Driver, before: int, jobs: int) -> bool:
    """Whether the service or a worker died: soon, or when everything is done and there is nothing left to die of."""
    most, end = -1, time.monotonic() + 5.0
    while time.monotonic() < end:
        if driver.deaths > before or driver.is_dead():
            return True
        told = driver.ask("/api/v1/system")
        if told is not None and any(one["restarts"] for one in told["workers"]):
            return True
        if most < jobs and (ended := driver.ended()) > most:
            # What happens only when nothing else does is still to come, and the store is not asked meanwhile.
            most, end = ended, time.monotonic() + (1.2 if ended >= jobs else 5.0)
        time.sleep(0.02)
    return False


def worker_kills(driver: Driver, n: int, mutant: str) -> Outcome:
    """Workers die of a signal in the middle of nodes."""
    choose = random.Random(3)
    driver.options = ("--workers", "2", *broken(mutant))
    driver.start()
    jobs = n * 8
    submitting = driver.submit_all(jobs)
    for _ in range(n):
        for _ in range(8):
            next(submitting, None)
        _until_running(driver)
        time.sleep(choose.uniform(0.0, 1.2))  # a new worker needs half a second to get to its first node
        driver.signal_workers(choose.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS]))
    for _ in submitting:
        pass
    driver.drain(jobs, patience(mutant))
    driver.stop()
    return Outcome(n, faults(driver.folder, driver.acknowledged), {"jobs": jobs})


def _until_running(driver: Driver) -> None:
    """Until a worker has something to lose; a little while, for all may be done."""
    for _ in range(200):
        if driver.ask("/api/v1/jobs?limit=1")["counts"].get("running"):
            return
        time.sleep(0.01)


def zombies(driver: Driver, n: int, mutant: str) -> Outcome:
    """A worker is stopped past its lease, another one finishes its job, and it comes back with a result of its own."""
    driver.options = ("--workers", "2", "--lease", "1.2", "--spare", *broken(mutant))
    driver.start()
    while driver.ask("/health/live") is None:
        time.sleep(0.05)
    found: list[str] = []
    for index in range(n):
        told = driver.ask("/api/v1/jobs", {"workflow": slow(index)}, key=f"job {index}")
        driver.acknowledged[index] = {told["id"]}
        worker = _working(driver, told["id"])
        pid = driver.workers[int(worker.partition(":")[2])]
        os.kill(pid, signal.SIGSTOP)
        job = driver.ask(f"/api/v1/jobs/{told['id']}?wait=15") or {"state": "unknown", "attempts": 0}
        os.kill(pid, signal.SIGCONT)
        if (job["state"], job["attempts"]) != ("done", 2):
            found.append(f"job {index}: {job['state']} after {job['attempts']} attempts")
        if not _let_off(driver, worker):
            found.append(f"job {index}: its zombie was not answered")
        if found:
            break
    driver.stop()
    return Outcome(n, found + faults(driver.folder, driver.acknowledged, done=False))


def _let_off(driver: Driver, worker: str) -> bool:
    """Whether a zombie ends its run, too, and is told soon that nobody waits for it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if not driver.health()["workers"][worker]["busy"]:
            return True
        time.sleep(0.02)
    return False


def slow(index: int) -> dict[str, Any]:
    made = workflow(index)
    made["nodes"]["first"]["inputs"] |= {"value": index * 3, "count": 20, "milliseconds": 15}
    return made


def _working(driver: Driver, job: str) -> str:
    """The worker that has begun the job."""
    while True:
        events = driver.ask(f"/api/v1/jobs/{job}/events")["events"]
        if "node_started" in [one["type"] for one in events]:
            return str(next(one["data"]["worker"] for one in events if one["type"] == "running"))
        time.sleep(0.01)


def poison(driver: Driver, n: int, mutant: str) -> Outcome:
    """Jobs that bring their worker down are set aside after three attempts, and those behind them run."""
    driver.options = ("--attempts", "3", *broken(mutant))
    driver.start()
    found: list[str] = []
    pid = driver.process.pid if driver.process else 0
    for index in range(n):
        dies = workflow(10_000 + index)
        dies["nodes"]["first"] = {"type": "Dies", "inputs": {"how": ("kill", "exit", "segfault")[index % 3]}}
        bad = driver.ask("/api/v1/jobs", {"workflow": dies})
        good = driver.ask("/api/v1/jobs", {"workflow": workflow(index)}, key=f"job {index}")
        good = driver.ask(f"/api/v1/jobs/{good['id']}?wait={5 if mutant else 20}")
        bad = driver.ask(f"/api/v1/jobs/{bad['id']}")
        if (bad["state"], bad["attempts"], good["state"]) != ("quarantined", 3, "done"):
            found.append(f"{bad['state']} after {bad['attempts']} attempts; the next is {good['state']}")
            break
    if driver.process is None or driver.process.pid != pid or driver.process.poll() is not None:
        found.append("the service died")
    driver.stop()
    return Outcome(n, found)
