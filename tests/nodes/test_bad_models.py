"""Model files that cannot be used, in a whole workflow: which node fails, with what code and words, and that nothing of it
stays: with a good file in its place the same workflow runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from graph.document import Document, Link, Node
from graph.events import NodeFailed
from graph.json import Json
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import write_tiny_checkpoint
from tests.nodes.running import Bench
from tests.nodes.tiny import MODEL, UNET, fill

LORA_LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def checkpoint(bench: Bench) -> Path:
    return bench.folders.root("checkpoints") / "m.safetensors"


def poisoned(prefix: str, value: float) -> Callable[[Bench], object]:
    """One value of one tensor under a prefix is not finite."""

    def write(bench: Bench) -> None:
        tensors = load_file(checkpoint(bench))
        name = next(name for name in sorted(tensors) if name.startswith(prefix) and tensors[name].numel() > 8)
        tensors[name].view(-1)[3] = value
        save_file(tensors, checkpoint(bench), {"config": write_config(MODEL)})

    return write


def cut(length: int) -> Callable[[Bench], object]:
    return lambda bench: checkpoint(bench).write_bytes(checkpoint(bench).read_bytes()[:length])


def content(data: bytes) -> Callable[[Bench], object]:
    return lambda bench: checkpoint(bench).write_bytes(data)


def lora(bench: Bench, width: int = 24) -> None:
    tensors = {
        f"{LORA_LAYER}.lora_down.weight": torch.ones(2, width),
        f"{LORA_LAYER}.lora_up.weight": torch.ones(32, 2),
    }
    save_file(tensors, bench.folders.root("loras") / "l.safetensors")


def control_net(bench: Bench, config: ModelConfig = MODEL) -> None:
    network = fill(ControlNet(ControlNetConfig(config.family, config.unet)), 9)
    tensors = {f"control_model.{name}": one for name, one in network.state_dict().items()}
    save_file(tensors, bench.folders.root("controlnet") / "c.safetensors", {"config": write_config(config)})


def without(part: str) -> Callable[[Bench], object]:
    def write(bench: Bench) -> None:
        tensors: Mapping[str, Tensor] = load_file(checkpoint(bench))
        kept = {name: one for name, one in tensors.items() if part not in name}
        save_file(kept, checkpoint(bench), {"config": write_config(MODEL)})

    return write


BAD: Mapping[str, tuple[Callable[[Bench], object], str, str, str]] = {
    "cut off inside its tensors": (cut(-1000), "checkpoint", "weights_truncated", "m.safetensors is cut off"),
    "cut off inside its header": (cut(100), "checkpoint", "weights_truncated", "its header alone needs"),
    "of no bytes": (content(b""), "checkpoint", "weights_empty", "m.safetensors is empty"),
    "a pickle": (content(b"PK\x03\x04" + bytes(100)), "checkpoint", "weights_pickle", "pickle refused"),
    "a web page": (content(b"<!DOCTYPE html>" + bytes(99)), "checkpoint", "weights_not_safetensors", "a web page"),
    "with NaN in the U-Net": (
        poisoned("model.diffusion_model.", float("nan")), "sampler", "weights_not_finite", "'model.diffusion_model."
    ),
    "with infinity in the text encoder": (
        poisoned("cond_stage_model.", float("inf")), "positive", "weights_not_finite", "'cond_stage_model."
    ),
    "with NaN in the VAE": (
        poisoned("first_stage_model.decoder.", float("nan")), "decode", "weights_not_finite", "'first_stage_model."
    ),
    "without some of the U-Net": (without("middle_block"), "sampler", "weights_missing", "the U-Net of a tiny model lacks"),
    "a LoRA of another family": (
        lambda bench: lora(bench, 2048), "lora", "weights_wrong_family",
        "l.safetensors is an adapter for SDXL models, and this is a tiny model",
    ),
    "a control network of another family": (
        lambda bench: control_net(bench, replace(MODEL, family="wide", unet=replace(UNET, context_dim=32))),
        "sampler", "unsuitable_input", "c.safetensors is a control network for wide models, and the model is tiny",
    ),
}  # fmt: skip
"""How a file is made bad, the node that fails, its code, and words of its message."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    for folder in ("checkpoints", "loras", "controlnet"):
        (tmp_path / "models" / folder).mkdir(parents=True)
    bench = Bench(tmp_path)
    good(bench)
    return bench


def good(bench: Bench) -> None:
    write_tiny_checkpoint(checkpoint(bench))
    lora(bench)
    control_net(bench)


def document() -> Document:
    nodes: dict[str, tuple[str, dict[str, Json]]] = {
        "checkpoint": ("CheckpointLoaderSimple", {"ckpt_name": "m.safetensors"}),
        "lora": ("LoraLoader", {"lora_name": "l.safetensors"}),
        "positive": ("CLIPTextEncode", {"text": "a cat"}),
        "negative": ("ConditioningZeroOut", {}),
        "net": ("ControlNetLoader", {"control_net_name": "c.safetensors"}),
        "hint": ("EmptyImage", {"width": 64, "height": 64}),
        "steered": ("ControlNetApply", {}),
        "latent": ("EmptyLatentImage", {"width": 64, "height": 64}),
        "sampler": ("KSampler", {"steps": 1, "sampler_name": "euler", "scheduler": "normal"}),
        "decode": ("VAEDecode", {}),
        "save": ("PreviewImage", {}),
    }
    links = """
        lora.model checkpoint.MODEL; lora.clip checkpoint.CLIP; positive.clip lora.CLIP
        negative.conditioning positive.CONDITIONING; steered.conditioning positive.CONDITIONING
        steered.control_net net.CONTROL_NET; steered.image hint.IMAGE
        sampler.model lora.MODEL; sampler.positive steered.CONDITIONING; sampler.negative negative.CONDITIONING
        sampler.latent_image latent.LATENT; decode.samples sampler.LATENT; decode.vae checkpoint.VAE
        save.images decode.IMAGE
    """
    inputs: dict[str, dict[str, Link | Json]] = {name: {**given} for name, (_, given) in nodes.items()}
    for line in links.replace(";", "\n").split("\n"):
        if line.strip():
            (node, name), (source, output) = (end.split(".") for end in line.split())
            inputs[node][name] = Link(source, output)
    return Document({name: Node(kind, inputs[name]) for name, (kind, _) in nodes.items()})


@pytest.mark.parametrize("case", BAD)
def test_the_node_that_meets_it_fails_and_nothing_of_it_stays(case: str, bench: Bench) -> None:
    spoil, node, code, words = BAD[case]
    spoil(bench)
    (failed,) = (event for event in bench.events(document()) if isinstance(event, NodeFailed))
    assert (failed.node, failed.failure.code) == (node, code)
    assert words in failed.failure.message
    assert failed.failure.hint
    good(bench)
    assert bench.files(bench.run(document()), "save")


def test_a_file_that_was_cut_off_is_refused_without_being_read(bench: Bench) -> None:
    """A digest of some gigabytes takes seconds: nobody waits for it to hear that a download stopped early."""
    bench.run(document())
    cut(-1000)(bench)
    with patch("hashlib.file_digest", wraps=hashlib.file_digest) as digest:
        (failed,) = (event for event in bench.events(document()) if isinstance(event, NodeFailed))
    assert failed.failure.code == "weights_truncated"
    assert str(checkpoint(bench)) not in [call.args[0].name for call in digest.call_args_list]
