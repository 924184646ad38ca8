"""What the store keeps, as values: what was asked for, what became of it, and what happened in between.

    queued -> running -> done | failed | cancelled
                     \\-> queued (its worker was lost) -> ... -> quarantined (it cost several workers their lives)

The last four end a job, and an end never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from graph.errors import GraphError
from graph.json import Json, JsonObject

State = Literal["queued", "running", "done", "failed", "cancelled", "quarantined"]
End = Literal["done", "failed", "cancelled"]

ENDS: Final[tuple[State, ...]] = ("done", "failed", "cancelled", "quarantined")


class StoreError(GraphError):
    """The store refuses. Codes: `queue_full`, `idempotency_key_reused`, `job_id_taken`, `store_in_use`, `store_unusable`."""

    code = "store_unusable"


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as asked for. `request` is what its worker needs to run it (JSON text) and the store never looks into it.

    Lower `number`s run first; None takes the next of a rising count, or its negative with `front`. Two submissions with
    one `key` are one job if their `fingerprint`s agree, and a refusal otherwise; the same holds for a chosen `id`.
    """

    id: str
    request: str
    fingerprint: str
    client: str | None = None
    number: float | None = None
    front: bool = False
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job that a submission became, or had become before (`new` is false)."""

    id: str
    number: float
    new: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A job lent to a worker. What the worker later says counts only while `fence` is the job's latest."""

    id: str
    fence: int
    request: str
    client: str | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are seconds since the epoch; `position` rises with every accepted job, `ended` with
    every job that ends. `result` is what its worker handed over."""

    id: str
    position: int
    state: State
    number: float
    client: str | None
    attempts: int
    cancelling: bool
    created: float
    started: float | None = None
    finished: float | None = None
    ended: int | None = None
    result: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something to be recorded of a job: a word and its facts."""

    type: str
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A recorded happening. `sequence` counts from 1 within its job, without gaps."""

    job: str
    sequence: int
    time: float
    type: str
    data: JsonObject
    client: str | None = None
