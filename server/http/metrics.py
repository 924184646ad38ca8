"""Figures for Prometheus, and the log's word on every job. Labels are few and bounded: never a job's id or a client's name.

Counters follow what the hub tells of jobs; gauges are read when they are asked for. The registry is this service's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast, get_args

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from graph.json import JsonObject
from graph.version import __version__
from nodes.memory.host import torch_version
from server.http.service import Service, service_of
from server.jobs.job import ENDS, JobEvent, State, StoreError
from server.worker.hub import Dropped, nobody

_log = logging.getLogger("latentgraph.jobs")

STUCK: Final = 10.0
"""Seconds that jobs may wait beside an idle worker before the service counts as stuck."""
_FOLLOWED: Final = 50_000
_TICK: Final = 0.5
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


@dataclass(slots=True)
class Metrics:
    """The figures of one service, and since when nothing has moved."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    stuck_since: float | None = None
    _dropped: int = 0
    _waiting: dict[str, float] = field(default_factory=dict)
    _running: dict[str, float] = field(default_factory=dict)
    _types: dict[tuple[str, str], str] = field(default_factory=dict)
    _counters: dict[str, Counter] = field(default_factory=dict)
    _gauges: dict[str, Gauge] = field(default_factory=dict)
    _histograms: dict[str, Histogram] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, text, labels in _COUNTERS:
            self._counters[name] = Counter(name, text, labels, registry=self.registry)
        for name, text, labels in _GAUGES:
            self._gauges[name] = Gauge(name, text, labels, registry=self.registry)
        for name, text, labels in _HISTOGRAMS:
            self._histograms[name] = Histogram(name, text, labels, registry=self.registry, buckets=_SECONDS)
        ProcessCollector(registry=self.registry)
        about = {"version": __version__, "torch": torch_version(), "python": platform.python_version()}
        self._gauges["latentgraph_build_info"].labels(**about, sqlite=sqlite3.sqlite_version).set(1)

    def drops(self, in_all: int) -> None:
        """Count the listeners that were dropped since this was last said."""
        self._counters["latentgraph_sockets_dropped"].inc(in_all - self._dropped)
        self._dropped = in_all

    def count(self, name: str, **labels: str) -> None:
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc()

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(seconds)

    def set(self, name: str, value: float, **labels: str) -> None:
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def follow(self, event: JobEvent) -> None:
        """Count what happened to a job."""
        match event.type:
            case "queued":
                self._waiting[event.job] = event.time
                self._forget_old()
            case "running":
                since = self._waiting.pop(event.job, None)
                if since is not None:
                    self.observe("latentgraph_queue_wait_seconds", max(event.time - since, 0.0))
                self._running[event.job] = event.time
                first = event.data.get("attempt") == 1
                self.count("latentgraph_job_attempts", cause="first" if first else "again")
            case "requeued":
                self._running.pop(event.job, None)
                _log.warning("job waits again: %s", event.data.get("cause"), extra=_facts(event))
            case "node_started":
                data = event.data
                self._types[event.job, str(data["node"])] = str(data["type"])
            case "node_finished":
                self._node_finished(event)
            case kind if kind in ENDS:
                self._end(event)

    def lose_track(self) -> None:
        """Forget the jobs that are followed: what became of some of them was missed."""
        self._waiting, self._running, self._types = {}, {}, {}

    def _node_finished(self, event: JobEvent) -> None:
        data = event.data
        kind = self._types.pop((event.job, str(data["node"])), "")
        labels = {"node_type": kind, "cache": "miss" if data.get("status") == "ran" else "hit"}
        self.observe("latentgraph_node_duration_seconds", float(cast("float", data.get("seconds") or 0.0)), **labels)

    def _end(self, event: JobEvent) -> None:
        self._waiting.pop(event.job, None)
        began = self._running.pop(event.job, None)
        if began is not None:
            self.observe("latentgraph_job_duration_seconds", max(event.time - began, 0.0))
        self._types = {key: kind for key, kind in self._types.items() if key[0] != event.job}
        self.count("latentgraph_jobs", outcome=event.type)
        error = cast("JsonObject", event.data.get("error") or {})
        level = logging.INFO if event.type in ("done", "cancelled") else logging.WARNING
        more = f": {error.get('code')}: {error.get('message')}" if error else ""
        _log.log(level, "job %s%s", event.type, more[:500], extra=_facts(event))

    def _forget_old(self) -> None:
        """Times of jobs that wait for very long are not worth keeping."""
        while len(self._waiting) > _FOLLOWED:
            del self._waiting[next(iter(self._waiting))]


METRICS: Final = web.AppKey("metrics", Metrics)

_Kind: TypeAlias = tuple[str, str, tuple[str, ...]]

_COUNTERS: Final[tuple[_Kind, ...]] = (
    ("latentgraph_jobs", "Jobs that have ended", ("outcome",)),
    ("latentgraph_job_attempts", "Jobs handed to a worker", ("cause",)),
    ("latentgraph_internal_errors", "Requests that met a fault of the service", ()),
    ("latentgraph_sockets_dropped", "Listeners that read too slowly", ()),
)
_GAUGES: Final[tuple[_Kind, ...]] = (
    ("latentgraph_jobs_in_state", "Jobs that are kept, by state", ("state",)),
    ("latentgraph_worker_up", "Whether a worker is ready", ("worker",)),
    ("latentgraph_worker_busy", "Whether a worker runs a job", ("worker",)),
    ("latentgraph_worker_restarts", "How often a worker was started again", ("worker",)),
    ("latentgraph_device_memory_bytes", "Memory of a worker's device when it started", ("worker", "kind")),
    ("latentgraph_cache_bytes", "Results on disk", ()),
    ("latentgraph_cache_entries", "Results on disk", ()),
    ("latentgraph_disk_free_bytes", "Room where jobs are kept", ()),
    ("latentgraph_listeners", "Sockets and streams that are open", ()),
    ("latentgraph_event_loop_lag_seconds", "How late the event loop was when last asked", ()),
    ("latentgraph_queue_paused", "Whether no job is begun until the queue is resumed", ()),
    ("latentgraph_stuck", "Whether jobs wait beside an idle worker", ()),
    ("latentgraph_build_info", "What runs", ("version", "torch", "python", "sqlite")),
)
_HISTOGRAMS: Final[tuple[_Kind, ...]] = (
    ("latentgraph_queue_wait_seconds", "From accepted to handed to a worker", ()),
    ("latentgraph_job_duration_seconds", "From handed to a worker to the end", ()),
    ("latentgraph_node_duration_seconds", "One node", ("node_type", "cache")),
    ("http_server_request_duration_seconds", "One request", ("method", "route", "status_class")),
)


async def show(request: web.Request) -> web.Response:
    """The figures in the text form of Prometheus."""
    service, metrics = service_of(request), request.app[METRICS]
    counts = await service.desk.do(service.desk.store.counts)
    for state in get_args(State):
        metrics.set("latentgraph_jobs_in_state", counts.get(state, 0), state=state)
    for one in service.crew.supervisors:
        metrics.set("latentgraph_worker_up", one.ready, worker=one.name)
        metrics.set("latentgraph_worker_busy", one.claim is not None, worker=one.name)
        metrics.set("latentgraph_worker_restarts", one.restarts, worker=one.name)
        for kind in ("vram_total", "vram_free"):
            value = one.about.get(kind)
            if isinstance(value, int | float):
                metrics.set("latentgraph_device_memory_bytes", value, worker=one.name, kind=kind.removeprefix("vram_"))
    for name, number in (await asyncio.to_thread(_on_disk, service)).items():
        metrics.set(name, number)
    metrics.drops(service.hub.dropped)
    metrics.set("latentgraph_listeners", service.hub.listeners)
    metrics.set("latentgraph_queue_paused", await is_paused(service))
    metrics.set("latentgraph_stuck", metrics.stuck_since is not None)
    text = await asyncio.to_thread(generate_latest, metrics.registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _on_disk(service: Service) -> Mapping[str, float]:
    figures = {"latentgraph_disk_free_bytes": float(shutil.disk_usage(service.user.root.parent).free)}
    with contextlib.suppress(sqlite3.Error):
        entries, size = service.workspace.index.rows("SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM entries")[0]
        figures |= {
            "latentgraph_cache_entries": float(cast("int", entries)),
            "latentgraph_cache_bytes": float(cast("int", size)),
        }
    return figures


@contextlib.asynccontextmanager
async def measured(service: Service, metrics: Metrics) -> AsyncIterator[None]:
    """While this is open the figures follow the service."""
    tasks = [asyncio.create_task(_follow(service, metrics)), asyncio.create_task(_watch(service, metrics))]
    await asyncio.sleep(0)  # now they listen
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _follow(service: Service, metrics: Metrics) -> None:
    while True:  # after a drop what was missed is missed; what comes is counted
        with (
            contextlib.suppress(Dropped),
            service.hub.listening(lambda _job, _client: True, nobody) as listener,
        ):
            while True:
                event = await listener.next()
                if isinstance(event, JobEvent):
                    metrics.follow(event)
                    metrics.stuck_since = None
        metrics.lose_track()


async def _watch(service: Service, metrics: Metrics) -> None:
    """How late the loop is, and whether work waits beside a worker that has none."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(_TICK)
        metrics.set("latentgraph_event_loop_lag_seconds", max(time.monotonic() - began - _TICK, 0.0))
        workers = service.crew.supervisors
        busy = sum(one.claim is not None for one in workers)
        idle = any(one.ready and one.claim is None for one in workers)
        if not idle or service.hub.remaining <= busy or await is_paused(service):
            metrics.stuck_since = None
        elif metrics.stuck_since is None:
            metrics.stuck_since = time.monotonic()


async def is_paused(service: Service) -> bool:
    """Whether jobs are to wait. A store that cannot tell is no reason for them to."""
    try:
        return await service.desk.do(service.desk.store.paused)
    except StoreError:
        return False


def _facts(event: JobEvent) -> dict[str, object]:
    return {"job_id": event.job, "event": event.type}
