"""Rows of ends that are not deaths, of clocks that jump, of a power cut, and of a service that gets nowhere."""

from __future__ import annotations

import os
import signal
import threading
import time

from tests.torture.breaking import HANG, SETTLED
from tests.torture.driver import Driver, faults
from tests.torture.outcome import Outcome, broken, patience


def orderly_ends(driver: Driver, n: int, mutant: str) -> Outcome:
    """Told to end, the service ends well and soon, whatever runs; and what it had not done is done by the next one."""
    driver.options = broken(mutant)
    found: list[str] = []
    longest = 0.0
    for index in range(n):
        driver.start()
        for more in range(4):
            driver.submit(index * 4 + more)
        told = None
        if index % 3 == 0:  # one that looks up from nothing
            stuck = {"format": "latentgraph/1", "nodes": {"stuck": {"type": "Stuck", "inputs": {"value": index}}}}
            stuck["nodes"]["show"] = {"type": "Show", "inputs": {"value": {"from": ["stuck", "out"]}}}  # type: ignore[index]
            told = driver.ask("/api/v1/jobs", {"workflow": stuck, "front": True})
            _until_begun(driver, told["id"])
        began = time.monotonic()
        code = driver.ended_by((signal.SIGTERM, signal.SIGINT)[index % 2])
        longest = max(longest, time.monotonic() - began)
        if code != 0:
            found.append(f"end {index}: exit code {code}")
        if told is not None:
            driver.start()
            driver.ask(f"/api/v1/jobs/{told['id']}/cancel", {})
            driver.ask(f"/api/v1/jobs/{told['id']}?wait=20")
            driver.ask("/history", {"delete": [told["id"]]})
            driver.stop()
    driver.start()
    driver.drain(n * 4, patience(mutant))
    driver.stop()
    return Outcome(n, found + faults(driver.folder, driver.acknowledged), {"s at most": round(longest, 2)})


def _until_begun(driver: Driver, job: str) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and driver.ask(f"/api/v1/jobs/{job}")["state"] == "queued":
        time.sleep(0.02)


def clocks(driver: Driver, n: int, mutant: str) -> Outcome:
    """The wall clock jumps by up to an hour at every transaction, and time passes at ten times its pace between leases."""
    driver.options = ("--break", "clocks", "--workers", "2")
    driver.start()
    jobs = n * 4
    for index in driver.submit_all(jobs):
        if index % 40 == 39:
            driver.kill_service()
        if index % 12 == 11:
            driver.signal_workers(signal.SIGKILL)
    driver.drain(jobs, patience(mutant))
    driver.stop()
    return Outcome(n, faults(driver.folder, driver.acknowledged), {"jobs": jobs})


REST = 0.004
"""Seconds between two submissions: without a rest the queue is full before the last cut."""


def power_cuts(driver: Driver, n: int, mutant: str) -> Outcome:
    """The power fails: what the disk was not made to keep is gone, and no job is that a client was told of."""
    made = f"mutant {mutant}|" if mutant else ""
    driver.options = ("--break", f"{made}power")
    driver.start()
    jobs = 0
    log = driver.folder / "user" / "jobs.sqlite-wal"
    while driver.deaths < n:
        doomed = driver.process
        assert doomed is not None
        death = threading.Timer(0.3 + 0.03 * (driver.deaths % 20), doomed.kill)
        death.start()
        while doomed.poll() is None:
            driver.submit(jobs)
            jobs += len(driver.acknowledged) > jobs
            time.sleep(REST)
        death.join()
        settled = driver.folder / "user" / SETTLED
        kept = int(settled.read_text() or 0) if settled.exists() else 0
        if log.exists() and log.stat().st_size > kept:
            os.truncate(log, kept)
        driver.revive()
    for _ in driver.submit_all(jobs + 1):  # the last one: was it taken before the last cut?
        pass
    jobs += 1
    driver.drain(jobs, patience(mutant))
    driver.stop()
    return Outcome(n, faults(driver.folder, driver.acknowledged), {"jobs": jobs})


def standstill(driver: Driver, n: int, mutant: str) -> Outcome:
    """Jobs are handed out no more though a worker is idle: the service says that it is not ready, until it goes on."""
    driver.options = ("--break", f"mutant {mutant}|hang" if mutant else "hang")
    driver.start()
    while driver.health()["status"] != "ready":
        time.sleep(0.02)
    found: list[str] = []
    hang = driver.folder / HANG
    for index in range(n):
        hang.touch()
        driver.submit(index)
        if not _says(driver, "not ready", 5 if mutant else 20):
            found.append(f"standstill {index}: {driver.health()}")
        hang.unlink()
        driver.ask("/queue")  # something that wakes the store
        if not _says(driver, "ready"):
            found.append(f"after standstill {index}: {driver.health()}")
        if found:
            break
    driver.drain(n, patience(mutant))
    driver.stop()
    return Outcome(n, found + faults(driver.folder, driver.acknowledged))


def _says(driver: Driver, status: str, patience: float = 20) -> bool:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if driver.health()["status"] == status:
            return True
        time.sleep(0.05)
    return False
