"""Workflows of models through the engine: loaded, changed, used and saved, and not done again when nothing changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from graph.document import Document, Link, Node
from graph.events import RunFinished
from graph.json import Json
from tests.nodes.checkpoints import tiny_tensors, write_tiny_checkpoint
from tests.nodes.running import Bench

Steps = Mapping[str, tuple[str, Mapping[str, "Link | Json"]]]


def document(steps: Steps) -> Document:
    return Document(nodes={name: Node(type=kind, inputs=dict(inputs)) for name, (kind, inputs) in steps.items()})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    root = tmp_path / "models" / "checkpoints"
    root.mkdir(parents=True)
    write_tiny_checkpoint(root / "a.safetensors")
    generator = torch.Generator().manual_seed(50)
    other = {name: 0.1 * torch.randn(one.shape, generator=generator) for name, one in tiny_tensors().items()}
    write_tiny_checkpoint(root / "b.safetensors", extra=other)
    return Bench(tmp_path)


def ran(finished: RunFinished) -> set[str]:
    return {name for name, outcome in finished.outcomes.items() if outcome.status == "ran"}


def merging(ratio: float) -> Document:
    """Two models mixed by block, with a prompt drawn by the result and the result saved."""
    return document(
        {
            "a": ("CheckpointLoaderSimple", {"ckpt_name": "a.safetensors"}),
            "b": ("CheckpointLoaderSimple", {"ckpt_name": "b.safetensors"}),
            "model": (
                "ModelMergeSD1",
                {"model1": Link("a", "MODEL"), "model2": Link("b", "MODEL"), "input_blocks.1.": ratio},
            ),
            "clip": ("CLIPMergeSimple", {"clip1": Link("a", "CLIP"), "clip2": Link("b", "CLIP"), "ratio": 0.5}),
            "prompt": ("CLIPTextEncode", {"text": "a cat", "clip": Link("clip", "CLIP")}),
            "empty": ("EmptyLatentImage", {"width": 64, "height": 64, "batch_size": 1}),
            "sampler": (
                "KSampler",
                {
                    "model": Link("model", "MODEL"),
                    "seed": 1,
                    "steps": 2,
                    "cfg": 3.0,
                    "sampler_name": "euler",
                    "scheduler": "normal",
                    "positive": Link("prompt", "CONDITIONING"),
                    "negative": Link("prompt", "CONDITIONING"),
                    "latent_image": Link("empty", "LATENT"),
                },
            ),
            "latent": ("SaveLatent", {"samples": Link("sampler", "LATENT")}),
            "checkpoint": (
                "CheckpointSave",
                {"model": Link("model", "MODEL"), "clip": Link("clip", "CLIP"), "vae": Link("a", "VAE")},
            ),
        }
    )


def test_models_are_merged_used_saved_and_not_merged_again(bench: Bench) -> None:
    first = bench.run(merging(0.25))
    (path,) = bench.files(first, "checkpoint")
    (latent,) = bench.files(first, "latent")
    saved, a = load_file(path), tiny_tensors()
    b = load_file(bench.folders.root("checkpoints") / "b.safetensors")
    name = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"
    torch.testing.assert_close(saved[name], 0.25 * a[name] + 0.75 * b[name])
    name = "model.diffusion_model.out.2.weight"
    torch.testing.assert_close(saved[name], a[name])

    assert ran(bench.run(merging(0.25))) == set()
    other = bench.run(merging(0.5))
    assert ran(other) == {"model", "sampler", "latent", "checkpoint"}
    assert not torch.equal(
        load_file(bench.files(other, "latent")[0])["latent_tensor"], load_file(latent)["latent_tensor"]
    )
