"""Rows of clients: who cancels, who comes back, who does not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import ClientSession, WSMsgType

from server.jobs.database import FILE
from tests.torture.driver import Driver, workflow
from tests.torture.outcome import Outcome, broken, resident


def cancels(driver: Driver, n: int, mutant: str) -> Outcome:
    """One of three running jobs is cancelled at a random moment: it ends, soon, and the others are not touched. Now and
    then it is one that never looks up, or the service is killed in the middle of it."""
    choose = random.Random(7)
    driver.options = ("--workers", "3", *broken(mutant))
    driver.start()
    found: list[str] = []
    taken: dict[bool, list[float]] = {True: [], False: []}
    for index in range(n):
        stuck, crash = index % 10 == 9, index % 10 == 4
        doomed = _long(index, 2000)
        if stuck:
            doomed["nodes"]["first"] = {"type": "Stuck", "inputs": {"value": index}}
        documents = (doomed, *(_long(50_000 + index * 2 + more, 20) for more in range(2)))
        one, *others = (driver.ask("/api/v1/jobs", {"workflow": each})["id"] for each in documents)
        time.sleep(choose.uniform(0.0, 0.25))
        started = time.monotonic()
        driver.ask(f"/api/v1/jobs/{one}/cancel", {})
        if crash:
            driver.kill_service()
        ended = driver.ask(f"/api/v1/jobs/{one}?wait=20")
        if not crash:
            taken[stuck].append(time.monotonic() - started)
        states = [driver.ask(f"/api/v1/jobs/{job}?wait=20")["state"] for job in others]
        if (ended["state"], *states) != ("cancelled", "done", "done"):
            found.append(f"trial {index}: {ended['state']}, the others {states}")
            break
    driver.stop()
    with contextlib.closing(sqlite3.connect(driver.folder / "user" / FILE)) as database:
        ends = "SELECT COUNT(*) FROM events WHERE type IN ('done', 'failed', 'cancelled', 'quarantined') GROUP BY job"
        found += [f"a job ended {count} times" for (count,) in database.execute(ends) if count != 1]
    return Outcome(n, found, {"p99 ms": _p99(taken[False]), "p99 ms in C": _p99(taken[True])})


def _long(index: int, steps: int) -> dict[str, Any]:
    made = workflow(index)
    made["nodes"]["first"]["inputs"] |= {"value": 10**6 + index, "count": steps, "milliseconds": 10}
    return made


def _p99(seconds: list[float]) -> float:
    """In milliseconds; 0 of none."""
    return round(sorted(seconds)[int(len(seconds) * 0.99)] * 1000, 1) if seconds else 0.0


def reconnects(driver: Driver, n: int, mutant: str) -> Outcome:
    """A client that loses its connection and says the last number seen hears the rest, once each."""
    driver.options = broken(mutant)
    driver.start()

    async def follow(session: ClientSession, job: str, choose: random.Random) -> list[int]:
        heard: list[int] = []
        ended = False
        while not ended:
            url = f"http://127.0.0.1:{driver.port}/api/v1/events?job={job}&after={heard[-1] if heard else 0}"
            async with session.ws_connect(url) as socket:
                patience = choose.randint(1, 3)
                async for message in socket:
                    told = json.loads(message.data) if message.type == WSMsgType.TEXT else {}
                    if "sequence" in told:
                        heard.append(told["sequence"])
                        ended = told["type"] == "done"
                        patience -= 1
                    if patience <= 0:
                        break
        return heard

    async def all_of_them() -> list[str]:
        found: list[str] = []
        async with ClientSession() as session:
            for index in range(n):
                told = await asyncio.to_thread(driver.ask, "/api/v1/jobs", {"workflow": workflow(index)})
                heard = await asyncio.wait_for(follow(session, told["id"], random.Random(index)), 8 if mutant else 30)
                if heard != list(range(1, len(heard) + 1)):
                    found.append(f"heard {heard}")
        return found

    found = asyncio.run(all_of_them())
    driver.stop()
    return Outcome(n, found)


_LIVE: Final = 20
_SHOWN: Final = 60
_PONG: Final = b"\x8a\x80\0\0\0\0"
"""A sign of life that nobody has asked for (RFC 6455, 5.5.3): the service lets go of who gives none."""


def slow_reader(driver: Driver, n: int, mutant: str) -> Outcome:
    """Of those who listen to `n` events one does not read: it is let go, and the others hear everything, soon."""
    driver.options = broken(mutant)
    driver.start()
    before = resident(driver)
    stalled = _listener(driver.port)
    live = [_Live(driver.port) for _ in range(_LIVE)]
    submitted = 0

    def all_are_sent() -> bool:
        nonlocal submitted
        if submitted - min(one.ended for one in live) < 3:  # no more than these can take
            driver.ask("/api/v1/jobs", {"workflow": _chatty(submitted), "client": "me"})
            submitted += 1
        return max(one.heard for one in live) >= n

    def all_are_heard() -> bool:
        return min(one.ended for one in live) == submitted

    _wait_for(all_are_sent, live, stalled)
    _wait_for(all_are_heard, live, stalled)
    more = (resident(driver) - before) / 2**20
    with urllib.request.urlopen(f"http://127.0.0.1:{driver.port}/metrics") as answer:
        dropped = re.findall(rb"latentgraph_sockets_dropped_total (\d+)", answer.read())
    found = [] if dropped == [b"1"] else [f"{dropped} listeners were dropped, and one did not read"]
    heard = {one.heard for one in live}
    found += [] if len(heard) == 1 and max(heard) >= n else [f"those who read heard {sorted(heard)} events of {n}"]
    late = [one for each in live for one in each.late]
    for one in live:
        one.stop()
    stalled.close()
    driver.stop()
    figures = {"events": max(heard), "listeners": _LIVE, "p99 ms": _p99(late), "MiB more": round(more, 1)}
    return Outcome(n, found, figures)


def _wait_for(condition: Callable[[], bool], live: Sequence[_Live], stalled: socket.socket) -> None:
    """Until it holds, or nobody has heard anything for a minute: what they heard says what is missing. Meanwhile everybody
    gives signs of life, so that who is let go is let go for what it did not read."""
    heard, end, beat = 0, time.monotonic() + 60, 0.0
    while not condition() and time.monotonic() < end:
        if (now := sum(one.heard for one in live)) > heard:
            heard, end = now, time.monotonic() + 60
        if time.monotonic() > beat:
            beat = time.monotonic() + 5
            for one in (stalled, *(each.socket for each in live)):
                with contextlib.suppress(OSError):  # it has been let go
                    one.sendall(_PONG)
        time.sleep(0.01)


def _chatty(index: int) -> dict[str, Any]:
    made = workflow(index)
    for step in range(_SHOWN):
        made["nodes"][f"show{step}"] = {"type": "Add", "inputs": {"a": index, "b": step}}
        made["nodes"][f"out{step}"] = {"type": "Show", "inputs": {"value": {"from": [f"show{step}", "out"]}}}
    return made


def _listener(port: int) -> socket.socket:
    """A socket on which events come, with as little room on the way as there can be."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    made.sendall(
        b"GET /api/v1/events?client=me HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % port
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += made.recv(1)
    return made


class _Live:
    """One who reads everything, on a thread of its own, and looks into every hundredth message: how late is it?"""

    def __init__(self, port: int) -> None:
        self.heard = self.ended = 0
        self.late: list[float] = []
        self.socket = _listener(port)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rest = b""
        while data := self._received():
            rest += data
            at = 0
            while len(rest) - at >= 4:
                size, start = rest[at + 1], at + 2
                if size == 126:
                    size, start = int.from_bytes(rest[at + 2 : at + 4], "big"), at + 4
                if len(rest) < start + size:
                    break
                self._hear(rest[at] & 15, rest[start : start + size])
                at = start + size
            rest = rest[at:]

    def _received(self) -> bytes:
        try:
            return self.socket.recv(2**18)
        except OSError:
            return b""

    def _hear(self, kind: int, message: bytes) -> None:
        if kind != 1 or b'"progress"' in message[:30]:
            return
        self.heard += 1
        self.ended += message.startswith(b'{"type": "done"')
        if self.heard % 100 == 0:
            self.late.append(time.time() - json.loads(message)["time"])

    def stop(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self._thread.join(10)
