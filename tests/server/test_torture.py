"""kill -9 of the service and of its workers at random moments: what was accepted is done, once, and right.

The driver keeps a history of what it was told. A submission whose answer never came is sent again under its key: it may
have been accepted before, and must not be accepted twice.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.server.cli import ROOT

JOBS = int(os.environ.get("LATENTGRAPH_TORTURE_JOBS", "60"))
KILLS = int(os.environ.get("LATENTGRAPH_TORTURE_KILLS", "12"))


@dataclass
class Driver:
    """Starts the service again whenever it is gone."""

    folder: Path
    process: subprocess.Popen[str] | None = None
    port: int = 0

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.server.toy_service", "--folder", str(self.folder)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill_service(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.start()

    def kill_worker(self) -> None:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(10) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask(self, path: str, body: object = None, key: str = "") -> Any:  # noqa: ANN401 - JSON
        """None when no answer came."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Idempotency-Key": key} if key else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            raise
        except (OSError, ValueError):
            return None


def workflow(index: int) -> dict[str, Any]:
    """Two steps of work, shared by some jobs, and a file of its own."""
    return {
        "format": "latentgraph/1",
        "nodes": {
            "first": {"type": "Steps", "inputs": {"value": index // 3, "count": 3, "milliseconds": 8}},
            "second": {
                "type": "Steps",
                "inputs": {"value": {"from": ["first", "out"]}, "count": 3, "milliseconds": 8},
            },
            "sum": {"type": "Add", "inputs": {"a": {"from": ["second", "out"]}, "b": index}},
            "save": {"type": "WriteText", "inputs": {"value": {"from": ["sum", "out"]}, "name": f"job{index}"}},
        },
    }


def test_nothing_accepted_is_lost_or_doubled(tmp_path: Path) -> None:
    choose = random.Random(20_261_123)
    driver = Driver(tmp_path)
    driver.start()
    acknowledged: dict[str, set[str]] = {}
    kills = {"service": 0, "worker": 0}
    while len(acknowledged) < JOBS or sum(kills.values()) < KILLS:
        index = len(acknowledged)
        if index < JOBS:
            told = driver.ask("/api/v1/jobs", {"workflow": workflow(index)}, key=f"job {index}")
            if told is not None:
                acknowledged.setdefault(f"job {index}", set()).add(told["id"])
        if sum(kills.values()) < KILLS and choose.random() < max(KILLS / JOBS, 0.05):
            time.sleep(choose.uniform(0.0, 0.3))
            which = choose.choice(["service", "worker"])
            kills[which] += 1
            driver.kill_service() if which == "service" else driver.kill_worker()
    for index in range(0, JOBS, 7):  # a lost answer, asked for again
        told = driver.ask("/api/v1/jobs", {"workflow": workflow(index)}, key=f"job {index}")
        acknowledged[f"job {index}"].add(told["id"])
    end = time.monotonic() + 200
    while (counts := driver.ask("/api/v1/jobs?limit=1")["counts"]).get("done", 0) < JOBS:
        assert time.monotonic() < end, counts
        time.sleep(0.1)
    driver.stop()
    check(tmp_path, acknowledged)
    assert min(kills.values()) > 0


def check(folder: Path, acknowledged: dict[str, set[str]]) -> None:
    """The whole history against the disk."""
    assert all(len(ids) == 1 for ids in acknowledged.values()), "one key, two jobs"
    with sqlite3.connect(folder / "user" / "jobs.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        jobs = dict(database.execute("SELECT id, state FROM jobs"))
        ends = dict(database.execute("SELECT job, COUNT(*) FROM events WHERE type = 'done' GROUP BY job"))
        gaps = database.execute(
            "SELECT job FROM events GROUP BY job HAVING COUNT(*) != MAX(sequence) OR MIN(sequence) != 1"
        ).fetchall()
    database.close()
    assert {next(iter(ids)) for ids in acknowledged.values()} == jobs.keys(), "lost, or from nowhere"
    assert set(jobs.values()) == {"done"}
    assert set(ends.values()) == {1}
    assert gaps == []
    files = {path.name: path.read_text() for path in (folder / "output").glob("*.txt")}
    assert files == {f"job{index}.txt": str(index // 3 + index) for index in range(JOBS)}, "torn or wrong"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_leaves_the_rest_for_the_next_start(tmp_path: Path, number: signal.Signals) -> None:
    driver = Driver(tmp_path)
    driver.start()
    told = driver.ask("/api/v1/jobs", {"workflow": workflow(0)})
    assert driver.process is not None
    driver.process.send_signal(number)
    assert driver.process.wait(10) == 0
    assert driver.process.stdout is not None
    driver.process.stdout.close()
    driver.start()
    assert driver.ask(f"/api/v1/jobs/{told['id']}?wait=60")["state"] == "done"
    driver.stop()
