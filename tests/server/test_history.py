"""The history: jobs that have ended are forgotten, one or all; no other job, and no file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.server.service import Service, working
from tests.server.test_jobs_api import submit, work


def do(folder: Path, act: Callable[[Service], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), working(folder) as service:
            await act(service)

    asyncio.run(run())


async def begun(service: Service) -> str:
    """A job that runs, and goes on."""
    job = str((await submit(service, work(3, count=100_000)))["id"])
    while (await service.get(f"/api/v1/jobs/{job}?wait=1")).json["state"] != "running":
        pass
    return job


async def each_end(service: Service) -> list[str]:
    """A job for each way to end."""
    done = await submit(service, work(1), "?wait=60")
    failed = await submit(service, work(2, count=100_000), "?wait=60", time_limit=0.2)
    cancelled = await begun(service)
    await service.post(f"/api/v1/jobs/{cancelled}/cancel", b"")
    ended = await service.get(f"/api/v1/jobs/{cancelled}?wait=60")
    assert [done["state"], failed["state"], ended.json["state"]] == ["done", "failed", "cancelled"]
    return [done["id"], failed["id"], cancelled]


async def kept(service: Service) -> set[str]:
    return {one["id"] for one in (await service.get("/api/v1/jobs")).json["jobs"]}


@pytest.mark.parametrize("way", ["each", "all"])
def test_what_has_ended_is_forgotten_and_nothing_else(tmp_path: Path, way: str) -> None:
    async def act(service: Service) -> None:
        ended = await each_end(service)
        running = await begun(service)
        waiting = (await submit(service, work(4)))["id"]
        if way == "each":
            for job in ended:
                gone = await service.delete(f"/api/v1/jobs/{job}")
                assert (gone.status, gone.json) == (200, {"forgotten": 1})
                again = await service.delete(f"/api/v1/jobs/{job}")
                assert (again.status, again.json["code"]) == (404, "unknown_job")
            for job in (running, waiting):
                refused = await service.delete(f"/api/v1/jobs/{job}")
                assert (refused.status, refused.json["code"]) == (409, "job_not_ended")
        else:
            assert (await service.post("/api/v1/history/clear", b"")).json == {"forgotten": len(ended)}
            assert (await service.post("/api/v1/history/clear", b"")).json == {"forgotten": 0}
        assert await kept(service) == {running, waiting}
        assert (await service.get(f"/api/v1/jobs/{ended[0]}/events")).status == 404
        assert (tmp_path / "output" / "file.txt").is_file()
        for job in (waiting, running):
            await service.post(f"/api/v1/jobs/{job}/cancel", b"")

    do(tmp_path, act)
