"""The store on its own thread, for the event loop to await.

Whatever is asked while the last transaction was under way goes into the next one together, and whatever was committed
while the disk was busy is settled by its next turn: many calls, one transaction, one wait for the disk. Two threads:

    writing:   takes what was asked, one transaction for all of it, commits          (a change survives the process)
    settling:  brings commits to the disk; then answers, and publishes what happened (a change survives the machine)

Clients are answered in the order of the commits, and not before the disk has everything that an answer may rest on:
also one that only looked, for it may have seen what is not settled yet. Workers are not made to wait: they may begin a
job while the disk takes it in. If the power fails then, nobody was told of the job, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from server.jobs.database import Database
from server.jobs.job import Claim, JobEvent, StoreError
from server.jobs.store import Limits, Store
from server.jobs.transactions import Publish

P = ParamSpec("P")
T = TypeVar("T")

LONGEST: Final = 0.005
"""Seconds of work that one transaction takes in: nobody waits long for others' changes."""
IDLE: Final = 1.0

_log = logging.getLogger("latentgraph.store")


@dataclass(slots=True)
class _Call:
    """Something to do in a transaction. `settled`: its answer waits for the disk."""

    act: Callable[[], Any]
    future: asyncio.Future[Any]
    settled: bool


@dataclass(slots=True)
class _Outcome:
    call: _Call
    value: object = None
    error: Exception | None = None

    def tell(self) -> None:
        """On the event loop."""
        if self.call.future.done():  # its caller was cancelled
            return
        if self.error is not None:
            self.call.future.set_exception(self.error)
        else:
            self.call.future.set_result(self.value)


@dataclass(slots=True)
class _Commit:
    """A committed transaction: who is to be told what."""

    outcomes: list[_Outcome]
    events: list[JobEvent] = field(default_factory=list)
    durable: bool = False


class Ticket:
    """A worker in wait of a job."""

    def __init__(self, worker: str, future: asyncio.Future[Claim]) -> None:
        self.worker, self.claim = worker, future
        self._lock = threading.Lock()
        self._granted = self._withdrawn = False

    def withdraw(self) -> bool:
        """Whether no job comes any more: False if one is on its way."""
        with self._lock:
            self._withdrawn = not self._granted
            return self._withdrawn

    def grant(self) -> bool:
        """Whether a job may be given, which then has to come."""
        with self._lock:
            self._granted = not self._withdrawn
            return self._granted

    def take_back(self) -> None:
        """There is no job after all."""
        with self._lock:
            self._granted = False


class Desk:
    """The one writer. A context manager, for use on the event loop on which it was opened; opening takes back what ran when
    the last service ended."""

    def __init__(self, opening: Callable[[], Database], publish: Publish, limits: Limits | None = None) -> None:
        self._opening, self._publish, self._limits = opening, publish, limits
        self._calls: queue.SimpleQueue[_Call | Ticket | None] = queue.SimpleQueue()
        self._commits: queue.SimpleQueue[_Commit | None] = queue.SimpleQueue()
        self._tickets: list[Ticket] = []
        self._lendable = True
        self._settling = 0
        self._counting = threading.Lock()
        self._broken: OSError | None = None

    def __enter__(self) -> Desk:
        self._loop = asyncio.get_running_loop()
        self._database = self._opening()
        try:
            self.store = Store(self._database, limits=self._limits)
            self.store.recover()
        except BaseException:
            self._database.close()
            raise
        self._threads = [
            threading.Thread(target=act, name=name, daemon=True)
            for name, act in (("store-writing", self._write), ("store-settling", self._settle))
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.put(None)
        for thread in self._threads:
            thread.join()
        self._database.close()

    async def do(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a method of the store; returns when the disk has what it did. A cancelled caller stops nothing."""
        return await self._ask(lambda: act(*arguments, **named), settled=True)

    async def do_unsettled(self, act: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The same, returning when the end of this process cannot undo it. For workers' business: clients are not to be
        told of the outcome."""
        return await self._ask(lambda: act(*arguments, **named), settled=False)

    def ask_for_job(self, worker: str) -> Ticket:
        """Put a worker in wait of a job. It gets the next one that is ready, in the transaction that makes it so."""
        ticket = Ticket(worker, self._loop.create_future())
        self._calls.put(ticket)
        return ticket

    async def _ask(self, act: Callable[[], T], *, settled: bool) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.put(_Call(act, future, settled))
        return await future

    # The writing thread

    def _write(self) -> None:
        written = False
        while True:
            try:
                asked = self._calls.get(timeout=IDLE if written else None)
            except queue.Empty:
                written = False
                self._tidy()
                continue
            if asked is None:
                self._commits.put(None)
                return
            for commit in self._kept([asked]):
                written |= bool(commit.events)
                self._pass_on(commit)

    def _kept(self, asked: list[_Call | Ticket]) -> Iterator[_Commit]:
        """Do this and what waits behind it in one transaction. If that cannot be kept, each in one of its own, so that none
        takes another with it."""
        calls: list[_Call] = []
        try:
            yield self._together(calls, asked)
        except Exception:  # noqa: BLE001 - the store's loop: whatever one call does, the others are done
            self._lendable = True
            for call in calls:
                yield self._alone(call)

    def _alone(self, call: _Call) -> _Commit:
        try:
            return self._together([], [call], more=False)
        except DBAPIError as error:
            return _Commit([_Outcome(call, error=_unkept(error))])
        except Exception as error:  # noqa: BLE001 - as above
            return _Commit([_Outcome(call, error=error)])

    def _together(self, calls: list[_Call], asked: list[_Call | Ticket], *, more: bool = True) -> _Commit:
        """One transaction of what is asked; with `more`, of what is asked meanwhile, too. `calls` are those begun. Raises
        what is no refusal."""
        until = time.monotonic() + LONGEST
        outcomes: list[_Outcome] = []
        try:
            with self.store.transactions.together() as change:
                while asked:
                    one = asked.pop(0)
                    if isinstance(one, Ticket):
                        self._tickets.append(one)
                    else:
                        calls.append(one)
                        outcomes.append(_done(one))
                    if more and not asked and time.monotonic() < until:
                        asked += self._next()
                self._lendable |= change.ready
                lent = list(self._lend())
        except BaseException:
            for ticket in self._tickets:  # what they were granted was not kept
                ticket.take_back()
            raise
        for ticket, claim in lent:
            self._tickets.remove(ticket)
            self._on_loop(partial(ticket.claim.set_result, claim))
        return _Commit(outcomes, change.recorded, change.durable)

    def _next(self) -> list[_Call | Ticket]:
        try:
            asked = self._calls.get_nowait()
        except queue.Empty:
            return []
        if asked is None:  # the end: to be found again when this transaction is done
            self._calls.put(None)
            return []
        return [asked]

    def _lend(self) -> Iterator[tuple[Ticket, Claim]]:
        """Jobs for the workers that wait, in the open transaction."""
        for ticket in list(self._tickets):
            if not self._lendable:
                return
            if not ticket.grant():
                self._tickets.remove(ticket)
                continue
            claim = self.store.claim(ticket.worker)
            if claim is not None:
                yield ticket, claim
            else:
                self._lendable = False
                ticket.take_back()

    def _pass_on(self, commit: _Commit) -> None:
        with self._counting:
            waits = commit.durable or self._settling > 0
            if waits:
                self._settling += 1
                self._commits.put(commit)
        early = [one for one in commit.outcomes if not one.call.settled]
        if early:
            self._on_loop(partial(_tell, early))
        if not waits:
            self._tell(commit)

    def _tidy(self) -> None:
        try:
            self._database.tidy()
        except (DBAPIError, sqlite3.Error):
            _log.warning("the store could not be tidied", exc_info=True)

    # The settling thread

    def _settle(self) -> None:
        ended = False
        while not ended:
            commits = [self._commits.get()]
            while not self._commits.empty():
                commits.append(self._commits.get())
            ended = commits[-1] is None
            whole = [one for one in commits if one is not None]
            if any(one.durable for one in whole):
                self._sync()
            for commit in whole:
                self._tell(commit)
            with self._counting:
                self._settling -= len(whole)

    def _sync(self) -> None:
        if self._broken is None:
            try:
                self._database.sync()
            except OSError as error:
                # What the disk has now cannot be known, and asking again would not tell: nothing is promised any more.
                _log.critical("the disk failed to keep the jobs; the service has to be started again", exc_info=True)
                self._broken = error

    def _tell(self, commit: _Commit) -> None:
        settled = [one for one in commit.outcomes if one.call.settled]
        if self._broken is not None:
            for outcome in settled:
                outcome.error = StoreError(f"the disk failed: {self._broken}", hint="Start the service again.")
            self._on_loop(partial(_tell, settled))
        elif settled or commit.events:
            self._on_loop(partial(self._deliver, commit.events, settled))

    def _deliver(self, events: list[JobEvent], outcomes: list[_Outcome]) -> None:
        if events:
            self._publish(events)
        _tell(outcomes)

    def _on_loop(self, act: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(act)


def _tell(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()


def _done(call: _Call) -> _Outcome:
    """A refusal is an outcome: it comes before anything is written."""
    try:
        return _Outcome(call, call.act())
    except StoreError as error:
        return _Outcome(call, error=error)


def _unkept(error: DBAPIError) -> StoreError:
    told = str(error.orig)
    if "full" in told or "No space" in told:
        return StoreError("the disk is full", code="store_full", hint="Free some space and send it again.")
    return StoreError(f"the store could not be written: {told}", hint="See the log of the service.")
