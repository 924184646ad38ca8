"""The client for programs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from graph.errors import Problem
from graph.json import Json, JsonObject
from server.client.answers import Event, Job, Output, Upload
from server.client.blocking import URL, Client

T = TypeVar("T")


class AsyncClient:
    """`Client` for asyncio: each call on a thread of its own, so that the loop goes on. An async context manager; at most
    `at_once` calls are under way, waits among them. A call that is cancelled is not waited for."""

    def __init__(self, url: str = URL, *, token: str | None = None, patience: float = 30.0, at_once: int = 64) -> None:
        """As `Client`."""
        self._client = Client(url, token=token, patience=patience)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="latentgraph-client")

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def submit(
        self,
        workflow: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        *,
        targets: Sequence[str] | None = None,
        front: bool = False,
        time_limit: float | None = None,
        key: str | None = None,
    ) -> Job:
        """As `Client.submit`. The `key`, where none is given, is this call's own."""
        submit = partial(self._client.submit, targets=targets, front=front, time_limit=time_limit, key=key)
        return await self._do(submit, workflow, parameters)

    async def run(self, name: str, /, **parameters: Json) -> Job:
        """As `Client.run`."""
        return await self._do(self._client.submit_saved, name, parameters)

    async def submit_saved(
        self, name: str, parameters: Mapping[str, Any], *, time_limit: float | None = None, key: str | None = None
    ) -> Job:
        """As `Client.submit_saved`."""
        submit = partial(self._client.submit_saved, time_limit=time_limit, key=key)
        return await self._do(submit, name, parameters)

    async def jobs(self, *states: str) -> AsyncIterator[Job]:
        """As `Client.jobs`."""
        found = self._client.jobs(*states)
        while (job := await self._do(next, found, None)) is not None:
            yield job

    async def wait(self, job: Job | str, seconds: float | None = None) -> Job:
        """As `Client.wait`."""
        return await self._do(self._client.wait, job, seconds)

    async def job(self, job: Job | str) -> Job:
        """As `Client.job`."""
        return await self._do(self._client.job, job)

    async def result(self, job: Job | str, seconds: float | None = None) -> Job:
        """As `Client.result`."""
        return await self._do(self._client.result, job, seconds)

    async def events(self, job: Job | str, after: int = 0) -> AsyncIterator[Event]:
        """As `Client.events`."""
        following = self._client.events(job, after)
        while (event := await self._do(next, following, None)) is not None:
            yield event

    async def cancel(self, job: Job | str) -> Job:
        """As `Client.cancel`."""
        return await self._do(self._client.cancel, job)

    async def retry(self, job: Job | str, *, time_limit: float | None = None) -> Job:
        """As `Client.retry`."""
        return await self._do(partial(self._client.retry, job, time_limit=time_limit))

    async def fetch(self, output: Output) -> bytes:
        """As `Client.fetch`."""
        return await self._do(self._client.fetch, output)

    async def save(self, output: Output, folder: str | Path, *, overwrite: bool = False) -> Path:
        """As `Client.save`."""
        return await self._do(partial(self._client.save, output, folder, overwrite=overwrite))

    async def upload(self, file: str | Path | bytes, name: str | None = None, *, overwrite: bool = False) -> Upload:
        """As `Client.upload`."""
        return await self._do(partial(self._client.upload, file, name, overwrite=overwrite))

    async def workflows(self) -> list[str]:
        """As `Client.workflows`."""
        return await self._do(self._client.workflows)

    async def workflow(self, name: str) -> JsonObject:
        """As `Client.workflow`."""
        return await self._do(self._client.workflow, name)

    async def validate(self, workflow: Mapping[str, Any]) -> list[Problem]:
        """As `Client.validate`."""
        return await self._do(self._client.validate, workflow)

    async def plan(self, workflow: Mapping[str, Any]) -> JsonObject:
        """As `Client.plan`."""
        return await self._do(self._client.plan, workflow)

    async def _do(self, act: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act, *arguments)
