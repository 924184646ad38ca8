"""What was measured, row by row, each with its own date and commit; kept as JSON, which the README's table is made from."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.server.cli import ROOT
from tests.torture.outcome import Outcome

KEPT: Final = ROOT / "docs" / "torture.json"
README: Final = ROOT / "README.md"
BEGIN, END = "<!-- measured by python -m tests.torture --readme -->", "<!-- end of what was measured -->"


@dataclass(frozen=True)
class Result:
    """One row as it was measured. `commit` is the one that was checked out; `full`: with the full number of trials."""

    row: str
    promise: str
    full: bool
    n: int
    faults: list[str]
    seconds: float
    date: str
    commit: str
    figures: dict[str, float] = field(default_factory=dict)


def result(row: str, promise: str, outcome: Outcome, *, full: bool) -> Result:
    """What was just measured here."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Result(
        row, promise, full, outcome.n, outcome.faults, outcome.seconds, now, commit(), outcome.figures
    )  # fmt: skip


def commit() -> str:
    """The commit checked out here, with a `+` if files differ from it; empty outside of a repository."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    return told.stdout.strip()


def read(path: Path) -> list[Result]:
    """The rows of a file; none if there is no file."""
    return [Result(**one) for one in json.loads(path.read_text())["rows"]] if path.exists() else []


def merge(path: Path, more: Iterable[Result]) -> None:
    """Put these rows into the file, in place of those of the same name. The others stay."""
    rows = {one.row: one for one in (*read(path), *more)}
    ordered = sorted(rows.values(), key=lambda one: int(one.row[1:]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": [asdict(one) for one in ordered]}, indent=2, ensure_ascii=False) + "\n")


def table(results: Iterable[Result]) -> str:
    """The rows for the README."""
    lines = ["| row | what is promised | trials | did not hold | figures | measured |", "|---|---|---:|---:|---|---|"]
    lines += [
        f"| {one.row} | {one.promise} | {one.n:,}{'' if one.full else ' (quick)'} | {len(one.faults)} "
        f"| {figures(one.figures)} | {one.date[:10]}, `{one.commit}` |"
        for one in results
    ]
    return "\n".join(lines)


def figures(told: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:,.10g}" for name, value in told.items())


def with_table(text: str, results: Iterable[Result]) -> str:
    """The README with the table in its place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"
