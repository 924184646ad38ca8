"""Model files in the folder of another kind: each loader says what the file is, where it belongs, and what loads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graph.document import Document, Link, Node
from graph.events import NodeFailed
from nodes.catalogue import load_catalogue
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.folders import MODEL_FOLDERS
from nodes.misplaced import LOADERS
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import write_tiny_checkpoint
from tests.nodes.running import Bench
from tests.nodes.tiny import MODEL, fill

LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
SHAPES: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "a LoRA": {f"{LAYER}.lora_up.weight": (320, 2), f"{LAYER}.lora_down.weight": (2, 768)},
    "a VAE": {"decoder.mid.block_1.conv1.weight": (8, 8, 3, 3)},
    "an upscaler": {"body.0.weight": (8, 3, 3, 3), "body.2.weight": (8, 8, 3, 3), "body.4.weight": (48, 8, 3, 3)},
    "an embedding": {"emb_params": (2, 768)},
}
MODELS = Node("CheckpointLoaderSimple", {"ckpt_name": "tiny-sd-128.safetensors"})
LOADING = {  # the folder of a loader, and the loader
    "checkpoints": Node("CheckpointLoaderSimple", {"ckpt_name": "m.safetensors"}),
    "loras": Node("LoraLoaderModelOnly", {"model": Link("models", "MODEL"), "lora_name": "m.safetensors"}),
    "vae": Node("VAELoader", {"vae_name": "m.safetensors"}),
    "text_encoders": Node("CLIPLoader", {"clip_name": "m.safetensors"}),
    "controlnet": Node("ControlNetLoader", {"control_net_name": "m.safetensors"}),
    "upscale_models": Node("UpscaleModelLoader", {"model_name": "m.safetensors"}),
}
CASES = [  # what lies in which folder, what it is called, where it belongs, and what is done with it there
    ("a LoRA", "checkpoints", "LoRA", "loras", "load it with LoraLoader"),
    ("a VAE", "checkpoints", "VAE", "vae", "load it with VAELoader"),
    ("an upscaler", "checkpoints", "upscale model", "upscale_models", "load it with UpscaleModelLoader"),
    ("an embedding", "checkpoints", "textual inversion", "embeddings", "write embedding:NAME in a prompt"),
    ("a control network", "checkpoints", "control network", "controlnet", "load it with ControlNetLoader"),
    ("a checkpoint", "loras", "checkpoint", "checkpoints", "load it with CheckpointLoaderSimple"),
    ("a VAE", "loras", "VAE", "vae", "load it with VAELoader"),
    ("a LoRA", "vae", "LoRA", "loras", "load it with LoraLoader"),
    ("a LoRA", "text_encoders", "LoRA", "loras", "load it with LoraLoader"),
    ("a LoRA", "controlnet", "LoRA", "loras", "load it with LoraLoader"),
    ("a checkpoint", "upscale_models", "checkpoint", "checkpoints", "load it with CheckpointLoaderSimple"),
]  # fmt: skip


def write(kind: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "a checkpoint":
        write_tiny_checkpoint(path)
    elif kind == "a control network":
        network = fill(ControlNet(ControlNetConfig(MODEL.family, MODEL.unet)), 9)
        tensors = {f"control_model.{name}": one for name, one in network.state_dict().items()}
        save_file(tensors, path, {"config": write_config(MODEL)})
    else:
        save_file({name: torch.zeros(shape) for name, shape in SHAPES[kind].items()}, path)


@pytest.mark.parametrize(("kind", "folder", "title", "home", "use"), CASES)
def test_a_file_in_the_wrong_folder_is_told_by_what_it_is(
    tmp_path: Path, kind: str, folder: str, title: str, home: str, use: str
) -> None:
    bench = Bench(tmp_path)
    write(kind, bench.folders.root(folder) / "m.safetensors")
    output = bench.specs[LOADING[folder].type].outputs[0].name
    shown = Node("PreviewAny", {"source": Link("loader", output)})
    events = bench.events(Document({"models": MODELS, "loader": LOADING[folder], "shown": shown}))
    (failure,) = (event.failure for event in events if isinstance(event, NodeFailed))
    assert failure.code.startswith("weights_")
    assert title in failure.message.partition("but of another kind: ")[2]
    assert failure.hint == f"Move it to models/{home}, and {use}."


def test_the_loaders_and_folders_that_are_named_exist() -> None:
    assert set(LOADERS.values()) <= load_catalogue().keys()
    assert LOADERS.keys() <= MODEL_FOLDERS.keys()
