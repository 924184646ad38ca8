"""Row R13: requests made by chance are answered, none with a fault of ours, and the service is as well afterwards.

`make fuzz` sends 100,000; LATENTGRAPH_FUZZ and LATENTGRAPH_FUZZ_SEED choose other numbers.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from yarl import URL

from server.http.service import Bounds
from server.jobs.store import Limits
from tests.server.hostile import Hostile, requests
from tests.server.service import Service, running
from tests.server.toy_worker import command

NUMBER = int(os.environ.get("LATENTGRAPH_FUZZ", "1500"))
SEED = int(os.environ.get("LATENTGRAPH_FUZZ_SEED", "20261126"))
GOOD = b'{"prompt": {"1": {"class_type": "WriteText", "inputs": {"value": 1, "name": "x"}}}}'


async def told(service: Service, one: Hostile) -> tuple[int, bytes]:
    url = URL(f"http://127.0.0.1:{service.port}{one.path}", encoded=True)
    async with service.session.request(one.method, url, data=one.body or None, allow_redirects=False) as answer:
        return answer.status, await answer.read()


def test_no_request_is_answered_with_a_fault(tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    slowest = 0.0

    async def act() -> None:
        nonlocal slowest
        limits = Limits(queued=200)
        workers = {"cpu": command(tmp_path)}
        async with running(tmp_path, workers, limits=limits, bounds=Bounds(sockets=50)) as service:
            while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the worker is starting
                await asyncio.sleep(0.02)
            for number, one in enumerate(islice(requests(SEED), NUMBER)):
                began = time.monotonic()
                async with asyncio.timeout(60):
                    status, body = await told(service, one)
                slowest = max(slowest, time.monotonic() - began)
                statuses[status] += 1
                assert status < 500, (number, one, body[:500])
                if body[:1] in (b"{", b"[") and b"NaN" in body:
                    json.loads(body, parse_constant=lambda text: (_ for _ in ()).throw(AssertionError(text)))
                if number % 100 == 99:
                    await service.post("/queue", b'{"clear": true}')
            assert (await service.post("/prompt", GOOD)).status == 200
            workers_told = (await service.get("/api/v1/system")).json["workers"]
            assert [one["restarts"] for one in workers_told] == [0], "a worker has died of it"

    asyncio.run(act())
    print(f"{NUMBER} requests, seed {SEED}: {dict(sorted(statuses.items()))}; the slowest took {slowest:.2f} s")
    assert statuses[200] > NUMBER // 20
    assert statuses[400] + statuses[422] > NUMBER // 20
