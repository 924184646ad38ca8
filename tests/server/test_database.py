"""Databases: one store on SQLite and PostgreSQL, tables brought up to date whole or not at all, one service at a time."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sqlalchemy import MetaData, inspect
from sqlalchemy.engine import Connection

from server.jobs.database import FILE, Database, PostgresDatabase, SqliteDatabase, open_database
from server.jobs.desk import Desk
from server.jobs.job import Happening, JobEvent, StoreError, Submission
from server.jobs.migrations import STEPS, upgrade
from server.jobs.store import Store
from server.jobs.tables import METADATA
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
    texts = {
        name: json.dumps({"extra": {"extra_pnginfo": {"workflow": {"id": flow}}} if flow else {}})
        for name, flow in (("a", "mine"), ("b", None), ("c", "other"), ("d", "mine"))
    }
    for name, text in texts.items():
        store.accept(Submission(name, text, name))
        clock.now += 1
    for seconds in (5, 9):
        claim = store.claim("w")
        assert claim is not None
        clock.now += seconds
        store.finish(claim.id, claim.fence, "done", {}, [])
    wanted: dict[str, Any] = {"states": ["queued", "done"], "limit": 100} | asked
    found = store.listed(**wanted)
    assert ("".join(job.id for job, _ in found.jobs), found.total) == (page, total)
    assert all(flow == {"a": "mine", "c": "other", "d": "mine"}.get(job.id) for job, flow in found.jobs)
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


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_make_the_tables_that_are_declared(tmp_path: Path, kind: str) -> None:
    database = opener(kind, tmp_path)()
    made, declared = described(database.connection), MetaData()
    for table in METADATA.tables.values():
        table.to_metadata(declared)
    assert {name: columns for name, columns in made.items() if name != "store_version"} == {
        table.name: {column.name for column in table.columns} for table in declared.tables.values()
    }
    indexes = {one["name"] for one in inspect(database.connection).get_indexes("jobs")}
    assert {"jobs_line", "jobs_ended"} <= indexes
    database.connection.rollback()
    database.close()


def described(connection: Connection) -> dict[str, set[str]]:
    found = inspect(connection)
    return {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", range(1, len(STEPS)))
def test_a_step_that_breaks_off_leaves_the_old_tables(tmp_path: Path, kind: str, step: int) -> None:
    opening = opener(kind, tmp_path)
    older(opening, step)

    def breaks_off(connection: Connection) -> None:
        STEPS[step](connection)
        raise ZeroDivisionError

    database = _unopened(opening)
    before = described(database.connection)
    database.connection.rollback()
    with pytest.raises(ZeroDivisionError), database.connection.begin():
        upgrade(database.connection, (*STEPS[:step], breaks_off))
    assert described(database.connection) == before
    database.connection.rollback()
    database.close()
    opening().close()


def older(opening: Callable[[], Database], version: int) -> None:
    """A database as an older version left it, with jobs in it."""
    database = _unopened(opening)
    with database.connection.begin():
        upgrade(database.connection, STEPS[:version])
        database.connection.exec_driver_sql(
            "INSERT INTO jobs (id, state, number, fingerprint, request, created, fence, attempts, cancelling, recorded,"
            " result) VALUES ('old', 'running', 1, 'f', '{}', 0, 1, 1, true, 1, '{}')"
        )
        database.connection.exec_driver_sql("INSERT INTO events VALUES ('old', 1, 0, 'queued', '{}')")
    database.close()


def _unopened(opening: Callable[[], Database]) -> Database:
    """The database without the current tables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.jobs.database.upgrade", lambda _connection: None)
        return opening()


@pytest.mark.parametrize("kind", KINDS)
def test_jobs_of_an_older_version_go_on(tmp_path: Path, kind: str) -> None:
    opening = opener(kind, tmp_path)
    older(opening, 1)
    database = opening()
    store = Store(database)
    job = store.job("old")
    assert job is not None
    assert (job.state, job.ending, job.priority) == ("running", "cancelled", 0)
    store.recover()
    assert [one.type for one in store.events("old")] == ["queued", "cancelled"]
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
