"""How tables of an older version become the present ones: numbered steps, all in one transaction, so that a database has
the old tables or the new and never half of either. Where there are none, those of `tables.py` are made.

A step is written once and never changed: what it adds is spelled out here, not taken from `tables.py`, which moves on. That
both ways lead to the same tables is tested, from a database of every version (`tests/server/stores`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.engine import Connection

from server.jobs.job import StoreError
from server.jobs.tables import METADATA


def _second(connection: Connection) -> None:
    """Priorities, time limits, how a job is to end; settings of the queue; workflows with versions; blobs."""
    for statement in (
        "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN time_limit FLOAT",
        "ALTER TABLE jobs ADD COLUMN ending VARCHAR",
        "UPDATE jobs SET ending = 'cancelled' WHERE cancelling",
        "ALTER TABLE jobs DROP COLUMN cancelling",
        "DROP INDEX jobs_queue",
        "CREATE INDEX jobs_line ON jobs (state, priority DESC, number, position)",
    ):
        connection.execute(text(statement))
    made = MetaData()
    Table("jobs", made, Column("id", String, primary_key=True))  # for the reference; it exists
    Table(
        "settings",
        made,
        Column("name", String, primary_key=True),
        Column("value", String, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "workflows",
        made,
        Column("name", String, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("document", Text),
        Column("digest", String, nullable=False),
        Column("created", Float, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "blobs",
        made,
        Column("digest", String, primary_key=True),
        Column("bytes", BigInteger, nullable=False),
        Column("created", Float, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "job_blobs",
        made,
        Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        Column("digest", String, ForeignKey("blobs.digest"), primary_key=True),
        Index("job_blobs_digest", "digest"),
        sqlite_with_rowid=False,
    )
    made.create_all(connection)


def _third(connection: Connection) -> None:
    """The id of the workflow beside the request in which it stands, to find jobs by."""
    connection.execute(text("ALTER TABLE jobs ADD COLUMN workflow VARCHAR"))
    for statement in _WORKFLOW_IDS[connection.dialect.name]:
        connection.execute(text(statement))
    connection.execute(text("CREATE INDEX jobs_workflow ON jobs (workflow, created, position)"))


_WORKFLOW_IDS: Final = {
    "sqlite": (
        "UPDATE jobs SET workflow = json_extract(request, '$.extra.extra_pnginfo.workflow.id')"
        " WHERE json_type(request, '$.extra.extra_pnginfo.workflow.id') = 'text'",
        "UPDATE jobs SET workflow = NULL WHERE length(workflow) > 200",
    ),
    "postgresql": (
        "UPDATE jobs SET workflow = json_extract_path_text(request\\:\\:json, 'extra', 'extra_pnginfo', 'workflow', 'id')"
        " WHERE json_typeof(json_extract_path(request\\:\\:json, 'extra', 'extra_pnginfo', 'workflow', 'id')) = 'string'",
        "UPDATE jobs SET workflow = NULL WHERE length(workflow) > 200",
    ),
}


def _fourth(connection: Connection) -> None:
    """What lists call a job. Those that were kept before have no name."""
    connection.execute(text("ALTER TABLE jobs ADD COLUMN name VARCHAR"))


STEPS: Final[tuple[Callable[[Connection], None], ...]] = (_second, _third, _fourth)
"""They make version 2 of the tables out of version 1, and so on."""


def upgrade(connection: Connection, steps: tuple[Callable[[Connection], None], ...] = STEPS) -> None:
    """Bring the tables to the current version, in the caller's transaction. Raises StoreError for newer ones."""
    found, current = _version(connection), 1 + len(steps)
    if found > current:
        raise StoreError(
            f"the jobs were kept by a newer latentgraph (version {found} of the tables, {current} is known here)",
            hint="Start that one, or choose another folder with --user.",
        )
    if found == current:
        return
    if found == 0:
        METADATA.create_all(connection)
    for step in steps[found - 1 :] if found else ():
        step(connection)
    _set_version(connection, current)


def _version(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    connection.execute(text("CREATE TABLE IF NOT EXISTS store_version (version INTEGER NOT NULL)"))
    return int(connection.execute(text("SELECT COALESCE(MAX(version), 0) FROM store_version")).scalar_one())


def _set_version(connection: Connection, version: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version={version}")
        return
    connection.execute(text("DELETE FROM store_version"))
    connection.execute(text("INSERT INTO store_version VALUES (:version)"), {"version": version})
