"""What the service tells of itself: figures, readiness, logs, and a job's trace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from server.http.corking import Corking
from server.http.logbook import Line, LogBook
from server.http.metrics import Metrics, _follow
from server.jobs.job import JobEvent, StoreError
from server.logs import REQUEST, JsonLines
from server.worker.hub import MOST_BYTES, MOST_OF_RESULTS, MOST_WAITING, Dropped, Hub, Notice, Passing, nobody
from tests.server.service import Service, running, working

WORK = {
    "format": "latentgraph/1",
    "nodes": {
        "a": {"type": "Steps", "inputs": {"value": 1, "count": 3}},
        "b": {"type": "Steps", "inputs": {"value": 2, "count": 3}},
        "sum": {"type": "Add", "inputs": {"a": {"from": ["a", "out"]}, "b": {"from": ["b", "out"]}}},
        "save": {"type": "WriteText", "inputs": {"value": {"from": ["sum", "out"]}, "name": "x"}},
    },
}


def do(folder: Path, act: Callable[[Service], Awaitable[None]], *, workers: bool = True) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), working(folder) if workers else running(folder) as service:
            await act(service)

    asyncio.run(run())


async def figures(service: Service) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await service.get("/metrics")
    assert answer.kind == "text/plain"
    families = text_string_to_metric_families(answer.body.decode())
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


async def run_job(service: Service, workflow: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] = (await service.post("/api/v1/jobs?wait=60", json.dumps({"workflow": workflow}))).json
    return job


def test_the_figures_follow_the_jobs(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        for _ in range(2):
            assert (await run_job(service, WORK))["state"] == "done"
        failing = {
            "format": "latentgraph/1",
            "nodes": {"x": {"type": "Boom"}, "s": {"type": "Show", "inputs": {"value": {"from": ["x", "out"]}}}},
        }
        assert (await run_job(service, failing))["state"] == "failed"
        await service.get("/api/v1/jobs/unheard")
        told = await figures(service)
        assert told["latentgraph_jobs_total", labels(outcome="done")] == 2
        assert told["latentgraph_jobs_total", labels(outcome="failed")] == 1
        assert told["latentgraph_jobs_in_state", labels(state="done")] == 2
        assert told["latentgraph_job_attempts_total", labels(cause="first")] == 3
        assert told["latentgraph_queue_wait_seconds_count", labels()] == 3
        assert told["latentgraph_node_duration_seconds_count", labels(node_type="Steps", cache="miss")] == 2
        assert told["latentgraph_worker_up", labels(worker="cpu")] == 1
        assert told["latentgraph_internal_errors_total", labels()] == 0
        assert told["latentgraph_cache_entries", labels()] > 0
        route = labels(method="GET", route="/api/v1/jobs/{id}", status_class="4xx")
        assert told["http_server_request_duration_seconds_count", route] == 1
        assert not [name for name, _ in told if "unheard" in name]

    do(tmp_path, act)


def test_ready_says_why_it_is_not(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        answer = await service.get("/health/ready")
        assert (answer.status, answer.json["reasons"]) == (503, ["no worker is ready"])

    do(tmp_path, act, workers=False)


def test_waiting_beside_an_idle_worker_is_no_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # R20
    """A dispatcher that hangs: the worker is well and idle, and jobs are not handed to it."""
    monkeypatch.setattr("server.http.health.STUCK", 0.2)

    async def act(service: Service) -> None:
        while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the worker is starting
            await asyncio.sleep(0.02)
        with monkeypatch.context() as hung:
            hung.setattr("server.jobs.store.Store.claim", lambda *_: None)
            await service.post("/api/v1/jobs", json.dumps({"workflow": WORK}))
            while (answer := await service.get("/health/ready")).status == 200:  # noqa: ASYNC110 - it takes a while
                await asyncio.sleep(0.05)
            assert "idle worker" in answer.json["reasons"][0]
            assert (await figures(service))["latentgraph_stuck", labels()] == 1
        await service.post("/api/v1/jobs", json.dumps({"workflow": WORK}))
        while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the jobs are taken up
            await asyncio.sleep(0.05)

    do(tmp_path, act)


def test_the_watch_outlives_a_store_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.http.health.STUCK", 0.2)
    asked = []

    def fails(_store: object) -> bool:
        asked.append(True)
        raise StoreError("the disk is full")

    async def act(service: Service) -> None:
        while (await service.get("/health/ready")).status != 200:  # noqa: ASYNC110 - the worker is starting
            await asyncio.sleep(0.02)
        monkeypatch.setattr("server.jobs.queries.Queries.paused", fails)
        monkeypatch.setattr("server.jobs.store.Store.claim", lambda *_: None)
        await service.post("/api/v1/jobs", json.dumps({"workflow": WORK}))
        while (await service.get("/health/ready")).status == 200:  # noqa: ASYNC110 - it takes a while
            await asyncio.sleep(0.05)
        while len(asked) < 3:  # noqa: ASYNC110 - it looks again and again
            await asyncio.sleep(0.05)

    do(tmp_path, act)


def happened(number: int) -> JobEvent:
    return JobEvent(f"j{number}", 1, 0.0, "queued", "{}")


def test_whoever_falls_behind_is_counted_and_the_figures_go_on() -> None:
    async def act() -> None:
        hub, metrics = Hub(), Metrics()
        service = cast("Any", SimpleNamespace(hub=hub))
        following = asyncio.create_task(_follow(service, metrics))
        await asyncio.sleep(0)
        with hub.listening(lambda _job, _client: True, nobody) as slow:
            for burst in range(3):
                hub.publish([happened(burst)] * (MOST_WAITING + 1))
                for _ in range(10):
                    await asyncio.sleep(0)
                hub.publish([JobEvent("end", 1, 0.0, "done", "{}")])
                for _ in range(10):
                    await asyncio.sleep(0)
            with pytest.raises(Dropped):
                await slow.next()
            assert hub.listeners == 2
        metrics.drops(hub.dropped)
        metrics.drops(hub.dropped)
        assert metrics.registry.get_sample_value("latentgraph_sockets_dropped_total") == 4
        assert metrics.registry.get_sample_value("latentgraph_jobs_total", {"outcome": "done"}) == 3
        following.cancel()

    asyncio.run(act())


@pytest.mark.parametrize(
    "notice",
    [
        JobEvent("job", 1, 0.0, "started", " " * (MOST_BYTES // 4)),
        Passing("job", None, {}, bytes(MOST_BYTES // 4)),
        Passing("job", None, {}, bytes(MOST_OF_RESULTS // 4), is_result=True),
    ],
    ids=["events", "previews", "results"],
)
def test_what_waits_for_a_listener_is_bounded_in_bytes(notice: Notice) -> None:
    async def act() -> None:
        hub = Hub()

        def offer(times: int) -> None:
            for _ in range(times):
                if isinstance(notice, Passing):
                    hub.pass_on(notice, (0, 0))
                else:
                    hub.publish([notice])

        with hub.listening(lambda _job, _client: True, lambda _job, _client: True) as listener:
            for _ in range(10):
                offer(4)
                for _ in range(4):
                    assert await listener.next() is notice
            offer(5)
            assert hub.dropped == 1
            with pytest.raises(Dropped):
                await listener.next()

    asyncio.run(act())


class Corked:
    """A connection that notes when it was corked, and fails with `fault`."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.set: list[int] = []
        self.transport = SimpleNamespace(get_extra_info={"socket": self}.get)
        self._fault = fault

    def setsockopt(self, _level: int, _option: int, value: int) -> None:
        self.set.append(value)
        if self._fault is not None:
            raise self._fault


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="packets cannot be held back on this system")
@pytest.mark.parametrize("fault", [None, OSError("closed")], ids=["open", "closed meanwhile"])
def test_what_is_sent_in_one_turn_of_the_loop_leaves_together(fault: OSError | None) -> None:
    async def act() -> None:
        connection = Corked(fault)
        corking = Corking(cast("Any", connection))
        for turn in range(1, 3):
            for _message in range(3):
                corking.hold()
            assert connection.set == [1, 0] * (turn - 1) + [1]
            await asyncio.sleep(0)
            assert connection.set == [1, 0] * turn

    asyncio.run(act())


def test_jobs_whose_end_was_missed_are_not_followed_for_ever() -> None:
    async def act() -> None:
        hub, metrics = Hub(), Metrics()
        following = asyncio.create_task(_follow(cast("Any", SimpleNamespace(hub=hub)), metrics))
        await asyncio.sleep(0)
        for sequence, (kind, data) in enumerate(
            (("running", {"attempt": 1}), ("node_started", {"node": "n", "type": "T"}))
        ):
            hub.publish([JobEvent("job", sequence, 0.0, kind, json.dumps(data))])
        while not metrics._types:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        hub.publish([happened(1)] * (MOST_WAITING + 1))
        for _ in range(10):
            await asyncio.sleep(0)
        assert (metrics._waiting, metrics._running, metrics._types) == ({}, {}, {})
        following.cancel()

    asyncio.run(act())


def test_clients_that_hear_the_log_come_and_go() -> None:
    async def act() -> None:
        book = LogBook(asyncio.get_running_loop())
        heard: list[str] = []

        def hear(line: Line) -> None:
            heard.append(line["m"].strip())

        for number in range(2500):  # they subscribe and never open a socket
            assert book.subscribe(f"gone {number}", True)
        assert not book.subscribe("x" * 201, True)
        with book.heard_by("mine", hear):
            assert book.subscribe("mine", True)
            book.emit(logging.makeLogRecord({"msg": "first"}))
            await asyncio.sleep(0)
            with contextlib.ExitStack() as many:
                for number in range(1000):
                    many.enter_context(book.heard_by(f"here {number}", partial(print, number)))
                    assert book.subscribe(f"here {number}", True) is (number < 999)
            assert book.subscribe("another", True)
        with book.heard_by("mine", hear):  # its subscription went with its socket
            book.emit(logging.makeLogRecord({"msg": "second"}))
            await asyncio.sleep(0)
        assert heard == ["first"]

    asyncio.run(act())


def test_a_trace_shows_what_ran_when(tmp_path: Path) -> None:
    async def act(service: Service) -> None:
        job = await run_job(service, WORK)
        told = (await service.get(f"/api/v1/jobs/{job['id']}/trace")).json
        spans = {one["name"]: one for one in told["traceEvents"] if one["ph"] == "X"}
        assert {"waiting", "attempt", "Steps a", "Steps b", "Add sum", "WriteText save"} == spans.keys()
        attempt, save = spans["attempt"], spans["WriteText save"]
        assert attempt["args"]["end"] == "done"
        assert save["ts"] + save["dur"] >= spans["Add sum"]["ts"]
        for one in spans.values():
            assert one["dur"] >= 0
            assert (
                one["name"] == "waiting"
                or attempt["ts"] - 100_000 <= one["ts"] <= attempt["ts"] + attempt["dur"] + 100_000
            )
        rows = {one["tid"] for one in told["traceEvents"] if one["ph"] == "M"}
        assert {one["tid"] for one in spans.values()} <= rows
        again = await run_job(service, WORK)
        told = (await service.get(f"/api/v1/jobs/{again['id']}/trace")).json
        assert {one["name"] for one in told["traceEvents"] if one["ph"] == "i"} >= {"save: cached"}
        assert (await service.get("/api/v1/jobs/none/trace")).status == 404

    do(tmp_path, act)


@pytest.mark.parametrize(
    ("job", "name"),
    [("6e40-ab_1.x", "6e40-ab_1.x"), ('a"b\r\nc/\u00fc', "a_b__c__"), ("x" * 60, "x" * 40)],
)
def test_a_trace_is_saved_under_the_name_of_its_job(tmp_path: Path, job: str, name: str) -> None:
    save = {"class_type": "WriteText", "inputs": {"value": ["1", 0], "name": "x"}}
    prompt = {"1": {"class_type": "Steps", "inputs": {"value": 1}}, "2": save}

    async def act(service: Service) -> None:
        assert (await service.post("/prompt", json.dumps({"prompt": prompt, "prompt_id": job}))).status == 200
        url = f"http://127.0.0.1:{service.port}/api/v1/jobs/{quote(job, safe='')}/trace"
        async with service.session.get(URL(url, encoded=True)) as answer:
            assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.trace.json"'

    do(tmp_path, act, workers=False)


def test_requests_have_ids_and_are_logged_without_their_query(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "latentgraph")

    async def act(service: Service) -> None:
        url = f"http://127.0.0.1:{service.port}"
        async with service.session.get(f"{url}/queue?token=secret", headers={"X-Request-Id": "mine-1"}) as answer:
            assert answer.headers["X-Request-Id"] == "mine-1"
        for wrong in ("a b", "x" * 65, "\u00fc", "<script>"):
            async with service.session.get(f"{url}/no/such/path", headers={"X-Request-Id": wrong}) as answer:
                assert len(answer.headers["X-Request-Id"]) == 16
        await run_job(service, WORK)

    do(tmp_path, act)
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("GET /queue 200") for line in lines)
    assert any(line == "job done" for line in lines)
    assert not [line for line in lines if "secret" in line]


def test_a_line_of_the_log_is_an_object() -> None:
    token = REQUEST.set("r1")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        made = logging.makeLogRecord({"msg": "said %s", "args": ("so",), "exc_info": sys.exc_info(), "job_id": "j"})
        line = JsonLines().format(made)
    finally:
        REQUEST.reset(token)
    told = json.loads(line)
    assert "\n" not in line
    assert (told["msg"], told["request_id"], told["job_id"]) == ("said so", "r1", "j")
    assert "ValueError" in told["trace"]
