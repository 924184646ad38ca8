"""What the store keeps, as values: what was asked for, what became of it, and what happened in between.

    queued -> running -> done | failed | cancelled
                     \\-> queued (its worker was lost) -> ... -> quarantined (it cost several workers their lives)

The last four end a job, and an end never changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast

from graph.errors import GraphError
from graph.json import Json, JsonObject

State = Literal["queued", "running", "done", "failed", "cancelled", "quarantined"]
End = Literal["done", "failed", "cancelled"]

Ending = Literal["cancelled", "time_limit"]

ENDS: Final[tuple[State, ...]] = ("done", "failed", "cancelled", "quarantined")
OWN_WORDS: Final = frozenset(("queued", "moved", "running", "requeued", "cancelling", "timed_out", *ENDS))
"""What the store itself records of a job. Every other word is its worker's."""


class StoreError(GraphError):
    """The store refuses. Codes: `queue_full`, `idempotency_key_reused`, `job_id_taken`, `job_not_waiting`, `job_not_ended`,
    `unknown_job`, `store_in_use`, `store_full`, `store_unusable`."""

    code = "store_unusable"


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as asked for. `request` is what its worker needs to run it (JSON text) and the store never looks into it.

    A higher `priority` runs first (None is 0), and within one the lower `number`; None takes the next of a rising count, or
    its negative with `front`, as ComfyUI does. One that is to be `first` comes before all that wait, with the highest of
    their priorities, or before all of its own `priority`. Two submissions with one `key` are one job if their `fingerprint`s
    agree, and a refusal otherwise; the same holds for a chosen `id`. `time_limit` is in seconds, for each attempt;
    `workflow` is what an editor calls the workflow, by which its jobs can be found; `name` is for people, in lists.
    """

    id: str
    request: str
    fingerprint: str
    client: str | None = None
    number: float | None = None
    front: bool = False
    first: bool = False
    key: str | None = None
    priority: int | None = None
    time_limit: float | None = None
    workflow: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Another place for a waiting job: by its own `number` and `priority`; before all that wait (`front`), with the highest
    of their priorities, or before all of a `priority`; or next to another waiting job, whose priority it takes."""

    number: float | None = None
    priority: int | None = None
    front: bool = False
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A job lent to a worker. What the worker later says counts only while `fence` is the job's latest."""

    id: str
    fence: int
    request: str
    client: str | None
    attempt: int
    time_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are seconds since the epoch; `position` rises with every accepted job, `ended` with
    every job that ends. `ending` is how a running job is to end, `result` what its worker handed over."""

    id: str
    position: int
    state: State
    priority: int
    number: float
    client: str | None
    attempts: int
    created: float
    time_limit: float | None = None
    ending: Ending | None = None
    started: float | None = None
    finished: float | None = None
    ended: int | None = None
    result: JsonObject = field(default_factory=dict)
    workflow: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that a submission became, or had become before (`new` is false)."""

    job: Job
    new: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to be recorded of a job: a word and its facts."""

    type: str
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A recorded happening. `sequence` counts from 1 within its job, without gaps. `text` is its facts as the JSON that is
    kept and sent: thousands of events may wait for a listener, and most who listen only pass them on. One that ended the
    job and is told of as it happens has with it what became of the job."""

    job: str
    sequence: int
    time: float
    type: str
    text: str
    client: str | None = None
    ended: Job | None = field(default=None, compare=False)

    @property
    def data(self) -> JsonObject:
        """Its facts, read anew each time."""
        return cast("JsonObject", json.loads(self.text))
