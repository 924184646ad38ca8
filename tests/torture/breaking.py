"""What is done to a process to see whether promises hold: it is killed at a named point, or one of its rules is broken.

Points and mutants are patches of named functions, applied as the process starts: the product has no switches for them.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

SERVICE_POINTS: Final = {
    "before the acceptance": ("server.jobs.store:Store.accept_all", "before"),
    "in the acceptance": ("server.jobs.store:Store._keep", "after"),
    "before a commit": ("server.jobs.database:SqliteDatabase.seal", "before"),
    "after a commit": ("server.jobs.desk:Desk._pass_on", "before"),
    "before the disk": ("server.jobs.database:SqliteDatabase.sync", "before"),
    "after the disk": ("server.jobs.database:SqliteDatabase.sync", "after"),
    "before telling": ("server.jobs.desk:Desk._deliver", "before"),
    "after telling": ("server.jobs.desk:Desk._deliver", "after"),
    "before a claim": ("server.jobs.store:Store.claim", "before"),
    "in a claim": ("server.jobs.store:Store.claim", "after"),
    "before handing out": ("server.worker.supervisor:Supervisor._begin", "before"),
    "after handing out": ("server.worker.supervisor:Supervisor._begin", "after"),
    "at a heartbeat": ("server.jobs.store:Store.beat", "after"),
    "recording": ("server.jobs.store:Store.record", "after"),
    "before the end": ("server.jobs.store:Store.finish", "before"),
    "in the end": ("server.jobs.store:Store.finish", "after"),
    "after the end": ("server.worker.supervisor:Supervisor._let_go", "before"),
    "in a checkpoint": ("server.jobs.database:SqliteDatabase.tidy", "before"),
    "in the removal": ("server.jobs.store:Store.drop_blobs", "after"),
    "in the recovery": ("server.jobs.store:Store._give_back", "after"),
    "in the migration": ("server.jobs.migrations:_set_version", "before"),
}
WORKER_POINTS: Final = {
    "in a node": ("graph.context:Context.progress", "before"),
    "before saving": ("nodes.saving:_publish", "before"),
    "after saving": ("nodes.saving:_publish", "after"),
    "before the result": ("server.worker.process:Telling.end", "before"),
    "after the result": ("server.worker.process:Telling.end", "after"),
    "writing the cache": ("graph.cache.disk:DiskStore._enter", "before"),
}


def apply(what: str) -> None:
    """`kill NAME@K` dies at the K-th time a point is passed; `mutant NAME` breaks a rule; `full FIRST STEP LAST` finds the
    disk full at these writes; others are names of what is done to a process. Several stand between bars."""
    for one in what.split("|") if what else ():
        kind, _, name = one.partition(" ")
        match kind:
            case "kill":
                point, _, count = name.rpartition("@")
                _kill_at((SERVICE_POINTS | WORKER_POINTS)[point], int(count))
            case "full":
                _full_at(*(int(number) for number in name.split()))
            case "mutant":
                MUTANTS[name]()
            case _:
                TRICKS[kind]()


def _kill_at(point: tuple[str, str], count: int) -> None:
    path, when = point
    owner, name = _found(path)
    original = getattr(owner, name)
    left = count

    def dies(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands in for any function
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dies)


def _found(path: str) -> tuple[Any, str]:
    module, _, inside = path.partition(":")
    owner: Any = import_module(module)
    *outer, name = inside.split(".")
    for one in outer:
        owner = getattr(owner, one)
    return owner, name


# What is done to a process that keeps all its rules


def _full_at(first: int, step: int, last: int) -> None:
    """The disk is full at the write of this number, counted over commits and files from when the service is open, and at
    every `step`-th after it, and the one behind it."""
    from sqlalchemy.exc import DBAPIError

    from graph import files
    from nodes import saving
    from server.jobs.database import SqliteDatabase
    from server.jobs.store import Store

    writes = 0

    def fails() -> bool:
        nonlocal writes
        writes += 1
        return (
            first <= writes <= last and (writes - first) % step < 2
        )  # what was refused together is tried once more, alone

    def full(original: Callable[..., Any], error: Callable[[], Exception]) -> Callable[..., Any]:
        def write(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands in for any function
            if fails():
                raise error()
            return original(*arguments, **named)

        return write

    def no_space() -> Exception:
        return OSError(errno.ENOSPC, "No space left on device")

    def no_page() -> Exception:
        return DBAPIError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))

    keep = Store._keep

    def first_kept(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands in for the store's own
        """A service that cannot write when it starts does not start: it is full only from the first job on."""
        Store._keep = keep  # type: ignore[method-assign]
        SqliteDatabase.seal = full(SqliteDatabase.seal, no_page)  # type: ignore[method-assign]
        return keep(*arguments, **named)

    Store._keep = first_kept  # type: ignore[method-assign]
    files._write = full(files._write, no_space)
    saving._publish = full(saving._publish, no_space)


SETTLED: Final = "settled"


def power() -> None:
    """The size to which the log was brought to the disk is written down, so that what came after can be taken away. Nothing
    is moved from the log into the database meanwhile."""
    from server.jobs import database

    sync, prepare = database._sync, database._prepare

    def counted(descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        sync(descriptor)
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}")).with_name(SETTLED)
        draft = path.with_suffix(".draft")
        draft.write_text(str(size))
        draft.replace(path)

    def growing(connection: Any, record: object) -> None:  # noqa: ANN401 - the driver's own
        prepare(connection, record)
        connection.execute("PRAGMA wal_autocheckpoint=0")

    database._sync = counted  # type: ignore[misc]
    database._prepare = growing  # type: ignore[assignment]
    database.SqliteDatabase.tidy = lambda self: None  # type: ignore[method-assign]


def clocks() -> None:
    """The wall clock jumps, and the one that leases go by runs ten times too fast."""
    from server.jobs.store import Store

    initial = Store.__init__
    choose = random.Random(18)
    began = time.monotonic()

    def wrong(self: Store, *arguments: Any, **named: Any) -> None:
        wall = partial(_jumping, choose)
        initial(self, *arguments, clock=lambda: began + (time.monotonic() - began) * 10, wall=wall, **named)

    Store.__init__ = wrong  # type: ignore[method-assign]


def _jumping(choose: random.Random) -> float:
    return time.time() + choose.choice([0.0, choose.uniform(-3600, 3600)])


HANG: Final = "hang"


def hang() -> None:
    """While there is a file `hang` beside the folders, no job is handed out; a tenth of the time is a long one."""
    from server.http import health, metrics
    from server.jobs.desk import Desk

    lend = Desk._lend
    stop = Path(sys.argv[sys.argv.index("--folder") + 1]) / HANG

    def not_now(self: Desk) -> Any:  # noqa: ANN401 - the desk's own
        return iter(()) if stop.exists() else lend(self)

    Desk._lend = not_now  # type: ignore[method-assign]
    health.STUCK = metrics.STUCK = metrics.STUCK / 10  # type: ignore[attr-defined, misc]


TRICKS: Final[dict[str, Callable[[], None]]] = {one.__name__: one for one in (power, clocks, hang)}


# Rules broken one at a time


def answers_before_the_commit() -> None:
    """Clients are answered while their job is not yet committed."""
    from server.jobs import desk

    done = desk._done

    def early(call: Any) -> Any:  # noqa: ANN401 - the desk's own
        outcome = done(call)
        call.future.get_loop().call_soon_threadsafe(outcome.tell)
        time.sleep(0.03)
        return outcome

    desk._done = early


def never_waits_for_the_disk() -> None:
    """Clients are answered when the operating system has the commit."""
    from server.jobs.database import SqliteDatabase

    SqliteDatabase.sync = lambda self: None  # type: ignore[method-assign]


def forgets_what_ran() -> None:
    """A service that starts leaves the jobs alone that ran when the last one ended."""
    from server.jobs.store import Store

    Store.recover = lambda self: []  # type: ignore[method-assign]


def knows_no_keys() -> None:
    """A repeated submission is a new job."""
    from server.jobs.store import Store

    keep = Store._keep

    def keyless(self: Store, change: Any, submission: Any) -> Any:  # noqa: ANN401 - the store's own
        from dataclasses import replace

        return keep(self, change, replace(submission, key=None))

    Store._keep = keyless  # type: ignore[method-assign]


def believes_anybody() -> None:
    """A worker whose job was taken from it may still end it."""
    from sqlalchemy import bindparam, update

    from server.jobs import statements, store
    from server.jobs.queries import COLUMNS
    from server.jobs.tables import JOBS

    anybody = update(JOBS).where(JOBS.c.id == bindparam("of_job"), bindparam("of_fence") == bindparam("of_fence"))
    store.FINISH_HELD = anybody.values(statements.END).returning(*COLUMNS, JOBS.c.recorded)  # type: ignore[attr-defined]


def tries_for_ever() -> None:
    """A job may cost any number of workers their lives."""
    from server.jobs.store import Store

    initial = Store.__init__

    def patient(self: Store, *arguments: Any, **named: Any) -> None:
        initial(self, *arguments, **named)
        self._limits = type(self._limits)(10**6, self._limits.lease, self._limits.queued)

    Store.__init__ = patient  # type: ignore[method-assign]


def writes_in_place() -> None:
    """A file has its name before it has its content."""
    from nodes import saving

    def torn(temporary: Path, path: Path) -> bool:
        if path.exists():
            return False
        data = temporary.read_bytes()
        with open(path, "wb", buffering=0) as file:
            for byte in data:
                file.write(bytes([byte]))
                time.sleep(0.02)
        return True

    saving._publish = torn


def cancels_whatever_runs() -> None:
    """A cancel ends every running job."""
    from server.worker.supervisor import Supervisor

    def all_of_them(self: Supervisor, _job: str) -> None:
        if self.claim is not None:
            self._stop(self.claim)

    Supervisor.cancel = all_of_them  # type: ignore[assignment, method-assign]


def skips_an_event() -> None:
    """Who comes back misses the first event after the last one seen."""
    from server.jobs.store import Store

    whole = Store.events

    def short(self: Store, job: str, *, after: int = 0) -> Any:  # noqa: ANN401 - the store's own
        return whole(self, job, after=after + 1 if after else 0)

    Store.events = short  # type: ignore[assignment, method-assign]


def drops_nobody() -> None:
    """A client that does not read keeps everything waiting for it."""
    from server.worker import hub

    hub.MOST_WAITING = hub.MOST_BYTES = 10**12  # type: ignore[misc]


def gives_up_on_a_full_disk() -> None:
    """What could not be written once is dropped."""
    from server.jobs.job import StoreError
    from server.worker.supervisor import Supervisor

    async def once(self: Supervisor, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        try:
            return await self._desk.do_unsettled(act, *arguments, **named)
        except StoreError:
            return True

    Supervisor._insist = once  # type: ignore[method-assign]


def is_always_ready() -> None:
    """A service that gets nowhere says nothing of it."""
    from server.http import health, metrics

    health.STUCK = metrics.STUCK = 1e9  # type: ignore[attr-defined, misc]


def trusts_the_cache() -> None:
    """What the cache's disk holds is not checked."""
    from graph.cache import disk

    disk._checksum = lambda data: "same"  # noqa: ARG005 - every content has the same


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    one.__name__: one
    for one in (
        answers_before_the_commit,
        never_waits_for_the_disk,
        forgets_what_ran,
        knows_no_keys,
        believes_anybody,
        tries_for_ever,
        writes_in_place,
        cancels_whatever_runs,
        skips_an_event,
        drops_nobody,
        gives_up_on_a_full_disk,
        trusts_the_cache,
        is_always_ready,
    )
}
