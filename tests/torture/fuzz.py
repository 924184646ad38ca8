"""The row of requests made by chance: all are answered, none with a fault of ours, and the service is as well afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Final

from yarl import URL

from server.http.service import Bounds
from server.jobs.store import Limits
from tests.server.hostile import Hostile, requests
from tests.server.service import Service, running
from tests.server.toy_worker import command
from tests.torture.driver import Driver
from tests.torture.outcome import Outcome

SEED: Final = 20261126
GOOD: Final = b'{"prompt": {"1": {"class_type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}'


def hostile_requests(driver: Driver, n: int, mutant: str) -> Outcome:
    """The same requests in every run of as many."""
    return asyncio.run(_asked(driver.folder, n))


async def _asked(folder: Path, n: int) -> Outcome:
    statuses: Counter[int] = Counter()
    found: list[str] = []
    slowest = 0.0
    workers = {"cpu": command(folder)}
    async with running(folder, workers, limits=Limits(queued=200), bounds=Bounds(sockets=50)) as service:
        while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the worker is starting
            await asyncio.sleep(0.02)
        for number, one in enumerate(islice(requests(SEED), n)):
            began = time.monotonic()
            async with asyncio.timeout(60):
                status, body = await _told(service, one)
            slowest = max(slowest, time.monotonic() - began)
            statuses[status] += 1
            if status >= 500 or b"NaN" in body and body[:1] in b"{[" and _is_no_json(body):
                found.append(f"request {number}, {one}: {status} {body[:500]!r}")
            if number % 100 == 99:
                await service.post("/queue", b'{"clear": true}')
        if (await service.post("/prompt", GOOD)).status != 200:
            found.append("a good prompt is refused afterwards")
        restarts = [one["restarts"] for one in (await service.get("/api/v1/system")).json["workers"]]
    if restarts != [0]:
        found.append("a worker has died of it")
    for kind, number in {"taken": statuses[200], "refused": statuses[400] + statuses[422]}.items():
        if number < n // 20:
            found.append(f"only {number} were {kind}")
    figures = {f"answered {status}": float(number) for status, number in sorted(statuses.items())}
    return Outcome(n, found, figures | {"s at most": round(slowest, 2)})


async def _told(service: Service, one: Hostile) -> tuple[int, bytes]:
    url = URL(f"http://127.0.0.1:{service.port}{one.path}", encoded=True)
    async with service.session.request(one.method, url, data=one.body or None, allow_redirects=False) as answer:
        return answer.status, await answer.read()


def _is_no_json(body: bytes) -> bool:
    """Whether a NaN stands outside of texts."""
    found: list[str] = []
    json.loads(body, parse_constant=found.append)
    return bool(found)
