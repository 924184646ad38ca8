"""Drives a service that is killed again and again, keeps a history of what it was told, and checks the disk against it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.jobs.job import ENDS
from tests.server.cli import ROOT

BIG = 1_000_003
"""So that a file has several digits, and half of them is another number."""


@dataclass
class Driver:
    """Starts the service again whenever it is gone. `options` go to `toy_service`, `once` only to its next start."""

    folder: Path
    options: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    port: int = 0
    deaths: int = 0
    acknowledged: dict[int, set[str]] = field(default_factory=dict)

    def start(self) -> None:
        """Start it. One that dies before it answers is started again, without `once`."""
        while True:
            more, self.once = self.once, ()
            command = [sys.executable, "-m", "tests.torture.toy_service", "--folder", str(self.folder)]
            self.process = subprocess.Popen(
                [*command, *self.options, *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            if line:
                self.port = int(line)
                return
            self._bury()
            assert more, "the service does not start"

    def _bury(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.wait(30)
        self.process.stdout.close()
        self.deaths += 1

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self._bury()

    def kill_service(self) -> None:
        self.kill()
        self.start()

    def is_dead(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def revive(self) -> bool:
        """Start it again if it has died. Returns whether it had."""
        if not self.is_dead():
            time.sleep(0.005)
            return False
        self._bury()
        self.start()
        return True

    @property
    def workers(self) -> list[int]:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(OSError):
            return [int(one) for one in children.read_text().split()]
        return []

    def signal_workers(self, number: int) -> None:
        for child in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)

    def end(self) -> None:
        """Leave nothing running, whatever has happened."""
        if self.process is not None and self.process.poll() is None:
            self.signal_workers(signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> None:
        assert self.ended_by(signal.SIGTERM) == 0

    def ended_by(self, number: signal.Signals) -> int:
        """Tell it to end. Returns its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        assert self.process.stdout is not None
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    def ask(self, path: str, body: object = None, key: str = "") -> Any:  # noqa: ANN401 - JSON
        """None when no answer came."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Idempotency-Key": key} if key else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            raise
        except (OSError, ValueError):
            return None

    def health(self) -> Any:  # noqa: ANN401 - JSON
        """What `/health/ready` says, whether or not all is well."""
        try:
            return self.ask("/health/ready")
        except urllib.error.HTTPError as error:
            return json.load(error)

    def submit(self, index: int) -> bool:
        """Submit a job, under its key. Whether it was acknowledged."""
        told = self.ask("/api/v1/jobs", {"workflow": workflow(index)}, key=f"job {index}")
        if told is None:
            return False
        self.acknowledged.setdefault(index, set()).add(told["id"])
        return True

    def submit_all(self, jobs: int) -> Iterator[int]:
        """Submit jobs until each is acknowledged, starting the service again where it dies. Yields after each."""
        while len(self.acknowledged) < jobs:
            index = len(self.acknowledged)
            if not self.submit(index):
                self.revive()
            yield index

    def drain(self, jobs: int, patience: float = 60) -> None:
        """Until all jobs have ended, or none has for so many seconds: the check says what is missing."""
        most, end = -1, time.monotonic() + patience
        while (ended := self.ended()) < jobs and time.monotonic() < end:
            if ended > most:
                most, end = ended, time.monotonic() + patience
            self.revive()
            time.sleep(0.05)

    def ended(self) -> int:
        """How many jobs have ended; -1 if the service does not say."""
        try:
            told = self.ask("/api/v1/jobs?limit=1")
        except urllib.error.HTTPError:  # its disk is full
            return -1
        return -1 if told is None else sum(told["counts"].get(state, 0) for state in ENDS)


def workflow(index: int) -> dict[str, Any]:
    """Two steps of work, shared by some jobs, and a file of its own."""
    return {
        "format": "latentgraph/1",
        "nodes": {
            "first": {"type": "Steps", "inputs": {"value": index // 3, "count": 3, "milliseconds": 4}},
            "second": {
                "type": "Steps",
                "inputs": {"value": {"from": ["first", "out"]}, "count": 3, "milliseconds": 4},
            },
            "sum": {"type": "Add", "inputs": {"a": {"from": ["second", "out"]}, "b": index * BIG}},
            "save": {"type": "WriteText", "inputs": {"value": {"from": ["sum", "out"]}, "name": f"job{index}"}},
        },
    }


def content(index: int) -> str:
    """What a run without any crash writes."""
    return str(index // 3 + index * BIG)


def faults(folder: Path, acknowledged: dict[int, set[str]], *, done: bool = True) -> list[str]:
    """Everything in which the disk disagrees with the history. With `done`, every job must have succeeded."""
    found = [f"job {index}: one key, {len(ids)} jobs" for index, ids in acknowledged.items() if len(ids) != 1]
    with contextlib.closing(sqlite3.connect(folder / "user" / "jobs.sqlite")) as database:
        if (sound := database.execute("PRAGMA integrity_check").fetchone()) != ("ok",):
            found.append(f"the database is damaged: {sound}")
        jobs = dict(database.execute("SELECT id, state FROM jobs"))
        ends = dict(
            database.execute(
                "SELECT job, COUNT(*) FROM events WHERE type IN ('done', 'failed', 'cancelled', 'quarantined') GROUP BY job"
            )
        )
        gaps = database.execute(
            "SELECT job FROM events GROUP BY job HAVING COUNT(*) != MAX(sequence) OR MIN(sequence) != 1"
        ).fetchall()
    known = {one for ids in acknowledged.values() for one in ids}
    found += [f"lost: {one}" for one in known - jobs.keys()]
    found += [f"from nowhere: {one}" for one in jobs.keys() - known]
    found += [f"{one} is {state}" for one, state in jobs.items() if done and state != "done"]
    found += [f"{one} ended {count} times" for one, count in ends.items() if count != 1]
    found += [f"events of {one} have gaps" for (one,) in gaps]
    if done:
        wanted = {f"job{index}.txt": content(index) for index in acknowledged}
        files = {path.name: path.read_text() for path in (folder / "output").glob("*") if not path.name.startswith(".")}
        found += [
            f"{name}: {files.get(name)!r}, not {text!r}" for name, text in wanted.items() if files.get(name) != text
        ]
        found += [f"{name} is nobody's" for name in files.keys() - wanted.keys()]
    return found
