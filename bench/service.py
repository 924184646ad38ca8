"""The service's figures, as a client of `latentgraph serve` sees them: start, memory, submissions, restart."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, TCPConnector, WSMsgType

from bench.rows import Row, median_row
from graph.document import read
from server.jobs.database import SqliteDatabase
from server.jobs.job import Submission
from server.jobs.request import JobRequest
from server.jobs.store import Limits, Store

PER_SECOND: Final = 200
BACKLOG: Final = 10_000


def rows() -> list[Row]:
    """Every figure of the service."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return [
            *start_rows(place / "start"),
            *resubmit_rows(place / "resubmit"),
            *accept_rows(place / "accept"),
            *restart_rows(place / "restart"),
        ]


def start_rows(folder: Path, n: int = 9) -> Iterator[Row]:
    """From the start of the process to its first answer, and the memory it holds when nothing happens."""
    taken: list[float] = []
    resident: list[int] = []
    for _ in range(n):
        started = time.perf_counter()
        with serving(folder) as service:
            service.until("/health/live")
            taken.append(time.perf_counter() - started)
            if len(resident) < 3:
                service.until("/health/ready")
                time.sleep(1.0)
                resident.append(service.resident())
    yield median_row("service, start to first answer", taken, goal=0.7)
    yield Row("service, resident memory when idle", sorted(resident)[1] / 2**20, "MiB", len(resident), 80)


def resubmit_rows(folder: Path, n: int = 200) -> Iterator[Row]:
    """The same graph of ten nodes again, from the request to its end: on our API, and as ComfyUI's clients do it."""
    with serving(folder) as service:
        service.until("/health/ready")
        body = json.dumps({"workflow": ten_nodes()})
        first = service.ask("POST", "/api/v1/jobs?wait=120", body)
        assert first["state"] == "done", first
        ours = []
        for _ in range(n):
            started = time.perf_counter()
            job = service.ask("POST", "/api/v1/jobs?wait=120", body)
            ours.append(time.perf_counter() - started)
            assert (job["state"], job["nodes"]["ran"]) == ("done", 0), job
        yield median_row("identical resubmit of 10 nodes, our API", ours, unit="ms", goal=4.6)
        theirs = asyncio.run(_prompts(service.port, ten_nodes(), n))
        yield median_row("identical resubmit of 10 nodes, ComfyUI's API, ids chosen", theirs, unit="ms", goal=4.6)


def accept_rows(folder: Path, seconds: int = 10) -> Iterator[Row]:
    """Submissions at a steady rate while the worker works them off, from the request to the answer that keeps the job."""
    with serving(folder) as service:
        service.until("/health/ready")
        taken = asyncio.run(_burst(service.port, seconds))
    name = f"acceptance at {PER_SECOND} submissions/s"
    yield median_row(name, taken, unit="ms")
    yield Row(f"{name}, p99", sorted(taken)[int(len(taken) * 0.99)] * 1000, "ms", len(taken), 20)


def restart_rows(folder: Path, n: int = 5) -> Iterator[Row]:
    """From the start of a service that finds a backlog to its readiness to run it."""
    backlog(folder / "user", BACKLOG)
    taken = []
    for _ in range(n):
        started = time.perf_counter()
        with serving(folder) as service:
            service.until("/health/ready")
            taken.append(time.perf_counter() - started)
            service.process.kill()
    yield median_row(f"restart with {BACKLOG:,} queued jobs, to ready", taken, goal=2)


def ten_nodes() -> dict[str, Any]:
    """An API prompt of ten nodes that ends in a saved picture."""

    def node(kind: str, **inputs: object) -> dict[str, object]:
        return {"class_type": kind, "inputs": inputs}

    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="tiny-sd-128.safetensors"),
        "2": node("CLIPTextEncode", text="a red fox", clip=["1", 1]),
        "3": node("CLIPTextEncode", text="blurry", clip=["1", 1]),
        "4": node("EmptyLatentImage", width=128, height=128, batch_size=1),
        "5": node(
            "KSampler", seed=7, steps=1, cfg=4.0, sampler_name="euler", scheduler="normal", denoise=1.0, model=["1", 0],
            positive=["2", 0], negative=["3", 0], latent_image=["4", 0],
        ),
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": node("ImageInvert", image=["6", 0]),
        "8": node("ImageScale", image=["7", 0], upscale_method="bilinear", width=96, height=96, crop="disabled"),
        "9": node("ImageInvert", image=["8", 0]),
        "10": node("SaveImage", images=["9", 0], filename_prefix="bench"),
    }  # fmt: skip


def two_nodes(index: int) -> dict[str, Any]:
    """A document that runs in no time."""
    latent = {"type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1 + index % 16}}
    shown = {"type": "PreviewAny", "inputs": {"source": {"from": ["latent", "LATENT"]}}}
    return {"format": "latentgraph/1", "nodes": {"latent": latent, "shown": shown}}


def backlog(folder: Path, count: int) -> None:
    """Jobs that wait, as a service killed in the middle of them leaves them."""
    database = SqliteDatabase(folder)
    store = Store(database, limits=Limits(queued=count))
    with store.transactions.together():
        for index in range(count):
            request = JobRequest(read(json.dumps(two_nodes(index)).encode()), scope="backlog").to_text()
            store.accept(Submission(uuid.uuid4().hex, request, f"backlog {index}"))
    database.close()


@dataclass(slots=True)
class _Service:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    connection: http.client.HTTPConnection

    def ask(self, method: str, path: str, body: str | None = None) -> Any:  # noqa: ANN401 - JSON
        self.connection.request(method, path, body)
        return json.loads(self.connection.getresponse().read())

    def until(self, path: str) -> None:
        """Ask until the answer is 200."""
        while True:
            self.connection.request("GET", path)
            answer = self.connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
            time.sleep(0.005)

    def resident(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", text)[0]) * 1024


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[_Service]:
    """`latentgraph serve` with everything it keeps below `folder`."""
    places = [part for name in ("user", "cache", "output", "input", "models") for part in (f"--{name}", folder / name)]
    for name in ("input", "models"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server", "serve", "--port", "0", "--device", "cpu", *map(str, places)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert process.stdout is not None
    try:
        found = re.search(r":(\d+)\s*$", process.stdout.readline())
        assert found, "the service did not start"
        yield _Service(process, int(found[1]), http.client.HTTPConnection("127.0.0.1", int(found[1])))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()


async def _prompts(port: int, prompt: dict[str, Any], n: int) -> list[float]:
    """Post the prompt, and wait on the socket for the message that ends it."""
    taken = []
    client = uuid.uuid4().hex
    url = f"http://127.0.0.1:{port}"
    async with ClientSession() as session, session.ws_connect(f"{url}/ws?clientId={client}") as socket:
        for _ in range(n + 1):
            started = time.perf_counter()
            # One that leaves the choice to the service is told of its prompt a moment later, when it knows the id.
            body = {"prompt": prompt, "client_id": client, "prompt_id": str(uuid.uuid4())}
            async with session.post(f"{url}/prompt", json=body) as response:
                job = (await response.json())["prompt_id"]
            async for message in socket:
                if message.type == WSMsgType.TEXT and _is_end(json.loads(message.data), job):
                    break
            taken.append(time.perf_counter() - started)
    return taken[1:]


def _is_end(message: dict[str, Any], job: str) -> bool:
    data = message["data"]
    return message["type"] == "executing" and data["node"] is None and data["prompt_id"] == job


async def _burst(port: int, seconds: int) -> list[float]:
    """Submit on time, whether or not earlier answers have come."""
    taken: list[float] = []

    async def submit(index: int) -> None:
        body = json.dumps({"workflow": two_nodes(index)})
        started = time.perf_counter()
        async with session.post(f"http://127.0.0.1:{port}/api/v1/jobs", data=body) as response:
            assert response.status == 202, await response.text()
            await response.read()
        taken.append(time.perf_counter() - started)

    async with ClientSession(connector=TCPConnector(limit=64)) as session:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for index in range(seconds * PER_SECOND):
                await asyncio.sleep(max(0.0, began + index / PER_SECOND - time.perf_counter()))
                tasks.create_task(submit(index))
    return taken
