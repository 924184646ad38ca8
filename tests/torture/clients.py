"""Rows of clients: who cancels, who comes back, who does not read."""

from __future__ import annotations

import asyncio
import json
import random
import time

from aiohttp import ClientSession, WSMsgType

from tests.torture.driver import Driver, workflow
from tests.torture.outcome import Outcome, broken, resident


def cancels(driver: Driver, n: int, mutant: str) -> Outcome:
    """One of two running jobs is cancelled at a random moment: it ends, soon, and the other is not touched."""
    choose = random.Random(7)
    driver.options = ("--workers", "2", *broken(mutant))
    driver.start()
    found: list[str] = []
    taken: list[float] = []
    for index in range(n):
        long = workflow(index)
        long["nodes"]["first"]["inputs"] |= {"value": -1 - index, "count": 2000, "milliseconds": 10}
        other = workflow(50_000 + index)
        other["nodes"]["first"]["inputs"] |= {"value": 10**6 + index, "count": 30, "milliseconds": 10}
        one, two = (driver.ask("/api/v1/jobs", {"workflow": each})["id"] for each in (long, other))
        time.sleep(choose.uniform(0.0, 0.25))
        started = time.monotonic()
        driver.ask(f"/api/v1/jobs/{one}/cancel", {})
        ended = driver.ask(f"/api/v1/jobs/{one}?wait=20")
        taken.append(time.monotonic() - started)
        beside = driver.ask(f"/api/v1/jobs/{two}?wait=20")
        if (ended["state"], beside["state"]) != ("cancelled", "done"):
            found.append(f"trial {index}: {ended['state']}, the other {beside['state']}")
            break
    driver.stop()
    taken.sort()
    return Outcome(n, found, {"p99 ms": round(taken[int(len(taken) * 0.99)] * 1000, 1)})


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
                heard = await asyncio.wait_for(follow(session, told["id"], random.Random(index)), 30)
                if heard != list(range(1, len(heard) + 1)):
                    found.append(f"heard {heard}")
        return found

    found = asyncio.run(all_of_them())
    driver.stop()
    return Outcome(n, found)


def slow_reader(driver: Driver, n: int, mutant: str) -> Outcome:
    """A client that does not read is let go; those beside it hear everything."""
    driver.options = broken(mutant)
    driver.start()

    async def listen(session: ClientSession, jobs: int) -> int:
        ends = heard = 0
        async with session.ws_connect(f"http://127.0.0.1:{driver.port}/api/v1/events?client=me") as socket:
            ready.release()
            async for message in socket:
                if message.type != WSMsgType.TEXT:
                    continue
                heard += 1
                ends += json.loads(message.data)["type"] == "done"
                if ends == jobs:
                    break
        return heard

    ready = asyncio.Semaphore(0)

    async def run() -> tuple[list[str], dict[str, float]]:
        before = resident(driver)
        async with ClientSession() as session:
            stalled = await asyncio.open_connection("127.0.0.1", driver.port, limit=1024)
            stalled[1].write(
                b"GET /api/v1/events?client=me HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % driver.port
            )
            await stalled[0].readuntil(b"\r\n\r\n")
            stalled[1].transport.pause_reading()  # type: ignore[attr-defined]
            live = [asyncio.create_task(listen(session, n)) for _ in range(5)]
            for _ in live:
                await ready.acquire()
            for index in range(n):
                chatty = workflow(index)
                for step in range(60):
                    chatty["nodes"][f"show{step}"] = {"type": "Add", "inputs": {"a": index, "b": step}}
                    chatty["nodes"][f"out{step}"] = {
                        "type": "Show",
                        "inputs": {"value": {"from": [f"show{step}", "out"]}},
                    }
                await asyncio.to_thread(driver.ask, "/api/v1/jobs", {"workflow": chatty, "client": "me"})
            heard = await asyncio.wait_for(asyncio.gather(*live), 120)
            stalled[1].close()
        found = [] if len(set(heard)) == 1 else [f"live clients heard {sorted(set(heard))}"]
        return found, {"events": heard[0], "MiB more": round((resident(driver) - before) / 2**20, 1)}

    found, figures = asyncio.run(run())
    driver.stop()
    return Outcome(n, found, figures)
