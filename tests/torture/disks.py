"""Rows of disks: full and spoilt."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import time
import urllib.error
from pathlib import Path
from typing import Any

from tests.torture.driver import Driver, faults
from tests.torture.outcome import Outcome, broken, patience


def disk_full(driver: Driver, n: int, mutant: str) -> Outcome:
    """The disk fills up at a random moment and is emptied again: refused or done, nothing half, no restart needed."""
    small = driver.folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(small)], check=False, capture_output=True
    )
    if mounted.returncode:
        return Outcome(0, [], {})
    try:
        return _disk_full(driver, small, n, mutant)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


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
    """Results that the cache holds are spoilt on the disk: noticed, computed again, the same as ever."""
    choose = random.Random(11)
    driver.options = broken(mutant)

    def shade(index: int, turn: int) -> dict[str, Any]:
        """A tile from the cache, and a node that has to look into it at every turn."""
        return {
            "format": "latentgraph/1",
            "nodes": {
                "tile": {"type": "Paint", "inputs": {"shade": index, "size": 4}},
                "blend": {"type": "Blend", "inputs": {"a": {"from": ["tile", "out"]}}},
                "shade": {"type": "Shade", "inputs": {"tile": {"from": ["blend", "out"]}}},
                "sum": {"type": "Add", "inputs": {"a": {"from": ["shade", "out"]}, "b": turn}},
                "save": {
                    "type": "WriteText",
                    "inputs": {"value": {"from": ["sum", "out"]}, "name": f"t{index}-{turn}"},
                },
            },
        }

    def run(turn: int) -> list[str]:
        driver.start()
        found = []
        for index in range(n):
            document = shade(index, turn)
            if turn:  # another consumer, so that the value itself is needed
                document["nodes"]["again"] = {"type": "Blend", "inputs": {"a": {"from": ["blend", "out"]}}}
                document["nodes"]["shade"]["inputs"]["tile"] = {"from": ["again", "out"]}
            job = driver.ask("/api/v1/jobs?wait=30", {"workflow": document})
            if job["state"] != "done" or job["texts"]["save"] != [str(index + turn)]:
                found.append(f"tile {index}, turn {turn}: {job['state']} {job['texts']} {job['error']}")
        time.sleep(0.3)  # the cache writes behind
        driver.stop()
        return found

    found = run(0)
    blobs = sorted((driver.folder / "cache" / "blobs").rglob("*.safetensors"))
    for path in blobs:
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
    found += run(1)
    return Outcome(len(blobs), found, {"blobs": len(blobs)})
