"""Keeps one worker process running and busy: starts it, hands it jobs, keeps what it tells, and replaces it when it dies.

The end of a worker's stream is its death, seen at once; a worker that is silent past its lease is killed. Either way its
job goes back to the store, which decides whether it waits again or has cost enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from graph.errors import GraphError
from graph.json import JsonObject
from server.jobs.desk import Desk
from server.jobs.job import Claim, End, Happening
from server.worker.frames import pack, read_frame
from server.worker.hub import Hub, Passing

PATIENCE: Final = 2.0
"""Seconds a cancelled job has to end by itself."""
_SHORTEST, _LONGEST, _SETTLED = 0.05, 5.0, 10.0
"""Seconds: pauses between restarts, and the age at which a worker counts as having started well."""

_log = logging.getLogger("latentgraph.worker")


class UnansweredError(GraphError):
    """A worker would not or could not answer. Code `no_worker` when there is none to ask."""

    code = "unanswered"


@dataclass(slots=True)
class _Process:
    """A worker process and our end of its socket."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Supervisor:
    """One worker, named by its device. `command` starts it and gets `--socket FD` appended."""

    def __init__(self, name: str, command: Sequence[str], desk: Desk, hub: Hub) -> None:
        self.name = name
        self.ready = False
        self.about: JsonObject = {}
        self.restarts = 0
        self.claim: Claim | None = None
        self._command, self._desk, self._hub = tuple(command), desk, hub
        self._work = asyncio.Event()
        self._kept = asyncio.Event()
        self._pending: list[Happening] = []
        self._process: _Process | None = None
        self._watched = False
        self._claiming: asyncio.Future[Claim | None] | None = None
        self._cancelled_early: set[str] = set()
        self._asked: dict[int, asyncio.Future[JsonObject]] = {}
        self._questions = 0

    @property
    def pid(self) -> int | None:
        return self._process.process.pid if self._process else None

    def wake(self) -> None:
        """There may be a job."""
        self._work.set()

    def cancel(self, job: str) -> None:
        """End the job if it runs here: ask first, then kill."""
        claim = self.claim
        if claim is None and self._claiming is not None:
            self._cancelled_early.add(job)
        if claim is None or claim.id != job:
            return
        self._send({"type": "cancel", "job": job})
        asyncio.get_running_loop().call_later(PATIENCE, self._kill_if_still, claim)

    def free(self) -> None:
        """Let the worker forget what it holds in memory, when it is idle."""
        self._send({"type": "free"})

    async def ask(self, question: str, data: JsonObject) -> JsonObject:
        """What the worker says to a question; it answers while it works. Raises UnansweredError."""
        if not self.ready:
            raise UnansweredError("no worker is ready yet", code="no_worker", hint="Ask again in a moment.")
        self._questions = number = self._questions + 1
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"type": "ask", "number": number, "question": question, "data": data})
        try:
            return await self._asked[number]
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
            cause = await self._one_life()
            pause = _SHORTEST if time.monotonic() - began > _SETTLED else min(pause * 2, _LONGEST)
            self.restarts += 1
            _log.warning("worker %s %s; another is started in %.2f s", self.name, cause, pause)
            await asyncio.sleep(pause)

    async def _one_life(self) -> str:
        """From start to death of one process. Returns how it died."""
        self._process = process = await _start(self._command)
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
            code = await process.process.wait()
            self._process = None
        cause = _death(code)
        if self._claiming is not None:  # it died while a job was being fetched for it
            self.claim, self._claiming = await self._claiming, None
        if self.claim is not None:
            claim, self.claim = self.claim, None
            await self._flush(claim)
            await self._desk.do(self._desk.store.lost, claim.id, claim.fence, cause)
        return cause

    async def _hear(self, message: JsonObject, blob: bytes) -> None:
        match message["type"]:
            case "ready":
                self.ready = True
                self.about = cast("JsonObject", message["about"])
                self.wake()
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
                self._pending.append(Happening(str(message["what"]), cast("JsonObject", message["data"])))
                self._kept.set()
            case "progress":
                self._hub.publish([Passing(claim.id, claim.client, cast("JsonObject", message["data"]), blob)])
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
        happenings, self._pending = self._pending, []
        await self._desk.do(self._desk.store.finish, claim.id, claim.fence, state, result, happenings)
        self.claim = None
        self.wake()

    async def _beat(self, claim: Claim) -> None:
        if not await self._desk.do(self._desk.store.beat, claim.id, claim.fence) and self.claim is claim:
            self.kill()  # the job was taken from it

    async def _keep(self) -> None:
        """Write what happened; what comes while the disk works goes with the next write."""
        while True:
            await self._kept.wait()
            self._kept.clear()
            if self.claim is not None:
                await self._flush(self.claim)

    async def _flush(self, claim: Claim) -> None:
        happenings, self._pending = self._pending, []
        if happenings:
            await self._desk.do(self._desk.store.record, claim.id, claim.fence, happenings)

    async def _hand_out(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if not self.ready or self.claim is not None:
                continue
            self._claiming = asyncio.ensure_future(self._desk.do(self._desk.store.claim, self.name))
            claim = await asyncio.shield(self._claiming)
            self._claiming = None
            early, self._cancelled_early = self._cancelled_early, set()
            if claim is None:
                continue
            self.claim = claim
            self._watched = False
            self._watch(claim)
            self._send({"type": "job", "job": claim.id, "fence": claim.fence, "request": claim.request})
            if claim.id in early:
                self.cancel(claim.id)

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


async def _start(command: Sequence[str]) -> _Process:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            *command, "--socket", str(theirs.fileno()), pass_fds=[theirs.fileno()], start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    ours.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=ours)
    return _Process(process, reader, writer)


def _death(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
