"""The client: each call waits for its answer."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from graph.errors import Problem
from graph.json import Json, JsonObject
from server.client.answers import (
    ENDS,
    Event,
    Job,
    JobFailedError,
    Output,
    UnreachableError,
    Upload,
    answered,
    job_of,
    problems_of,
    refusal,
)

URL: Final = "http://127.0.0.1:8188"

_TRIES: Final = 4
_LONGEST_WAIT: Final = 50
_GLANCE: Final = 0.1
_LOST: Final = (urllib.error.URLError, ConnectionError, TimeoutError, HTTPException)


class Client:
    """One service. Safe to share between threads: it holds nothing but where to ask and how."""

    def __init__(self, url: str = URL, *, token: str | None = None, patience: float = 30.0) -> None:
        """`url` may lack its `http://`; `token` is for a service that asks for one (default: LATENTGRAPH_TOKEN); `patience`
        are the seconds that one answer may take."""
        self._url, self._patience = (url if "://" in url else f"http://{url}").rstrip("/"), patience
        self._token = token or os.environ.get("LATENTGRAPH_TOKEN")
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def submit(
        self,
        workflow: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        targets: Sequence[str] | None = None,
        front: bool = False,
        time_limit: float | None = None,
        key: str | None = None,
    ) -> Job:
        """Have a workflow of any form run; `time_limit` are the seconds that an attempt may take (`math.inf` as none: no
        limit). Returns at once, with the job accepted for good. Raises ServiceError with every fault of the workflow."""
        body: dict[str, Any] = {"workflow": workflow, "parameters": parameters or {}, "front": front}
        if targets is not None:
            body["targets"] = list(targets)
        return self._submitted("/api/v1/jobs", body | _limited(time_limit), key)

    def run(self, name: str, /, **parameters: Json) -> Job:
        """Have a saved workflow run with these values of its parameters."""
        return self.submit_saved(name, parameters)

    def submit_saved(
        self, name: str, parameters: Mapping[str, Any], *, time_limit: float | None = None, key: str | None = None
    ) -> Job:
        """The same, with a `time_limit` as in `submit`; sent again with its `key` it is the same job."""
        body = {"parameters": parameters} | _limited(time_limit)
        return self._submitted(f"/api/v1/workflows/{quote(name)}/jobs", body, key)

    def job(self, job: Job | str) -> Job:
        """A job as it stands now."""
        return job_of(self._json("GET", f"/api/v1/jobs/{_id(job)}"))

    def jobs(self, *states: str) -> Iterator[Job]:
        """Jobs in these states (all, without any), the latest first; asked for page by page."""
        before: Json = None
        while True:
            query = {"state": ",".join(states), **({"before": before} if before is not None else {})}
            page = self._json("GET", f"/api/v1/jobs?{urlencode(query)}")
            for one in cast("list[JsonObject]", page["jobs"]):
                yield job_of(one)
            before = page["next"]
            if before is None:
                return

    def wait(self, job: Job | str, seconds: float | None = None) -> Job:
        """The job when it has ended, or as it is when the time is up."""
        end = math.inf if seconds is None else time.monotonic() + seconds
        while True:
            left = max(end - time.monotonic(), 0.0)
            whole = math.floor(min(left, _LONGEST_WAIT))  # the service waits whole seconds; the rest is waited for here
            found = job_of(self._json("GET", f"/api/v1/jobs/{_id(job)}?wait={whole}", patience=self._patience + whole))
            left = end - time.monotonic()
            if found.ended or left <= 0:
                return found
            if left < 1:
                time.sleep(min(left, _GLANCE))

    def result(self, job: Job | str, seconds: float | None = None) -> Job:
        """The job when it is done. Raises JobFailedError for any other end, TimeoutError when the time is up."""
        found = self.wait(job, seconds)
        if not found.ended:
            raise TimeoutError(f"job {found.id} is still {found.state}")
        if found.state != "done":
            raise JobFailedError(found)
        return found

    def events(self, job: Job | str, after: int = 0) -> Iterator[Event]:
        """What happens to a job, from the beginning or after a sequence number to its end. A lost connection is taken up
        where it broke."""
        tries, ended = 0, False
        while True:
            try:
                for event in self._stream(_id(job), after):
                    tries = 0
                    after = event.sequence or after
                    yield event
                    if event.type in ENDS:
                        return
                if ended:
                    return
                ended, tries = self.job(job).ended, 0  # once more: its end may have come after the stream's
            except (*_LOST, UnreachableError) as error:
                tries += 1
                if tries >= _TRIES:
                    raise UnreachableError(f"{self._url} is gone: {error}") from None
            time.sleep(0.2 * 2**tries)

    def cancel(self, job: Job | str) -> Job:
        """End a job. Repeating it, or a job that has ended, changes nothing."""
        return job_of(self._json("POST", f"/api/v1/jobs/{_id(job)}/cancel"))

    def retry(self, job: Job | str, *, time_limit: float | None = None) -> Job:
        """The same request anew, as a job of its own: with its time limit, or with another (`math.inf` for none)."""
        limit = {"time_limit": None} if time_limit == math.inf else _limited(time_limit)
        return job_of(self._json("POST", f"/api/v1/jobs/{_id(job)}/retry", limit))

    def fetch(self, output: Output) -> bytes:
        """The content of a file that a job has saved."""
        return self._bytes("GET", output.url)

    def save(self, output: Output, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the file into a folder of this machine, under its own name; where that is taken, as browsers do, under
        `name (1).png` and so on, unless the other is to be overwritten. Returns the path."""
        path = Path(folder) / Path(output.name).name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.fetch(output)
        if overwrite:
            path.write_bytes(content)
            return path
        return _written(path, content)

    def upload(self, file: str | Path | bytes, name: str | None = None, *, overwrite: bool = False) -> Upload:
        """Put a file into the folder `input`. Bytes need a name."""
        content = file if isinstance(file, bytes) else Path(file).read_bytes()
        called = name or ("" if isinstance(file, bytes) else Path(file).name)
        query = urlencode({"name": called, "overwrite": str(overwrite).lower()})
        answer = self._bytes("POST", f"/api/v1/uploads?{query}", content, kind="application/octet-stream")
        told = answered(dict, answer, self._url)
        return Upload(told["name"], told["bytes"], told["sha256"])

    def workflows(self) -> list[str]:
        """The names of the saved workflows."""
        return answered(list, self._bytes("GET", "/api/v1/workflows"), self._url)

    def workflow(self, name: str) -> JsonObject:
        """One saved workflow: `document`, and the JSON Schema of its `parameters`."""
        return self._json("GET", f"/api/v1/workflows/{quote(name)}")

    def validate(self, workflow: Mapping[str, Any]) -> list[Problem]:
        """Every problem of a workflow; none if it can run."""
        told = self._json("POST", "/api/v1/validate", {"workflow": workflow})
        return problems_of(told["problems"])

    def plan(self, workflow: Mapping[str, Any]) -> JsonObject:
        """What would run, and why, without running it."""
        return self._json("POST", "/api/v1/plan", {"workflow": workflow})

    def _submitted(self, path: str, body: Mapping[str, Any], key: str | None) -> Job:
        return job_of(
            self._json("POST", path, body, headers={"Idempotency-Key": key or uuid.uuid4().hex}, tries=_TRIES)
        )

    def _stream(self, job: str, after: int) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream"}
        with self._open("GET", f"/api/v1/jobs/{job}/events?after={after}", headers=headers, patience=3600) as answer:
            for line in answer:
                if line.startswith(b"data: "):
                    told = json.loads(line[6:])
                    yield Event(told["type"], told["data"], told.get("sequence"), told.get("time"))

    def _json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
        tries: int = 1,
    ) -> JsonObject:
        data = None if body is None else json.dumps(body).encode()
        for again in range(tries):
            try:
                with self._open(method, path, data, headers=headers or {}, patience=patience) as answer:
                    return answered(dict, answer.read(), self._url)
            except _LOST as error:
                if again == tries - 1:
                    raise UnreachableError(
                        f"{self._url} does not answer: {error}", hint="Is the service started?"
                    ) from None
                time.sleep(0.2 * 2**again)
        raise AssertionError("the last try returns or raises")

    def _bytes(self, method: str, path: str, body: bytes | None = None, *, kind: str = "application/json") -> bytes:
        try:
            with self._open(method, path, body, headers={"Content-Type": kind}) as answer:
                return answer.read()
        except _LOST as error:
            raise UnreachableError(f"{self._url} does not answer: {error}", hint="Is the service started?") from None

    def _open(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str],
        patience: float | None = None,
    ) -> HTTPResponse:
        """The answer, open. Raises ServiceError for a refusal."""
        request = urllib.request.Request(f"{self._url}{path}", body, method=method)
        usual = {"Content-Type": "application/json"} if body is not None else {}
        for name, value in {**usual, **headers}.items():
            request.add_header(name, value)
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            return cast("HTTPResponse", self._opener.open(request, timeout=patience or self._patience))
        except urllib.error.HTTPError as error:
            with error:
                raise refusal(error) from None


def _written(path: Path, content: bytes) -> Path:
    """Where the content was written: the path, or the first one beside it that nobody has."""
    for number in itertools.count():
        free = path.with_name(f"{path.stem} ({number}){path.suffix}") if number else path
        with contextlib.suppress(FileExistsError), free.open("xb") as file:
            file.write(content)
            return free
    raise AssertionError("there is always another number")


def _limited(time_limit: float | None) -> dict[str, Any]:
    return {} if time_limit in (None, math.inf) else {"time_limit": time_limit}


def _id(job: Job | str) -> str:
    return quote(job.id if isinstance(job, Job) else job, safe="")
