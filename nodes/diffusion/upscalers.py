"""The networks that enlarge pictures, by their configuration."""

from __future__ import annotations

from nodes.diffusion.esrgan import CompactConfig, CompactNet, RrdbConfig, RrdbNet
from nodes.diffusion.swin_ir import SwinIr, SwinIrConfig
from nodes.diffusion.upscaler import Upscaler

UpscalerConfig = RrdbConfig | CompactConfig | SwinIrConfig


def build_upscaler(config: UpscalerConfig) -> Upscaler:
    match config:
        case RrdbConfig():
            return RrdbNet(config)
        case CompactConfig():
            return CompactNet(config)
        case SwinIrConfig():
            return SwinIr(config)
