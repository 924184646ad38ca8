"""What the service answers, as values: jobs, events, outputs; and its refusals, as errors."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from graph.errors import GraphError, Problem
from graph.json import Json, JsonObject

T = TypeVar("T")

ENDS: Final = ("done", "failed", "cancelled", "quarantined")


class ClientError(GraphError):
    """Base of what the client raises. Its text says what to do, too: in a script nobody else does."""

    def __str__(self) -> str:
        return f"{super().__str__()}. {self.hint}" if self.hint else super().__str__()


class ServiceError(ClientError):
    """The service refused: `status` and `code` as it gave them, and every problem it found."""

    def __init__(self, status: int, code: str, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail, code=code, hint=problems[0].hint if problems else None)
        self.status, self.problems = status, tuple(problems)


class UnreachableError(ClientError):
    """No service answered."""

    code = "unreachable"


class JobFailedError(ClientError):
    """The job has ended otherwise than done. `job` says how."""

    code = "job_failed"

    def __init__(self, job: Job) -> None:
        error = job.error or {}
        message = f"job {job.id} is {job.state}: {error.get('message', '')}".rstrip(": ")
        super().__init__(message, code=job.state, hint=cast("str | None", error.get("hint")))
        self.job = job


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a job has saved: by which node, in which folder under which name, and where to fetch it."""

    node: str
    folder: str
    name: str
    bytes: int
    url: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stood when it was asked for. `raw` is all that the service told."""

    id: str
    state: str
    outputs: tuple[Output, ...] = ()
    texts: Mapping[str, Json] = field(default_factory=dict)
    error: JsonObject | None = None
    raw: JsonObject = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        return self.state in ENDS


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job. What is kept has a `sequence` number; progress has none."""

    type: str
    data: JsonObject
    sequence: int | None = None
    time: float | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that is now in the folder `input`: its name is what a LoadImage takes."""

    name: str
    bytes: int
    sha256: str


def refusal(error: urllib.error.HTTPError) -> ServiceError:
    try:
        told = json.loads(error.read())
        return ServiceError(error.code, told["code"], told["detail"], problems_of(told.get("problems", [])))
    except (ValueError, KeyError, TypeError):
        return ServiceError(error.code, f"http_{error.code}", str(error.reason))


def answered(kind: type[T], body: bytes, url: str) -> T:
    """The answer. Raises UnreachableError (code not_latentgraph) where it can be none of ours."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, kind):
        hint = "Is it the address of a latentgraph service, and does nothing in between answer for it?"
        raise UnreachableError(f"what {url} answered is not what it is asked for", code="not_latentgraph", hint=hint)
    return told


def problems_of(told: Json) -> list[Problem]:
    return [Problem(**one) for one in cast("list[dict[str, Any]]", told)]


def job_of(told: JsonObject) -> Job:
    outputs = [
        Output(*(cast("Any", one[name]) for name in ("node", "folder", "name", "bytes", "url")))
        for one in cast("list[JsonObject]", told["outputs"])
    ]
    error = cast("JsonObject | None", told["error"])
    return Job(str(told["id"]), str(told["state"]), tuple(outputs), cast("JsonObject", told["texts"]), error, told)
