"""Workflows of networks beside a model through the engine: each draws, and does nothing when it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from graph.document import Link
from graph.json import Json
from nodes.diffusion.gligen import Gligen, GligenConfig
from nodes.diffusion.photomaker import PhotoMaker
from nodes.diffusion.style_adapter import StyleAdapter, StyleConfig
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import tiny_tensors, write_tiny_checkpoint
from tests.nodes.running import Bench
from tests.nodes.test_diffusers_loader import write_pipeline
from tests.nodes.test_model_workflows import Steps, document, ran
from tests.nodes.test_photomaker import CONFIG as PHOTOMAKER
from tests.nodes.test_shown_pictures import UNCLIP, UPSCALER, vision_tensors
from tests.nodes.tiny import MODEL, UNET, fill

SEEN_BY: dict[str, Link | Json] = {
    "clip_vision": Link("eyes", "CLIP_VISION"),
    "image": Link("picture", "IMAGE"),
    "crop": "center",
}


def write(path: Path, tensors: dict[str, Tensor], config: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = None if config is None else {"config": config}
    save_file({name: one.contiguous().clone() for name, one in tensors.items()}, path, metadata)


def state(module: nn.Module) -> dict[str, Tensor]:
    return dict(fill(module, 6).state_dict())


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    base = tmp_path_factory.mktemp("models")
    models = base / "models"
    (models / "checkpoints").mkdir(parents=True)
    write_tiny_checkpoint(models / "checkpoints/tiny.safetensors")
    generator = torch.Generator().manual_seed(4)
    other = {name: one + 0.05 * torch.randn(one.shape, generator=generator) for name, one in tiny_tensors().items()}
    write_tiny_checkpoint(models / "checkpoints/other.safetensors", extra=other)
    eyes = vision_tensors("embedder.model.visual.")
    write(models / "checkpoints/unclip.safetensors", {**tiny_tensors(UNCLIP), **eyes}, write_config(UNCLIP))
    write(models / "checkpoints/x4.safetensors", tiny_tensors(UPSCALER), write_config(UPSCALER))
    write(models / "clip_vision/eyes.safetensors", vision_tensors("visual."))
    boxes = state(Gligen(GligenConfig(UNET, phrase_dim=24)))
    boxes = {name: one + (0.5 if "alpha" in name else 0.0) for name, one in boxes.items()}
    write(models / "gligen/boxes.safetensors", boxes, write_config(replace(MODEL, family="tiny")))
    write(models / "style_models/style.safetensors", state(StyleAdapter(StyleConfig(64, 24, 1, 2))))
    write(models / "hypernetworks/h.safetensors", {f"24.{i}.linear.0.weight": 0.2 * torch.eye(24) for i in (0, 1)})
    write(models / "photomaker/person.safetensors", state(PhotoMaker(PHOTOMAKER)))
    write_pipeline(models / "diffusers/pipe", MODEL)
    for folder in ("input", "output"):
        (base / folder).mkdir()
        Pillow.new("RGB", (32, 24), (200, 60, 20)).save(base / folder / "cat.png")
    return Bench(base)


def drawing(model: Link, positive: Link, latent: Link, steps: Steps, clip: Link | None = None) -> dict[str, object]:
    """Some steps, and a drawing from their model, prompt and latent."""
    return {
        "loader": ("CheckpointLoaderSimple", {"ckpt_name": "tiny.safetensors"}),
        "picture": ("LoadImageOutput", {"image": "cat.png [output]"}),
        "prompt": ("CLIPTextEncode", {"text": "a cat", "clip": clip or Link("loader", "CLIP")}),
        "empty": ("EmptyLatentImage", {"width": 64, "height": 48, "batch_size": 1}),
        **steps,
        "sampler": (
            "KSampler",
            {
                "model": model, "positive": positive, "negative": Link("prompt", "CONDITIONING"), "latent_image": latent,
                "seed": 5, "steps": 2, "cfg": 2.0, "sampler_name": "euler", "scheduler": "normal",
            },
        ),
        "saved": ("SaveLatent", {"samples": Link("sampler", "LATENT")}),
    }  # fmt: skip


PROMPT, LOADED, EMPTY = Link("prompt", "CONDITIONING"), Link("loader", "MODEL"), Link("empty", "LATENT")
WORKFLOWS: dict[str, Callable[[], dict[str, object]]] = {
    "GLIGEN": lambda: drawing(
        LOADED,
        Link("box", "CONDITIONING"),
        EMPTY,
        {
            "gligen": ("GLIGENLoader", {"gligen_name": "boxes.safetensors"}),
            "box": (
                "GLIGENTextBoxApply",
                {
                    "conditioning_to": PROMPT, "clip": Link("loader", "CLIP"), "text": "a dog",
                    "gligen_textbox_model": Link("gligen", "GLIGEN"), "width": 32, "height": 32, "x": 8, "y": 8,
                },
            ),
        },
    ),
    "style": lambda: drawing(
        LOADED,
        Link("styled", "CONDITIONING"),
        EMPTY,
        {
            "eyes": ("CLIPVisionLoader", {"clip_name": "eyes.safetensors"}),
            "seen": ("CLIPVisionEncode", SEEN_BY),
            "style": ("StyleModelLoader", {"style_model_name": "style.safetensors"}),
            "styled": (
                "StyleModelApply",
                {
                    "conditioning": PROMPT, "style_model": Link("style", "STYLE_MODEL"), "strength": 0.7,
                    "clip_vision_output": Link("seen", "CLIP_VISION_OUTPUT"), "strength_type": "attn_bias",
                },
            ),
        },
    ),
    "hypernetwork": lambda: drawing(
        Link("under", "MODEL"),
        PROMPT,
        EMPTY,
        {"under": ("HypernetworkLoader", {"model": LOADED, "hypernetwork_name": "h.safetensors", "strength": 0.8})},
    ),
    "unCLIP": lambda: drawing(
        Link("unclip", "MODEL"),
        Link("guided", "CONDITIONING"),
        EMPTY,
        {
            "unclip": ("unCLIPCheckpointLoader", {"ckpt_name": "unclip.safetensors"}),
            "seen": ("CLIPVisionEncode", SEEN_BY | {"clip_vision": Link("unclip", "CLIP_VISION")}),
            "guided": (
                "unCLIPConditioning",
                {
                    "conditioning": PROMPT, "clip_vision_output": Link("seen", "CLIP_VISION_OUTPUT"),
                    "strength": 1.0, "noise_augmentation": 0.1,
                },
            ),
        },
    ),
    "x4 upscaler": lambda: drawing(
        Link("x4", "MODEL"),
        Link("shown", "positive"),
        Link("shown", "latent"),
        {
            "x4": ("CheckpointLoaderSimple", {"ckpt_name": "x4.safetensors"}),
            "shown": (
                "SD_4XUpscale_Conditioning",
                {
                    "images": Link("picture", "IMAGE"), "positive": PROMPT, "negative": PROMPT,
                    "scale_ratio": 4.0, "noise_augmentation": 0.2,
                },
            ),
        },
    ),
    "PhotoMaker": lambda: drawing(
        LOADED,
        Link("person", "CONDITIONING"),
        EMPTY,
        {
            "maker": ("PhotoMakerLoader", {"photomaker_model_name": "person.safetensors"}),
            "person": (
                "PhotoMakerEncode",
                {
                    "photomaker": Link("maker", "PHOTOMAKER"), "image": Link("picture", "IMAGE"),
                    "clip": Link("loader", "CLIP"), "text": "a man photomaker",
                },
            ),
        },
    ),
    "diffusers": lambda: drawing(
        Link("typed", "MODEL"),
        PROMPT,
        EMPTY,
        {
            "pipe": ("DiffusersLoader", {"model_path": "pipe"}),
            "typed": ("ModelComputeDtype", {"model": Link("pipe", "MODEL"), "dtype": "bf16"}),
        },
        clip=Link("pipe", "CLIP"),
    ),
    "difference as a LoRA": lambda: drawing(
        Link("sum", "MODEL"),
        PROMPT,
        EMPTY,
        {
            "other": ("CheckpointLoaderSimple", {"ckpt_name": "other.safetensors"}),
            "difference": ("ModelMergeSubtract", {"model1": Link("other", "MODEL"), "model2": LOADED, "multiplier": 1.0}),
            "sum": ("ModelMergeAdd", {"model1": LOADED, "model2": Link("difference", "MODEL")}),
            "lora": (
                "LoraSave",
                {
                    "filename_prefix": "loras/d", "rank": 4, "lora_type": "standard", "bias_diff": True,
                    "model_diff": Link("difference", "MODEL"),
                },
            ),
        },
    ),
}  # fmt: skip


def latent(bench: Bench, steps: dict[str, object]) -> tuple[Tensor, set[str], set[str]]:
    """The saved latent, the nodes that ran, and those that ran when asked again."""
    first = bench.run(document(steps))  # type: ignore[arg-type]
    (path,) = bench.files(first, "saved")
    return load_file(path)["latent_tensor"], ran(first), ran(bench.run(document(steps)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_draws_something_else_than_without_it_and_nothing_twice(bench: Bench, name: str) -> None:
    plain, *_ = latent(bench, drawing(LOADED, PROMPT, EMPTY, {}))
    drawn, did, again = latent(bench, WORKFLOWS[name]())
    assert "sampler" in did
    assert again == set()
    assert bool(torch.isfinite(drawn).all())
    assert drawn.shape != plain.shape or not torch.equal(drawn, plain)


def test_a_difference_added_is_the_other_model(bench: Bench) -> None:
    other = {"other": ("CheckpointLoaderSimple", {"ckpt_name": "other.safetensors"})}
    wanted, *_ = latent(bench, drawing(Link("other", "MODEL"), PROMPT, EMPTY, other))
    got, *_ = latent(bench, WORKFLOWS["difference as a LoRA"]())
    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3)
