"""kill -9, silence, poison, full disks and spoilt files: every row in its quick form, and every broken rule caught by one.

The full forms are `make torture FULL=1`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.torture.breaking import MUTANTS
from tests.torture.driver import Driver, workflow
from tests.torture.results import KEPT, README, Result, merge, read, with_table
from tests.torture.rows import ROWS, Row

BY_ID = {row.id: row for row in ROWS}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row.id, marks=[pytest.mark.row("G-12")] if row.id == "R9" else []) for row in ROWS]
)
def test_a_promise_holds(tmp_path: Path, row: Row) -> None:
    found = row(tmp_path, row.quick)
    assert found.faults == []


CAUGHT = [
    ("answers_before_the_commit", "R2", 2),
    ("never_waits_for_the_disk", "R22", 4),
    ("drops_nobody", "R9", 30_000),
    ("is_always_ready", "R20", 1),
    ("forgets_what_ran", "R2", 1),
    ("knows_no_keys", "R1", 6),
    ("believes_anybody", "R4", 4),
    ("tries_for_ever", "R5", 1),
    ("writes_in_place", "R3", 10),
    ("cancels_whatever_runs", "R7", 10),
    ("skips_an_event", "R8", 3),
    ("gives_up_on_a_full_disk", "R10", 15),
    ("trusts_the_cache", "R11", 20),
]


def test_every_rule_that_can_be_broken_is() -> None:
    assert {mutant for mutant, _, _ in CAUGHT} == set(MUTANTS)


def test_every_row_is_in_its_quick_form_as_large_as_is_promised() -> None:
    """The column CI of section 2.4 of the contract."""
    at_least = {
        "R1": 60, "R2": 100 / 27, "R3": 40, "R4": 15, "R5": 10, "R6": 20, "R7": 100, "R8": 50, "R9": 50_000, "R10": 50,
        "R11": 100, "R12": 100, "R13": 5000, "R14": 2000, "R15": 1, "R16": 10, "R17": 4, "R18": 20, "R20": 10,
    }  # fmt: skip
    assert {name: BY_ID[name].quick for name, n in at_least.items() if BY_ID[name].quick < n} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "row", "n"), CAUGHT, ids=lambda one: str(one))
def test_a_broken_rule_is_caught(tmp_path: Path, mutant: str, row: str, n: int) -> None:
    try:
        found = BY_ID[row](tmp_path, n, mutant)
    except (AssertionError, OSError, TimeoutError, KeyError):
        return  # so broken that the row could not go on
    if found.figures.get("fillings of 16 MiB") == 0:
        pytest.skip("no file system can be mounted here")
    assert found.faults


def test_the_readme_shows_what_was_measured() -> None:
    """`python -m tests.torture --readme` writes it."""
    text = README.read_text()
    assert with_table(text, read(KEPT)) == text


def test_rows_measured_one_at_a_time_are_merged(tmp_path: Path) -> None:
    def measured(row: str, n: int, date: str) -> Result:
        return Result(row, "holds", full=True, n=n, faults=[], seconds=1.0, date=date, commit="c", figures={"ms": 2.5})

    path = tmp_path / "merged.json"
    merge(path, [measured("R10", 5, "2026-01-01")])
    merge(path, [measured("R2", 1, "2026-01-02"), measured("R10", 6, "2026-01-03")])
    assert [(one.row, one.n, one.date) for one in read(path)] == [("R2", 1, "2026-01-02"), ("R10", 6, "2026-01-03")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_orderly_end_leaves_the_rest_for_the_next_start(tmp_path: Path, number: signal.Signals) -> None:
    driver = Driver(tmp_path)
    driver.start()
    told = driver.ask("/api/v1/jobs", {"workflow": workflow(0)})
    assert driver.ended_by(number) == 0
    driver.start()
    assert driver.ask(f"/api/v1/jobs/{told['id']}?wait=60")["state"] == "done"
    driver.stop()
