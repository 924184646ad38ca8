"""A worker that cannot start: why is said once and for as long as it holds, and others are tried ever more rarely."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from pathlib import Path

import pytest
import torch

from server.cli.serve import worker_command
from server.worker import supervisor
from server.worker.supervisor import pause_after
from tests.server.service import Service, running
from tests.server.toy_worker import toy_places

REASON = "worker card cannot start: there is no card [device_unavailable]. Use cpu."


@pytest.mark.parametrize(
    ("settled", "unable", "pauses"),
    [
        (False, True, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]),
        (False, False, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]),
        (True, False, [0.05, 0.05]),
        (True, True, [0.1, 0.2]),
    ],
)
def test_pauses_grow_while_no_worker_gets_to_work(settled: bool, unable: bool, pauses: list[float]) -> None:
    after = itertools.accumulate(
        pauses, lambda last, _: pause_after(last, settled=settled, unable=unable), initial=0.05
    )
    assert list(after)[1:] == pytest.approx(pauses)


async def tried(folder: Path, times: int) -> None:
    while not (folder / "tries").exists() or len((folder / "tries").read_text()) < times:  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.02)


async def said(service: Service, status: int) -> list[str]:
    """The reasons of `/health/ready`, once it answers so."""
    while True:
        answer = await service.get("/health/ready")
        reasons: list[str] = answer.json["reasons"]
        if answer.status == status and reasons != ["no worker is ready"]:
            return reasons
        await asyncio.sleep(0.02)


def test_a_reason_is_said_once_and_until_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_RARELY", 0.1)
    workers = {"card": [sys.executable, "-m", "tests.server.unable_worker", str(tmp_path)]}

    async def act() -> None:
        async with asyncio.timeout(100), running(tmp_path, workers) as service:
            await tried(tmp_path, 4)
            assert await said(service, 503) == [REASON]
            [worker] = (await service.get("/api/v1/system")).json["workers"]
            assert (worker["ready"], worker["unable"]["code"]) == (False, "device_unavailable")
            (tmp_path / "card").touch()
            assert await said(service, 200) == []
            [worker] = (await service.get("/api/v1/system")).json["workers"]
            assert (worker["ready"], worker["unable"]) == (True, None)

    with caplog.at_level(logging.WARNING, "latentgraph.worker"):
        asyncio.run(act())
    told = [one.getMessage() for one in caplog.records if one.name == "latentgraph.worker"]
    assert told == [f"{REASON} Others are tried, ever more rarely."]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card here")
def test_a_worker_for_a_card_that_is_not_here_names_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    workers = {"cuda": worker_command("cuda", "auto", toy_places(tmp_path), tmp_path / "user")}

    async def act() -> None:
        async with asyncio.timeout(100), running(tmp_path, workers) as service:
            [reason] = await said(service, 503)
            assert "device 'cuda' is not on this machine, which has 0 CUDA devices [device_unavailable]" in reason

    asyncio.run(act())
    assert "Traceback" not in capfd.readouterr().err
