"""The store against a model of it: nothing is lost, nothing ends twice, fences hold, events have no gaps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from graph.json import JsonObject
from server.jobs.database import FILE, LOCK, Database, SqliteDatabase, lock
from server.jobs.job import ENDS, Claim, End, Happening, JobEvent, Move, StoreError, Submission
from server.jobs.store import Limits, Store
from server.jobs.transactions import as_text


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Expected:
    """What the model knows of one job."""

    number: float
    position: int
    state: str = "queued"
    fence: int = 0
    attempts: int = 0
    cancelling: bool = False
    until: float = 0.0


LIMITS = Limits(attempts=3, lease=10.0, queued=3)


class StoreMachine(RuleBasedStateMachine):
    """Random clients, workers, crashes and time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.published: list[JobEvent] = []
        self.model: dict[str, Expected] = {}
        self.claims: list[Claim] = []
        self.accepted = 0
        self.open()

    def open(self) -> None:
        self.database: Database = SqliteDatabase(Path(self.folder.name))
        self.store = Store(self.database, limits=LIMITS, publish=self.published.extend, clock=self.clock)

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()

    @precondition(lambda self: self.accepted < 4)  # few jobs, so that each goes through much
    @rule(number=st.none() | st.integers(-3, 3), front=st.booleans())
    def accept(self, number: int | None, front: bool) -> None:
        name = f"job{self.accepted}"
        waiting = sum(one.state == "queued" for one in self.model.values())
        submission = Submission(name, "{}", name, number=number, front=front, key=f"key {name}")
        if waiting >= LIMITS.queued:
            with pytest.raises(StoreError, match="waiting"):
                self.store.accept(submission)
            return
        made = self.store.accept(submission)
        self.accepted += 1
        job = self.store.job(name)
        assert job is not None
        assert made.new
        assert made.job.number == (number if number is not None else job.position * (-1 if front else 1))
        self.model[name] = Expected(made.job.number, job.position)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def accept_again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        again = self.store.accept(Submission("another", "{}", name, key=f"key {name}"))
        assert (again.job.id, again.new) == (name, False)

    @rule()
    def claim(self) -> None:
        claim = self.store.claim("worker")
        waiting = [(one.number, one.position, name) for name, one in self.model.items() if one.state == "queued"]
        if not waiting:
            assert claim is None
            return
        assert claim is not None
        assert claim.id == min(waiting)[2]
        job = self.model[claim.id]
        job.state, job.fence, job.attempts = "running", job.fence + 1, job.attempts + 1
        job.until = self.clock.now + LIMITS.lease
        assert (claim.fence, claim.attempt) == (job.fence, job.attempts)
        self.claims.append(claim)

    def holds(self, claim: Claim) -> bool:
        job = self.model[claim.id]
        return job.state == "running" and job.fence == claim.fence

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), end=st.sampled_from(["done", "failed", "cancelled"]))
    def finish(self, data: st.DataObject, end: End) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        holds = self.holds(claim)
        assert self.store.finish(claim.id, claim.fence, end, {"fence": claim.fence}, [Happening("last")]) == holds
        if holds:
            self.model[claim.id].state = end

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        assert self.store.record(claim.id, claim.fence, [Happening("one"), Happening("two")]) == self.holds(claim)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def beat(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        assert self.store.beat(claim.id, claim.fence) == self.holds(claim)
        if self.holds(claim):
            self.model[claim.id].until = self.clock.now + LIMITS.lease

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model)))
        job = self.model[name]
        assert self.store.cancel(name) == job.state
        if job.state == "queued":
            job.state = "cancelled"
        elif job.state == "running":
            job.cancelling = True

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), replaced=st.booleans())
    def worker_dies(self, data: st.DataObject, replaced: bool) -> None:
        claim = data.draw(st.sampled_from(self.claims))
        if self.holds(claim):
            self.given_back(self.model[claim.id])
        self.store.lost(claim.id, claim.fence, "it died")
        if replaced:
            self.claim()

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        late = [name for name, one in self.model.items() if one.state == "running" and one.until < self.clock.now]
        assert sorted(self.store.expire()) == sorted(late)
        for name in late:
            self.given_back(self.model[name])

    @rule()
    def service_crashes(self) -> None:
        self.database.close()
        self.open()
        self.store.recover()
        for job in self.model.values():
            if job.state == "running":
                job.attempts -= 1
                self.given_back(job)

    @staticmethod
    def given_back(job: Expected) -> None:
        if job.cancelling:
            job.state = "cancelled"
        else:
            job.state = "quarantined" if job.attempts >= LIMITS.attempts else "queued"

    @invariant()
    def store_agrees(self) -> None:
        for name, expected in self.model.items():
            job = self.store.job(name)
            assert job is not None, "lost"
            assert (job.state, job.attempts) == (expected.state, expected.attempts)
            assert (job.ended is not None) == (expected.state in ENDS)

    @invariant()
    def events_are_whole(self) -> None:
        for name, expected in self.model.items():
            events = self.store.events(name)
            assert [one.sequence for one in events] == list(range(1, len(events) + 1))
            assert sum(one.type in ENDS for one in events) == (expected.state in ENDS)
            assert [one for one in self.published if one.job == name] == events


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = SqliteDatabase(tmp_path)
    yield Store(database)
    database.close()


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (Submission("b", "{}", "other", key="key"), "idempotency_key_reused"),
        (Submission("a", "{}", "other"), "job_id_taken"),
        (Submission("a", "{}", "same", key="another"), "job_id_taken"),
    ],
)
def test_a_key_or_id_belongs_to_one_job(store: Store, second: Submission, code: str) -> None:
    first = store.accept(Submission("a", "{}", "same", key="key"))
    assert store.accept(Submission("z", "{}", "same", key="key")).job.id == first.job.id
    with pytest.raises(StoreError) as refused:
        store.accept(second)
    assert refused.value.code == code


def test_a_job_that_costs_three_workers_their_lives_is_set_aside(store: Store) -> None:
    store.accept(Submission("poison", "{}", "poison"))
    states = []
    for _ in range(3):
        claim = store.claim("w")
        assert claim is not None
        store.lost("poison", claim.fence, "it died")
        job = store.job("poison")
        states.append(job.state if job else None)
    assert states == ["queued", "queued", "quarantined"]
    assert store.claim("w") is None


@pytest.mark.parametrize(("front", "order"), [((), "abc"), (("b",), "bac"), (("b", "c"), "cba"), (("a",), "abc")])
def test_jobs_run_in_line_and_front_goes_first(store: Store, front: tuple[str, ...], order: str) -> None:
    for name in "abc":
        store.accept(Submission(name, "{}", name, front=name in front))
    assert "".join(store.in_line()[1]) == order
    claims = [store.claim("w") for _ in order]
    assert "".join(one.id for one in claims if one) == order


def test_a_job_can_be_moved_while_it_waits(store: Store) -> None:
    for name in "abc":
        store.accept(Submission(name, "{}", name))
    store.move("c", Move(front=True))
    store.move("a", Move(number=99.0))
    assert store.in_line() == ([], ["c", "b", "a"])
    store.claim("w")
    with pytest.raises(StoreError) as refused:
        store.move("c", Move(number=5.0))
    assert refused.value.code == "job_not_waiting"


def test_history_is_in_the_order_of_the_ends(store: Store) -> None:
    for name in "abcd":
        store.accept(Submission(name, f'"{name}"', name))
    claims = {one.id: one for one in (store.claim("w") for _ in range(3)) if one}
    for name in "bca":
        store.finish(name, claims[name].fence, "done", {}, [])
    store.cancel("d")  # never began: no part of history

    def ids(limit: int = 100, offset: int | None = None) -> list[str]:
        return store.ended(limit=limit, offset=offset)

    assert ids() == ["b", "c", "a"]
    assert ids(limit=2) == ["c", "a"]
    assert ids(offset=1) == ["c", "a"]
    assert ids(limit=1, offset=1) == ["c"]
    assert store.forget(["c"]) == 1
    assert store.forget() == 3
    assert store.events("a") == []


def test_what_is_told_of_is_what_is_kept(tmp_path: Path) -> None:
    told: list[JobEvent] = []
    database = SqliteDatabase(tmp_path)
    store = Store(database, publish=told.extend)
    store.accept(Submission("a", "{}", "a"))
    claim = store.claim("cpu")
    assert claim is not None
    data: JsonObject = {"cached": ["x" * 1000], "é": 1}
    store.record("a", claim.fence, [Happening("started", data), Happening("node_started")])
    assert [(one.type, one.sequence, one.text) for one in told[2:]] == [
        ("started", 3, as_text(data)),
        ("node_started", 4, "{}"),
    ]
    assert store.events("a") == told
    database.close()


def test_pages_go_back_in_time(store: Store) -> None:
    for index in range(5):
        store.accept(Submission(f"{index}", "{}", f"{index}"))
    first = store.newest(("queued",), limit=2)
    second = store.newest(("queued",), limit=2, before=first[-1].position)
    assert [job.id for job in (*first, *second)] == ["4", "3", "2", "1"]


def test_one_service_at_a_time(tmp_path: Path) -> None:
    with lock(tmp_path / LOCK), pytest.raises(StoreError) as refused:
        SqliteDatabase(tmp_path)
    assert refused.value.code == "store_in_use"


def _damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _newer(path: Path) -> None:
    database = SqliteDatabase(path.parent)
    with database.connection.begin():
        database.connection.exec_driver_sql("PRAGMA user_version=99")
    database.close()


@pytest.mark.parametrize("spoil", [_damaged, _newer])
def test_a_file_that_cannot_be_used_is_refused_and_kept(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / FILE
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(StoreError) as refused:
        SqliteDatabase(tmp_path)
    assert refused.value.code == "store_unusable"
    assert refused.value.hint
    assert path.read_bytes() == before
