"""Rows of disks: full and spoilt."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
import urllib.error
from pathlib import Path
from typing import Any, Final

from tests.torture.driver import Driver, content, faults
from tests.torture.outcome import Outcome, broken, patience

_STEP: Final = 5
"""Every which write fails in one life of the service: by turns, each of the first ones does."""


def disk_full(driver: Driver, n: int, mutant: str) -> Outcome:
    """The disk is full at each of the first `n` writes of the service, and of its worker; in the full form, and to see
    a rule broken, a small disk is filled up at random moments, too: refused or done, nothing half, no restart needed."""
    found: list[str] = []
    index = refused = 0
    for first in range(1, _STEP + 1) if not mutant else ():
        full = f"full {first} {_STEP} {n}"
        driver.options = ("--break", full, "--break-worker", full)
        driver.start()
        pid = driver.process.pid if driver.process else 0
        jobs = index + max(2, n // 2)
        while index < jobs:
            index, refused = _submitted(driver, index, refused)
        driver.drain(index)
        if driver.process is None or driver.process.pid != pid or driver.process.poll() is not None:
            found.append("it died")
        driver.stop()
    if not mutant:
        found += faults(driver.folder, driver.acknowledged, done=False) + _unfinished(driver.folder)
        found += _torn(driver.folder)
    figures: dict[str, float] = {"jobs": index, "refused": refused}
    if mutant or n >= 200:
        small = _small_disk(driver.folder / "small", max(15, n // 5), mutant)
        found += small.faults
        figures |= {"fillings of 16 MiB": small.n}
    return Outcome(n, found, figures)


def _torn(folder: Path) -> list[str]:
    """Files that are not what a whole one would be."""
    whole = {f"job{index}.txt": content(index) for index in range(10_000)}
    files = [path for path in (folder / "output").glob("*") if not path.name.startswith(".")]
    return [f"{path.name} is torn" for path in files if whole.get(path.name) != path.read_text()]


def _small_disk(folder: Path, n: int, mutant: str) -> Outcome:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        return Outcome(0, [], {})
    driver = Driver(folder)
    try:
        return _disk_full(driver, folder, n, mutant)
    finally:
        driver.end()
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _disk_full(driver: Driver, small: Path, n: int, mutant: str) -> Outcome:
    choose = random.Random(10)
    driver.folder, driver.options = small, broken(mutant)
    driver.start()
    pid = driver.process.pid if driver.process else 0
    index = refused = 0
    for _ in range(n):
        for _ in range(3):
            index, refused = _submitted(driver, index, refused)
        time.sleep(choose.uniform(0.0, 0.1))
        ballast = small / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        for _ in range(2):
            index, refused = _submitted(driver, index, refused)
        time.sleep(choose.uniform(0.0, 0.2))
        ballast.unlink()
    driver.drain(index, patience(mutant))
    found = [] if driver.process and driver.process.pid == pid and driver.process.poll() is None else ["it died"]
    driver.stop()
    # A node that could not save has failed and says so; everything else is as if nothing had been.
    return Outcome(n, found + faults(small, driver.acknowledged, done=False) + _unfinished(small), {"refused": refused})


def _submitted(driver: Driver, index: int, refused: int) -> tuple[int, int]:

    try:
        return (index + 1, refused) if driver.submit(index) else (index, refused)
    except urllib.error.HTTPError as error:
        if (error.code, json.load(error)["code"]) != (507, "store_full"):
            raise
        return index, refused + 1


def _unfinished(folder: Path) -> list[str]:

    with sqlite3.connect(folder / "user" / "jobs.sqlite") as database:
        rows = database.execute("SELECT id, state FROM jobs WHERE state IN ('queued', 'running')").fetchall()
    database.close()
    return [f"{job} is {state}" for job, state in rows]


def corrupt_cache(driver: Driver, n: int, mutant: str) -> Outcome:
    """Results that the cache holds are spoilt on the disk, while the service is stopped and while it runs: noticed, computed
    again, the same as ever."""
    choose = random.Random(11)
    driver.options = broken(mutant)
    driver.start()
    found = _tiles(driver, n, 0)
    time.sleep(0.3)  # the cache writes behind
    driver.stop()
    stopped = _spoil(driver.folder, choose)
    driver.start()
    found += _tiles(driver, n, 1)
    time.sleep(0.3)
    running = _spoil(driver.folder, choose)
    driver.signal_workers(signal.SIGKILL)  # with what it had in memory
    found += _tiles(driver, n, 2)
    driver.stop()
    return Outcome(stopped + running, found, {"while stopped": stopped, "while running": running})


def _tiles(driver: Driver, n: int, turn: int) -> list[str]:
    """What is not as it should be of `n` tiles from the cache, each with a node that has to look into it at every turn."""
    found = []
    for index in range(n):
        job = driver.ask("/api/v1/jobs?wait=30", {"workflow": _tile(index, turn)})
        if job["state"] != "done" or job["texts"]["save"] != [str(index % 256 + turn)]:
            found.append(f"tile {index}, turn {turn}: {job['state']} {job['texts']} {job['error']}")
    return found


def _tile(index: int, turn: int) -> dict[str, Any]:
    nodes: dict[str, Any] = {
        "tile": {"type": "Paint", "inputs": {"shade": index % 256, "size": 4 + index // 256}},
        "blend": {"type": "Blend", "inputs": {"a": {"from": ["tile", "out"]}}},
        "sum": {"type": "Add", "inputs": {"a": {"from": ["shade", "out"]}, "b": turn}},
        "save": {"type": "WriteText", "inputs": {"value": {"from": ["sum", "out"]}, "name": f"t{index}-{turn}"}},
    }
    last = "blend"
    for again in range(turn):  # another consumer, so that the value itself is needed
        nodes[f"again{again}"] = {"type": "Blend", "inputs": {"a": {"from": [last, "out"]}}}
        last = f"again{again}"
    nodes["shade"] = {"type": "Shade", "inputs": {"tile": {"from": [last, "out"]}}}
    return {"format": "latentgraph/1", "nodes": nodes}


def _spoil(folder: Path, choose: random.Random) -> int:
    """Spoil every file of the cache in one way or another. Returns how many."""
    files = sorted((folder / "cache" / "blobs").rglob("*.safetensors"))
    for path in files:
        data = bytearray(path.read_bytes())
        match choose.choice(["flip", "truncate", "zero", "delete"]):
            case "flip":
                for place in range(1, 5):  # in the values: a spoilt head would not even be read
                    data[-place] ^= 1 << choose.randrange(8)
                path.write_bytes(data)
            case "truncate":
                path.write_bytes(data[: choose.randrange(len(data))])
            case "zero":
                path.write_bytes(bytes(len(data)))
            case "delete":
                path.unlink()
    return len(files)
