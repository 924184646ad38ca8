"""A latent diffusion model small enough to train in a test, as a file."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig, SamplerDefaults, ScheduleConfig, TextConfig, UNetConfig, VaeConfig
from nodes.diffusion.tokenizer import clip_vocabulary
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.weights.metadata import write_config

MERGES = ["a t</w>", "o n</w>", "c at</w>"]
VOCABULARY = clip_vocabulary(MERGES)

CONFIG = ModelConfig(
    "tiny",
    UNetConfig(
        model_channels=16,
        channel_mult=(1, 2),
        num_res_blocks=1,
        transformer_depth=(0, 1),
        context_dim=16,
        num_heads=2,
        norm_num_groups=4,
    ),
    VaeConfig(ch=8, ch_mult=(1, 1, 2, 2), num_res_blocks=1, norm_num_groups=4),
    (
        TextConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            vocab_size=len(VOCABULARY),
            bos_token_id=VOCABULARY["<|startoftext|>"],
            eos_token_id=VOCABULARY["<|endoftext|>"],
            pad_token_id=VOCABULARY["<|endoftext|>"],
        ),
    ),
    ScheduleConfig(prediction="v"),
    native_size=(32, 32),
    defaults=SamplerDefaults(steps=2, cfg=2.0),
)


def write_tiny_model(path: Path) -> Path:
    """A checkpoint of random weights, always the same."""
    torch.manual_seed(0)
    parts: dict[str, nn.Module] = {
        "model.diffusion_model.": UNet(CONFIG.unet),
        "first_stage_model.": Vae(CONFIG.vae),
        "cond_stage_model.transformer.": TextEncoder(CONFIG.text[0]),
    }
    tensors = {prefix + name: value for prefix, part in parts.items() for name, value in part.state_dict().items()}
    metadata = {
        "config": write_config(CONFIG),
        "tokenizer.vocab": json.dumps(VOCABULARY),
        "tokenizer.merges": "\n".join(["#version: 0.2", *MERGES]),
    }
    save_file(tensors, path, metadata)
    return path
