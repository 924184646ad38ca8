"""Whole models small enough for a test: every kind of layer, few channels, random weights from a seed."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig, ScheduleConfig, TextConfig, UNetConfig, VaeConfig
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae

ModuleT = TypeVar("ModuleT", bound=nn.Module)

UNET = UNetConfig(
    model_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    transformer_depth=(1, 1),
    context_dim=24,
    num_heads=4,
    norm_num_groups=8,
)
VAE = VaeConfig(ch=16, ch_mult=(1, 2, 2, 2), num_res_blocks=1, norm_num_groups=8)
TEXT = TextConfig(hidden_size=24, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4)
MODEL = ModelConfig("tiny", UNET, VAE, (TEXT,), native_size=(64, 64))

UNET_LINEAR = replace(UNET, num_heads=None, num_head_channels=8, use_linear_in_transformer=True)
UNET_LABELLED = replace(UNET_LINEAR, transformer_depth=(0, 2), middle_depth=2, adm_in_channels=40)
TEXT_PROJECTED = replace(TEXT, hidden_act="gelu", pad_token_id=0, projection_dim=16, layer=-2, norm_hidden=False)
MODEL_V = replace(MODEL, schedule=ScheduleConfig(prediction="v"))


def fill(module: ModuleT, seed: int) -> ModuleT:
    """Random weights of an even scale, so that signals neither vanish nor explode, and evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim >= 2:
                parameter.copy_(noise * (0.9 / parameter[0].numel() ** 0.5))
            else:
                parameter.copy_(0.02 * noise if name.endswith("bias") else 1.0 + 0.1 * noise)
    return module.eval().requires_grad_(requires_grad=False)


def tiny_unet(config: UNetConfig = UNET, seed: int = 1) -> UNet:
    return fill(UNet(config), seed)


def tiny_vae(config: VaeConfig = VAE, seed: int = 2) -> Vae:
    return fill(Vae(config), seed)


def tiny_text_encoder(config: TextConfig = TEXT, seed: int = 3) -> TextEncoder:
    return fill(TextEncoder(config), seed)
