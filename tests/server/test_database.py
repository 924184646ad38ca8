"""Databases: one store on SQLite and PostgreSQL, tables brought up to date whole or not at all, one service at a time."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sqlite3
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import event, inspect
from sqlalchemy.engine import Connection, Engine

from server.jobs.database import FILE, Database, PostgresDatabase, SqliteDatabase, open_database
from server.jobs.desk import Desk
from server.jobs.job import Happening, JobEvent, StoreError, Submission
from server.jobs.migrations import STEPS, upgrade
from server.jobs.store import Store
from tests.server import postgres
from tests.server.test_jobs_store import LIMITS, Clock, StoreMachine

KINDS = ["sqlite", "postgresql"]


def opener(kind: str, folder: Path) -> Callable[[], Database]:
    """What opens the one database of a test, again and again."""
    return partial(SqliteDatabase, folder) if kind == "sqlite" else partial(PostgresDatabase, postgres.url())


class PostgresMachine(StoreMachine):
    """The model of the store, against PostgreSQL."""

    fresh = True

    def open(self) -> None:
        if self.fresh:
            self.url, self.fresh = postgres.url(), False
        self.database = PostgresDatabase(self.url)
        self.store = Store(self.database, limits=LIMITS, publish=self.published.extend, clock=self.clock)


TestPostgresMachine = PostgresMachine.TestCase
TestPostgresMachine.settings = settings(StoreMachine.TestCase.settings, max_examples=15)


@pytest.mark.parametrize("kind", KINDS)
def test_the_desk_keeps_tells_and_lends(tmp_path: Path, kind: str) -> None:
    told: list[JobEvent] = []

    async def run() -> None:
        with Desk(opener(kind, tmp_path), told.extend) as desk:
            ticket = desk.ask_for_job("w")
            accepted = [desk.do(desk.store.accept, Submission(name, "{}", name)) for name in "abc"]
            assert [one.job.id for one in await asyncio.gather(*accepted)] == ["a", "b", "c"]
            claim = await ticket.claim
            assert claim.id == "a"
            await desk.do_unsettled(desk.store.record, "a", claim.fence, [Happening("step", {"n": 1})])
            await desk.do_unsettled(desk.store.finish, "a", claim.fence, "done", {}, [], durable=False)
            await desk.do(desk.store.pause, True)
            saved = await desk.do(desk.store.workflows.save, "mine", "{}", "digest")
            assert saved.version == 1
            assert await desk.do(desk.store.counts) == {"queued": 2, "done": 1}

    asyncio.run(run())
    assert [one.type for one in told if one.job == "a"] == ["queued", "running", "step", "done"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("asked", "page", "total"),
    [
        ({}, "dcba", 4),
        ({"descending": False, "limit": 3}, "abc", 4),
        ({"limit": 2, "offset": 1}, "cb", 4),
        ({"offset": 9}, "", 4),
        ({"by": "duration"}, "badc", 4),
        ({"by": "duration", "descending": False}, "cdab", 4),
        ({"states": ["queued"]}, "dc", 2),
        ({"workflow": "mine"}, "da", 2),
        ({"workflow": "mine", "states": ["done"]}, "a", 1),
        ({"workflow": "no'body"}, "", 0),
    ],
)
def test_jobs_are_listed_by_page(tmp_path: Path, kind: str, asked: dict[str, Any], page: str, total: int) -> None:
    clock = Clock()
    database = opener(kind, tmp_path)()
    store = Store(database, wall=clock)
    for name, flow in (("a", "mine"), ("b", None), ("c", "other"), ("d", "mine")):
        store.accept(Submission(name, "{}", name, workflow=flow))
        clock.now += 1
    for seconds in (5, 9):
        claim = store.claim("w")
        assert claim is not None
        clock.now += seconds
        store.finish(claim.id, claim.fence, "done", {}, [])
    wanted: dict[str, Any] = {"states": ["queued", "done"], "limit": 100} | asked
    found = store.listed(**wanted)
    assert ("".join(job.id for job in found.jobs), found.total) == (page, total)
    assert all(job.workflow == {"a": "mine", "c": "other", "d": "mine"}.get(job.id) for job in found.jobs)
    database.close()


@pytest.mark.parametrize("kind", KINDS)
def test_one_service_at_a_time(tmp_path: Path, kind: str) -> None:
    opening = opener(kind, tmp_path)
    first = opening()
    with pytest.raises(StoreError) as refused:
        opening()
    assert refused.value.code == "store_in_use"
    first.close()
    opening().close()


STORES = Path(__file__).parent / "stores"
VERSIONS = range(1, 1 + len(STEPS))
"""Those that are no more made: of each there is an example in `stores`."""


def older(opening: Callable[[], Database], kind: str, version: int) -> None:
    """A database as an older version left it, with jobs in it."""
    database = _unopened(opening)
    with database.connection.begin():
        for name in (kind, "rows"):
            for statement in (STORES / str(version) / f"{name}.sql").read_text().splitlines():
                database.connection.exec_driver_sql(statement)
    database.close()


def _unopened(opening: Callable[[], Database]) -> Database:
    """The database without the current tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.jobs.database.upgrade", lambda _connection: None)
        return opening()


def described(database: Database) -> dict[str, object]:
    """Its tables, and it is closed."""
    found = inspect(database.connection)
    tables: dict[str, object] = {
        name: (
            {one["name"]: (str(one["type"]), one["nullable"]) for one in found.get_columns(name)},
            {str(one["name"]): one["column_names"] for one in found.get_indexes(name)},
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(str((one["constrained_columns"], one["referred_table"])) for one in found.get_foreign_keys(name)),
            sorted(str(one["column_names"]) for one in found.get_unique_constraints(name)),
        )
        for name in found.get_table_names()
    }
    database.connection.rollback()
    database.close()
    return tables


@pytest.mark.row("R19")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_old_tables_become_those_that_are_made_anew(tmp_path: Path, kind: str, version: int) -> None:
    anew = described(opener(kind, tmp_path / "anew")())
    opening = opener(kind, tmp_path / "older")
    older(opening, kind, version)
    assert described(opening()) == anew


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_step_that_breaks_off_leaves_the_old_tables(tmp_path: Path, kind: str, version: int) -> None:
    opening = opener(kind, tmp_path)
    older(opening, kind, version)

    def breaks_off(connection: Connection) -> None:
        STEPS[version - 1](connection)
        raise ZeroDivisionError

    before = described(_unopened(opening))
    database = _unopened(opening)
    with pytest.raises(ZeroDivisionError), database.connection.begin():
        upgrade(database.connection, (*STEPS[: version - 1], breaks_off))
    assert described(database) == before
    opening().close()


@pytest.mark.row("R19")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_killed_at_any_statement_a_database_is_old_or_new(tmp_path: Path, kind: str, version: int) -> None:
    new = described(opener(kind, tmp_path / "new")())
    opening = opener(kind, tmp_path / "killed")
    older(opening, kind, version)
    old = described(_unopened(opening))
    left: list[str] = []
    while _killed(opening, 1 + len(left)):
        left.append("old" if (found := described(_again(opening))) == old else "new" if found == new else "half")
    assert left == ["old"] * (len(left) - 1) + ["new"], "until the transaction is kept, and from then on"
    assert len(left) > 3 + len(STEPS) - version, "at the begin, each step, the version and the commit"
    database = opening()
    check_jobs(database, version)


def _killed(opening: Callable[[], Database], at: int) -> bool:
    """Open and upgrade it in a process that is killed at the statement of this number, commits and the end among them.
    Whether it came to that."""

    def act() -> None:
        left = at

        def passed(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(Engine, "before_cursor_execute", passed)
        event.listen(Engine, "commit", passed)
        opening()
        passed()
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=act)
    process.start()
    process.join()
    return process.exitcode == -signal.SIGKILL


def _again(opening: Callable[[], Database]) -> Database:
    """The database, without the current tables, once its server has seen that the last process is gone."""
    for _ in range(500):
        with contextlib.suppress(StoreError):
            return _unopened(opening)
        time.sleep(0.01)
    return _unopened(opening)


@pytest.mark.row("R19")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_jobs_of_an_older_version_go_on(tmp_path: Path, kind: str, version: int) -> None:
    opening = opener(kind, tmp_path)
    older(opening, kind, version)
    check_jobs(opening(), version)


def check_jobs(database: Database, version: int) -> None:
    """That the jobs of the example of this version are as they were, and go on. The database is closed."""
    store = Store(database)
    jobs = {name: store.job(name) for name in ("finished", "stopping", "waiting")}
    assert {name: (one.state, one.ending, one.priority, one.workflow) for name, one in jobs.items() if one} == {
        "finished": ("done", None, 0, "mine"),
        "stopping": ("running", "cancelled", 0, None),
        "waiting": ("queued", None, 0, None),
    }
    assert [one.id for one in store.listed(["done"], workflow="mine", limit=9).jobs] == ["finished"]
    store.recover()
    assert [one.type for one in store.events("stopping")] == ["queued", "cancelled"]
    assert [one.type for one in store.events("finished")] == ["queued", "done"]
    assert store.paused() == (version > 1)
    store.pause(False)
    claim = store.claim("w")
    assert claim is not None
    assert store.finish("waiting", claim.fence, "done", {}, [], blobs={"abc": 3})
    assert (store.workflows.latest("mine") is not None) == (version > 1)
    assert store.drop_blobs(0) == []
    database.close()


def test_tables_of_a_newer_version_are_left_alone(tmp_path: Path) -> None:
    SqliteDatabase(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("PRAGMA user_version=99")
    file.close()
    with pytest.raises(StoreError, match="newer"):
        SqliteDatabase(tmp_path)


@pytest.mark.parametrize("url", ["mysql://x/y", "postgresql://nobody@/nothing?host=/nowhere"])
def test_a_database_that_cannot_be_used_is_said_so(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError) as refused:
        open_database(tmp_path, url)
    assert refused.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@host:port/jobs",
        "postgresql://me:secret/jobs",
        "postgresql://me:secret@host:5432x/jobs",
    ],
)
def test_a_malformed_url_is_said_so_without_its_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match="cannot be read") as refused:
        open_database(tmp_path, url)
    assert refused.value.hint
    assert "secret" not in "".join(traceback.format_exception(refused.value))
