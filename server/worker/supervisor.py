"""Keeps one worker process running and busy: starts it, hands it jobs, keeps what it tells, and replaces it when it dies.

The end of a worker's stream is its death, seen at once; a worker that is silent past its lease is killed. Either way its
job goes back to the store, which decides whether it waits again or has cost enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar, cast

from graph.errors import GraphError, Problem
from graph.json import JsonObject
from server.jobs.desk import Desk, Ticket
from server.jobs.job import Claim, End, Happening, StoreError
from server.worker.frames import pack, read_frame
from server.worker.hub import Hub, Passing
from server.worker.starting import Started, start

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE: Final = 2.0
"""Seconds a cancelled job has to end by itself."""
ANSWERS_WITHIN: Final = 10.0
"""Seconds that a worker has to answer a question, usually."""
GATHER: Final = 0.01
"""Seconds in which what happens is gathered for one write; a job that ends in them needs no other than its end's."""
AGAIN: Final = 0.5
"""Seconds before what the store could not keep is tried again."""
_SHORTEST, _LONGEST, _SETTLED = 0.05, 5.0, 10.0
"""Seconds: pauses between restarts, and the age at which a worker that was never ready counts as having started well. One
that dies of its job is replaced at once: the job pays with its attempts, those behind it do not."""
_RARELY = 60.0
"""Seconds: the longest pause where a worker says why it cannot start: a card may come back, but not by itself."""

_log = logging.getLogger("latentgraph.worker")


def ignored(_plugins: JsonObject) -> None:
    """For services whose catalogue is given."""


class UnansweredError(GraphError):
    """A worker would not or could not answer. Code `no_worker` when there is none to ask."""

    code = "unanswered"


@dataclass(slots=True)
class _Process:
    """A worker process and our end of its socket."""

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Supervisor:
    """One worker, named by its device. `command` starts it and gets `--socket FD` appended; `first` runs already; `brought`
    hears which nodes of plugins a worker has found; `unable` is why none can start, where the last has said so."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        desk: Desk,
        hub: Hub,
        first: Started | None = None,
        brought: Callable[[JsonObject], None] = ignored,
    ) -> None:
        self.name = name
        self.ready = self._was_ready = False
        self._said: Problem | None = None
        self.about: JsonObject = {}
        self.restarts = 0
        self.unable: Problem | None = None
        self.claim: Claim | None = None
        self._command, self._desk, self._hub = tuple(command), desk, hub
        self._first, self._brought = first, brought
        self._idle = asyncio.Event()
        self._kept = asyncio.Event()
        self._pending: list[Happening] = []
        self._words = 0
        self._writing = asyncio.Lock()
        self._process: _Process | None = None
        self._watched = False
        self._ticket: Ticket | None = None
        self._cancelled_early: set[str] = set()
        self._asked: dict[int, asyncio.Future[JsonObject]] = {}
        self._questions = 0
        self._clock: asyncio.TimerHandle | None = None
        self._timing_out: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.process.pid if self._process else None

    def cancel(self, job: str) -> None:
        """End the job if it runs here: ask first, then kill."""
        claim = self.claim
        if claim is None and self._ticket is not None:
            self._cancelled_early.add(job)
        if claim is not None and claim.id == job:
            self._stop(claim)

    def free(self) -> None:
        """Let the worker forget what it holds in memory, when it is idle."""
        self._send({"type": "free"})

    async def ask(self, question: str, data: JsonObject, patience: float = ANSWERS_WITHIN) -> JsonObject:
        """What the worker says to a question, within so many seconds; it answers while it works. Raises UnansweredError."""
        if not self.ready:
            raise UnansweredError("no worker is ready yet", code="no_worker", hint="Ask again in a moment.")
        self._questions = number = self._questions + 1
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"type": "ask", "number": number, "question": question, "data": data})
        try:
            async with asyncio.timeout(patience):
                return await self._asked[number]
        except TimeoutError:
            raise UnansweredError("the worker has not answered in time", code="no_worker") from None
        finally:
            del self._asked[number]

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.process.kill()

    async def run(self) -> None:
        """Until cancelled: a worker, and after its death the next."""
        pause = _SHORTEST
        while True:
            began = time.monotonic()
            try:
                cause = await self._one_life()
            except Exception:  # noqa: BLE001 - the supervisor's loop: a device is never left without a worker
                _log.exception("worker %s could not be looked after", self.name)
                cause = "could not be looked after"
            settled = self._was_ready or time.monotonic() - began > _SETTLED
            pause = pause_after(pause, settled=settled, unable=self._said is not None)
            self.restarts += 1
            self._tell(cause, pause)
            await asyncio.sleep(pause)

    def _tell(self, cause: str, pause: float) -> None:
        """Log a death; a reason for which no worker can start once, however often another is tried."""
        before, self.unable = self.unable, self._said
        if self.unable is None:
            _log.warning("worker %s %s; another is started in %.2f s", self.name, cause, pause)
        elif self.unable != before:
            told = "worker %s cannot start: %s [%s]. %s Others are tried, ever more rarely."
            _log.error(told, self.name, self.unable.message, self.unable.code, self.unable.hint or "")

    async def _one_life(self) -> str:
        """From start to death of one process. Returns how it died."""
        self._idle.clear()
        self._was_ready, self._said = False, None
        started, self._first = self._first or start(self._command), None
        self._process = process = await _opened(started)
        keeping = asyncio.create_task(self._keep())
        handing = asyncio.create_task(self._hand_out())
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self._hear(*await read_frame(process.reader))
        finally:
            self.ready = False
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(UnansweredError("the worker has died", code="no_worker"))
            keeping.cancel()
            handing.cancel()
            await asyncio.gather(keeping, handing, return_exceptions=True)
            self.kill()
            process.writer.close()
            code = await asyncio.to_thread(process.process.wait)
            self._process = None
        cause = _death(code)
        ticket, self._ticket = self._ticket, None
        if ticket is not None and not ticket.withdraw():  # it died while a job was on its way
            self.claim = await ticket.claim
        if self.claim is not None:
            claim = self._let_go()
            await self._flush(claim)
            await self._insist(self._desk.store.lost, claim.id, claim.fence, f"the worker {cause}")
        return cause

    async def _hear(self, message: JsonObject, blob: bytes) -> None:
        match message["type"]:
            case "ready":
                plugins = cast("JsonObject | None", message["plugins"])
                if plugins is not None:
                    await asyncio.to_thread(self._brought, plugins)
                self.ready = self._was_ready = True
                self.unable = None
                self.about = cast("JsonObject", message["about"])
                self._idle.set()
                return
            case "unable":
                hint = cast("str | None", message["hint"])
                self._said = Problem(str(message["code"]), str(message["message"]), hint=hint)
                return
            case "answer":
                self._answered(message)
                return
            case "beat":
                if self.claim is not None:
                    await self._beat(self.claim)
                return
        claim = self.claim
        if claim is None or (message["job"], message["fence"]) != (claim.id, claim.fence):
            return  # of a job that is no longer this worker's
        match message["type"]:
            case "happened":
                self._words += 1
                self._pending.append(Happening(str(message["what"]), cast("JsonObject", message["data"])))
                self._kept.set()
            case "progress" | "delivered" as kind:
                data = cast("JsonObject", message["data"])
                progress = Passing(claim.id, claim.client, data, blob, is_result=kind == "delivered")
                self._hub.pass_on(progress, (claim.attempt, self._words))
                self._watch(claim)
            case "ended":
                await self._end(claim, cast("End", message["state"]), cast("JsonObject", message["result"]))

    def _answered(self, message: JsonObject) -> None:
        waiting = self._asked.get(cast("int", message["number"]))
        if waiting is None or waiting.done():
            return  # whoever asked has gone
        refused = cast("dict[str, str]", message.get("refused"))
        if refused:
            waiting.set_exception(
                UnansweredError(refused["message"], code=refused["code"], hint=refused["hint"] or None)
            )
        else:
            waiting.set_result(cast("JsonObject", message["data"]))

    async def _end(self, claim: Claim, state: End, result: JsonObject) -> None:
        durable = state != "done" or _something_came_of(result)
        finish, blobs = self._desk.store.finish, _saved(result)
        async with self._writing:  # an ended job takes nothing in any more, not what the store could not keep at first
            told, self._pending = self._pending, []
            await self._insist(finish, claim.id, claim.fence, state, result, told, durable=durable, blobs=blobs)
        self._let_go()
        self._idle.set()

    def _let_go(self) -> Claim:
        claim, self.claim = self.claim, None
        assert claim is not None
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        return claim

    async def _beat(self, claim: Claim) -> None:
        if not await self._insist(self._desk.store.beat, claim.id, claim.fence) and self.claim is claim:
            self.kill()  # the job was taken from it

    async def _keep(self) -> None:
        """Write what happened; what comes while the store works goes with the next write."""
        while True:
            await self._kept.wait()
            await asyncio.sleep(GATHER)
            self._kept.clear()
            if self.claim is not None:
                await self._flush(self.claim)

    async def _flush(self, claim: Claim) -> None:
        async with self._writing:
            happenings, self._pending = self._pending, []
            if happenings:
                await self._insist(self._desk.store.record, claim.id, claim.fence, happenings)

    async def _insist(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Have the store do it, again and again while it cannot (a full disk): what happened to a job is not dropped."""
        while True:
            try:
                return await self._desk.do_unsettled(act, *arguments, **named)
            except StoreError as error:
                _log.warning("%s; tried again in %g s", error, AGAIN)
                await asyncio.sleep(AGAIN)

    async def _hand_out(self) -> None:
        while True:
            await self._idle.wait()
            self._idle.clear()
            self._ticket = self._desk.ask_for_job(self.name)
            claim = await asyncio.shield(self._ticket.claim)
            self._ticket = None
            self._begin(claim)

    def _begin(self, claim: Claim) -> None:
        self.claim = claim
        self._watched, self._words = False, 0
        self._watch(claim)
        self._send({"type": "job", "job": claim.id, "fence": claim.fence, "request": claim.request})
        if claim.time_limit is not None:
            self._clock = asyncio.get_running_loop().call_later(claim.time_limit, self._ring, claim)
        early, self._cancelled_early = self._cancelled_early, set()
        if claim.id in early:
            self._stop(claim)

    def _ring(self, claim: Claim) -> None:
        self._timing_out = asyncio.get_running_loop().create_task(self._time_out(claim))

    async def _time_out(self, claim: Claim) -> None:
        """The job's time is up."""
        if await self._insist(self._desk.store.time_out, claim.id, claim.fence) and self.claim is claim:
            self._stop(claim)

    def _stop(self, claim: Claim) -> None:
        """Ask for the job's end, and bring it about when it does not come."""
        self._send({"type": "cancel", "job": claim.id})
        asyncio.get_running_loop().call_later(PATIENCE, self._kill_if_still, claim)

    def _watch(self, claim: Claim) -> None:
        watched = self._hub.watched(claim.id, claim.client)
        if watched != self._watched:
            self._watched = watched
            self._send({"type": "watch", "on": watched})

    def _kill_if_still(self, claim: Claim) -> None:
        if self.claim is claim:
            self.kill()

    def _send(self, message: JsonObject) -> None:
        if self._process is not None and not self._process.writer.is_closing():
            self._process.writer.write(pack(message))


def pause_after(pause: float, *, settled: bool, unable: bool) -> float:
    """Seconds before the next worker, after the pause before the last: twice as long each time one does not get to work."""
    if settled and not unable:
        return _SHORTEST
    return min(pause * 2, _RARELY if unable else _LONGEST)


def _saved(result: JsonObject) -> dict[str, int]:
    """What the job's outputs are by content, with their sizes."""
    outputs = cast("dict[str, JsonObject]", result.get("outputs", {}))
    files = [file for one in outputs.values() for file in cast("list[JsonObject]", one.get("files", []))]
    return {str(file["digest"]): cast("int", file["bytes"]) for file in files if "digest" in file}


def _something_came_of(result: JsonObject) -> bool:
    """Whether any node computed or saved something, so that a second run would be work."""
    nodes = result.get("nodes")
    return not isinstance(nodes, dict) or nodes.get("ran") != 0


async def _opened(started: Started) -> _Process:
    reader, writer = await asyncio.open_connection(sock=started.connection)
    return _Process(started.process, reader, writer)


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
