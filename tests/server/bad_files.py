"""Workflows around one file, and what may come of them: for the suites of pictures and of model files that lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server.program import Program, started


@contextmanager
def at_work(folder: Path) -> Iterator[Program]:
    """A service that has made a picture with the embedded model, and has folders to put files into."""
    for name in ("input", "models/checkpoints", "models/loras"):
        (folder / name).mkdir(parents=True)
    with started(folder) as program:
        status, job = program.job(drawn("tiny-sd-128.safetensors", seed=1))
        assert (status, job["state"]) == (200, "done"), job
        yield program


def node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"type": kind, "inputs": inputs}


def link(name: str, output: str) -> dict[str, Any]:
    return {"from": [name, output]}


def drawn(checkpoint: str, *, seed: int = 1, lora: str | None = None) -> dict[str, Any]:
    """One step of a small picture with this checkpoint."""
    nodes = {
        "c": node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        "l": node("EmptyLatentImage", width=64, height=64),
        "d": node("VAEDecode", samples=link("k", "LATENT"), vae=link("c", "VAE")),
        "s": node("PreviewImage", images=link("d", "IMAGE")),
    }
    model = link("c", "MODEL")
    if lora is not None:
        nodes["a"] = node("LoraLoaderModelOnly", model=model, lora_name=lora, strength_model=1.0)
        model = link("a", "MODEL")
    nodes["p"] = node("CLIPTextEncode", text="a fox", clip=link("c", "CLIP"))
    words = {"positive": link("p", "CONDITIONING"), "negative": link("p", "CONDITIONING")}
    nodes["k"] = node("KSampler", model=model, latent_image=link("l", "LATENT"), steps=1, seed=seed, **words)
    return {"format": "latentgraph/1", "nodes": nodes}


def shown(picture: str) -> dict[str, Any]:
    return {
        "format": "latentgraph/1",
        "nodes": {"i": node("LoadImage", image=picture), "s": node("PreviewImage", images=link("i", "IMAGE"))},
    }


def check_refused(service: Program, workflow: dict[str, Any]) -> str:
    """The code with which the job fails. The worker is the same afterwards, and works."""
    before = service.workers()
    status, job = service.job(workflow)
    if status == 422:
        return str(job["problems"][0]["code"])
    assert (status, job["state"]) == (200, "failed"), job
    error = job["error"]
    assert error["code"] not in ("internal", "node_failed"), error
    assert error["message"]
    assert service.workers() == before
    return str(error["code"])
