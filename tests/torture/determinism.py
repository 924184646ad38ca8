"""The row of pictures whose making was torn: what goes on where another process stopped ends in the same bytes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from typing import Any, Final

from tests.server.program import Program, started
from tests.torture.driver import Driver
from tests.torture.outcome import Outcome

_STEPS: Final = 60


def same_again(driver: Driver, n: int, mutant: str) -> Outcome:
    """By turns the worker and the service are killed while a picture is sampled. Its file is the one that a service makes
    to which nothing happens. (The toy jobs of R1 to R4 are compared with theirs in those rows.)"""
    choose = random.Random(17)
    with started(driver.folder / "calm") as service:
        _until_ready(service)
        wanted = [_digests(service.job(_picture(index))[1]) for index in range(n)]
    found: list[str] = []
    torn = 0
    with contextlib.ExitStack() as lives:
        service = lives.enter_context(started(driver.folder / "torn"))
        for index in range(n):
            _until_ready(service)
            _, told = service.ask("/api/v1/jobs", {"workflow": _picture(index)})
            _until_sampling(service, told["id"])
            time.sleep(choose.uniform(0.0, 0.5))
            if index % 2:
                service.process.kill()
                service.process.wait()
                service = lives.enter_context(started(driver.folder / "torn"))
            else:
                for worker in service.workers():
                    os.kill(int(worker), signal.SIGKILL)
            _, job = service.ask(f"/api/v1/jobs/{told['id']}?wait=100")
            torn += "requeued" in _events(service, told["id"])
            if job["state"] != "done" or _digests(job) != wanted[index]:
                found.append(f"picture {index}: {job['state']} {job['error']}, {_digests(job)}, not {wanted[index]}")
    if torn < n / 2:
        found.append(f"only {torn} of {n} were torn")
    return Outcome(n, found, {"torn": torn})


def _picture(index: int) -> dict[str, Any]:
    """Steps that take long enough to be killed in, and a picture of them."""

    def link(node: str, output: str) -> dict[str, Any]:
        return {"from": [node, output]}

    prompt = link("prompt", "CONDITIONING")
    sampled = {"model": link("load", "MODEL"), "positive": prompt, "negative": prompt}
    sampled |= {"latent_image": link("empty", "LATENT")}
    nodes: dict[str, Any] = {
        "load": {"type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny-sd-128.safetensors"}},
        "prompt": {"type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": link("load", "CLIP")}},
        "empty": {"type": "EmptyLatentImage", "inputs": {"width": 128, "height": 128}},
        "sample": {"type": "KSampler", "inputs": {**sampled, "steps": _STEPS, "seed": index}},
        "decode": {
            "type": "VAEDecode",
            "inputs": {"samples": link("sample", "LATENT"), "vae": link("load", "VAE")},
        },
        "save": {"type": "SaveImage", "inputs": {"images": link("decode", "IMAGE")}},
    }
    return {"format": "latentgraph/1", "nodes": nodes}


def _until_ready(service: Program) -> None:
    while service.ask("/health/ready")[0] != 200:
        time.sleep(0.05)


def _until_sampling(service: Program, job: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        events = service.ask(f"/api/v1/jobs/{job}/events")[1]["events"]
        if any(one["type"] == "node_started" and one["data"]["node"] == "sample" for one in events):
            return
        time.sleep(0.02)


def _events(service: Program, job: str) -> list[str]:
    return [one["type"] for one in service.ask(f"/api/v1/jobs/{job}/events")[1]["events"]]


def _digests(job: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [one["digest"] for one in job["outputs"]]
