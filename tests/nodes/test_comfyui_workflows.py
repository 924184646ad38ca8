"""Real workflow files run from end to end, on small random models of their families under the names that the files use.

Only sizes and steps are cut: each picture is 64 to 128 pixels a side, each run two steps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file

from graph.bind import bind
from graph.comfyui.read import import_workflow
from graph.document import Document, Node
from graph.flatten import flatten
from graph.json import Json
from nodes.catalogue import read_catalogue
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.diffusion.esrgan import RrdbConfig
from nodes.diffusion.upscalers import build_upscaler
from nodes.weights.metadata import write_config
from tests.graph.comfyui_cases import HARMLESS
from tests.nodes.families import write_family
from tests.nodes.golden import SHARED
from tests.nodes.running import Bench
from tests.nodes.tiny import MODEL, UNET, fill, tiny_vae

FOLDER: Final = SHARED / "comfyui_workflows"
FILES: Final = sorted(FOLDER.glob("*.json"))
OTHER_FAMILIES: Final = {"image_netayume_lumina_t2i": "Lumina"}

pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not FILES, reason=f"there are no workflow files at {FOLDER}"),
]

CHECKPOINTS: Final[Mapping[str, str]] = {
    "512-inpainting-ema.safetensors": "sd20_inpaint",
    "sd_xl_base_1.0.safetensors": "sdxl",
    "sd_xl_refiner_1.0.safetensors": "sdxl_refiner",
    "sd_xl_turbo_1.0_fp16.safetensors": "sdxl",
    "v2-1_768-ema-pruned.safetensors": "sd21_v",
}
"""Families of checkpoints by file name; all others are of SD 1.x."""


def write_vae(path: Path) -> None:
    save_file(tiny_vae().state_dict(), path, {"config": write_config(MODEL)})


def write_control_net(path: Path) -> None:
    network = fill(ControlNet(ControlNetConfig("from metadata", UNET)), 9)
    tensors = {f"control_model.{name}": one for name, one in network.state_dict().items()}
    save_file(tensors, path, {"config": write_config(MODEL)})


def write_lora(path: Path) -> None:
    """In kohya's layout: one layer of the U-Net, one of the text encoder."""
    generator = torch.Generator().manual_seed(7)
    layers = {
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q": 64,
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj": 24,
    }
    tensors = {}
    for layer, width in layers.items():
        tensors[f"{layer}.lora_down.weight"] = torch.randn(4, width, generator=generator)
        tensors[f"{layer}.lora_up.weight"] = torch.randn(width, 4, generator=generator)
        tensors[f"{layer}.alpha"] = torch.tensor(2.0)
    save_file(tensors, path)


def write_upscaler(path: Path) -> None:
    save_file(fill(build_upscaler(RrdbConfig(features=8, blocks=2, growth=4)), 5).state_dict(), path)


WRITERS: Final[Mapping[str, tuple[str, Callable[[Path], object]]]] = {
    "ckpt_name": ("checkpoints", lambda path: write_family(path, CHECKPOINTS.get(path.name, "sd15"))),
    "vae_name": ("vae", write_vae),
    "control_net_name": ("controlnet", write_control_net),
    "lora_name": ("loras", write_lora),
    "model_name": ("upscale_models", write_upscaler),
}
"""For each field that names a model file: its folder, and how such a file is made."""

SMALLER: Final[Mapping[tuple[str, str], Callable[[float], Json]]] = {
    ("EmptyLatentImage", "width"): lambda side: max(64, int(side) // 8),
    ("EmptyLatentImage", "height"): lambda side: max(64, int(side) // 8),
    ("LatentUpscale", "width"): lambda side: max(64, int(side) // 8),
    ("LatentUpscale", "height"): lambda side: max(64, int(side) // 8),
    ("ConditioningSetArea", "width"): lambda side: max(64, int(side) // 8),
    ("ConditioningSetArea", "height"): lambda side: max(64, int(side) // 8),
    ("ConditioningSetArea", "x"): lambda side: int(side) // 8,
    ("ConditioningSetArea", "y"): lambda side: int(side) // 8,
    ("ImageScaleToTotalPixels", "megapixels"): lambda _: 0.01,
    ("KSampler", "steps"): lambda _: 2,
    ("KSamplerAdvanced", "steps"): lambda _: 5,
    ("KSamplerAdvanced", "start_at_step"): lambda step: int(step) // 5,
    ("KSamplerAdvanced", "end_at_step"): lambda step: int(step) // 5,
    ("SDTurboScheduler", "steps"): lambda _: 2,
}


def smaller(document: Document) -> Document:
    """The document with everything kept but sizes and steps."""
    return replace(document, nodes={name: _smaller_node(node) for name, node in document.nodes.items()})


def _smaller_node(node: Node) -> Node:
    inputs = {
        name: shrink(value) if (shrink := SMALLER.get((node.type, name))) and isinstance(value, int | float) else value
        for name, value in node.inputs.items()
    }
    return replace(node, inputs=inputs)


def provide(base: Path, document: Document) -> None:
    """Make every file that a workflow names."""
    for node in document.nodes.values():
        for field, value in node.inputs.items():
            if node.type == "LoadImage" and field == "image" and isinstance(value, str):
                _write_picture(base / "input" / value)
            elif field in WRITERS and isinstance(value, str):
                folder, write = WRITERS[field]
                path = base / "models" / folder / value
                path.parent.mkdir(parents=True, exist_ok=True)
                write(path)


def _write_picture(path: Path) -> None:
    """A picture whose lower half is transparent, so that it has a mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(3).integers(0, 256, (128, 96, 4), dtype=np.uint8)
    levels[..., 3] = np.where(np.arange(128)[:, None] < 64, 255, 0)
    Pillow.fromarray(levels).save(path)


@pytest.mark.parametrize("path", [one for one in FILES if one.stem not in OTHER_FAMILIES], ids=lambda path: path.stem)
def test_a_workflow_runs(path: Path, tmp_path: Path) -> None:
    imported = import_workflow(json.loads(path.read_bytes()), read_catalogue())
    assert all(one.code in HARMLESS for one in imported.problems)
    document = smaller(imported.document)
    provide(tmp_path, document)
    bench = Bench(tmp_path)
    finished = bench.run(document)
    saving = [name for name, node in document.nodes.items() if node.type == "SaveImage" and node.mode == "on"]
    assert saving
    for name in saving:
        (saved,) = bench.files(finished, name)
        with Pillow.open(saved) as picture:
            assert min(picture.size) >= 64
            assert np.asarray(picture).std() > 1


@pytest.mark.parametrize("path", [one for one in FILES if one.stem in OTHER_FAMILIES], ids=lambda path: path.stem)
def test_a_workflow_of_another_family_says_so(path: Path, tmp_path: Path) -> None:
    catalogue = read_catalogue()
    document = import_workflow(json.loads(path.read_bytes()), catalogue).document
    bound = bind(flatten(document, catalogue), catalogue, Bench(tmp_path).folders)
    told = [one.hint or "" for one in bound.problems if one.code == "unknown_type"]
    assert any(OTHER_FAMILIES[path.stem] in hint for hint in told)
