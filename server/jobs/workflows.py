"""Every version of every workflow that was ever saved. What is current lies in the user's folder as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, insert, select

from server.jobs.tables import WORKFLOWS
from server.jobs.transactions import Transactions

_VERSION: Final = (WORKFLOWS.c.name, WORKFLOWS.c.version, WORKFLOWS.c.digest, WORKFLOWS.c.created)


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `digest` is of its text, empty for a deletion; `created` in seconds since the epoch."""

    name: str
    version: int
    digest: str
    created: float


class WorkflowVersions:
    """Versions count from 1 for each name and never change."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def save(self, name: str, text: str | None, digest: str) -> Version:
        """Keep a text (None: that it was deleted) as the latest version, unless it is that already."""
        with self._transactions.change() as change:
            latest = self.latest(name)
            if latest is not None and latest.digest == digest:
                return latest
            made = Version(name, 1 if latest is None else latest.version + 1, digest, change.now)
            row = {"name": name, "version": made.version, "document": text, "digest": digest, "created": change.now}
            change.connection.execute(insert(WORKFLOWS), row)
            return made

    def latest(self, name: str) -> Version | None:
        """The newest version, a deletion too; None for a name that was never saved."""
        found = self.all(name, limit=1)
        return found[0] if found else None

    def all(self, name: str, *, limit: int = 1000) -> list[Version]:
        """The versions, the newest first."""
        asked = select(*_VERSION).where(WORKFLOWS.c.name == name).order_by(WORKFLOWS.c.version.desc()).limit(limit)
        with self._transactions.reading() as connection:
            return [Version(*row) for row in connection.execute(asked)]

    def text(self, name: str, version: int) -> str | None:
        """The text of a version; None if there is no such version, or it is a deletion."""
        asked = select(WORKFLOWS.c.document).where(WORKFLOWS.c.name == name, WORKFLOWS.c.version == version)
        with self._transactions.reading() as connection:
            return connection.execute(asked).scalar()

    def counts(self) -> dict[str, int]:
        """How many versions each name has."""
        asked = select(WORKFLOWS.c.name, func.max(WORKFLOWS.c.version)).group_by(WORKFLOWS.c.name)
        with self._transactions.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(asked)}
