"""Where networks run and in which precision: decided once, from the user's words and the hardware, and then fixed.

The decision never depends on a timing made at run time, so the same machine always computes the same picture. What was
measured instead (2 cores of an EPYC with avx512_bf16, torch 2.13, one U-Net call at batch 2):

    network                   fp32     fp32 channels-last   bf16     bf16 channels-last
    SD 1.5, 512x512           10.6 s   11.5 s               7.5 s    5.9 s
    embedded model, 128x128   24 ms    24 ms                20 ms    18 ms

Hence on a CPU with bfloat16 instructions: wide U-Nets in bf16 and channels-last; narrow ones in fp32, where a few
milliseconds are not worth the rounding; text and VAE in fp32.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from graph.errors import GraphError
from nodes.diffusion.clip_vision import ClipVisionConfig
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.control_net import ControlNetConfig
from nodes.diffusion.esrgan import CompactConfig, RrdbConfig
from nodes.diffusion.gligen import GligenConfig
from nodes.diffusion.photomaker import PhotoMakerConfig
from nodes.diffusion.style_adapter import StyleConfig
from nodes.diffusion.swin_ir import SwinIrConfig
from nodes.diffusion.t2i_adapter import T2iAdapterConfig
from nodes.diffusion.taesd import TaesdConfig
from nodes.memory.probe import Hardware
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.networks import NetworkConfig

Precision = Literal["auto", "fp32", "bf16", "fp16"]

_DTYPES: Mapping[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_WORTH_BF16_ON_CPU = 128  # base channels from which a U-Net gains enough


class PolicyError(GraphError):
    """The device or precision asked for does not exist here."""

    code = "device_unavailable"


@dataclass(frozen=True, slots=True)
class Placement:
    """How one network is held: device, precision, and the memory layout of its convolutions.

    A network that is `streamed` keeps its weights as its file has them, and brings each to device and precision as it is
    needed."""

    device: str
    dtype: torch.dtype
    channels_last: bool
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class DevicePolicy:
    """The device and the precision of each kind of network.

    U-Nets of fewer than `least_width` base channels compute in float32 whatever `unet` says. `bf16`: whether the device has
    instructions for bfloat16.
    """

    device: str
    unet: torch.dtype
    text: torch.dtype
    vae: torch.dtype
    least_width: int = 0
    bf16: bool = True

    def placement(self, part: Part, config: ModelConfig) -> Placement:
        """Where and how a part of a model is held."""
        dtype = self._dtype(part, config)
        # Half-precision convolutions are fastest in channels-last, float32 ones in the default layout.
        return Placement(self.device, dtype, channels_last=dtype is not torch.float32)

    def placement_of(self, ref: WeightsRef) -> Placement:
        """Where and how the part of a reference is held: as the policy says, but for what was chosen for it."""
        plain = self.placement(ref.part, ref.config)
        device = "cpu" if ref.on_cpu else plain.device
        dtype = plain.dtype if ref.compute_dtype is None else _DTYPES[ref.compute_dtype]
        return Placement(device, dtype, channels_last=dtype is not torch.float32)

    def network_dtype(self, config: NetworkConfig) -> torch.dtype:
        """The precision of a network in a file of its own."""
        match config:
            case TaesdConfig():
                return self.vae
            case ControlNetConfig() | GligenConfig():
                return torch.float32 if config.unet.model_channels < self.least_width else self.unet
            case ClipVisionConfig() | PhotoMakerConfig():
                return self.text
            case RrdbConfig() | CompactConfig() | SwinIrConfig() | T2iAdapterConfig() | StyleConfig():
                return torch.float32

    def _dtype(self, part: Part, config: ModelConfig) -> torch.dtype:
        match part:
            case Part.UNET if config.unet.model_channels < self.least_width:
                return torch.float32
            case Part.UNET:
                return self.unet
            case Part.VAE:
                return self.vae
            case Part.TEXT | Part.TEXT_2:
                return self.text


def choose_policy(device: str, precision: str, hardware: Hardware) -> DevicePolicy:
    """The policy for `--device auto|cpu|cuda[:N]` and `--precision auto|fp32|bf16|fp16`.

    Raises `PolicyError` (codes device_unknown, device_unavailable, precision_unknown).
    """
    if precision not in get_args(Precision):
        raise PolicyError(
            f"there is no precision {precision!r}", code="precision_unknown", hint="Use auto, fp32, bf16 or fp16."
        )
    index = _cuda_index(device, hardware)
    if index is None:
        return _on_cpu(precision, hardware)
    return _on_cuda(f"cuda:{index}", precision, bf16=hardware.cuda[index].bf16)


def require_usable(device: str) -> None:
    """Compute something on the device of a policy. Raises `PolicyError` (device_unusable) where nothing can be: a card may
    be listed and yet be taken by others, broken, or too new for this torch."""
    try:
        torch.ones(1, device=device).add_(1).cpu()
    except (RuntimeError, AssertionError) as error:  # the second is torch's for a build without CUDA
        reason = str(error).partition("\n")[0]
        raise PolicyError(
            f"nothing can be computed on {device!r}: {reason}",
            code="device_unusable",
            hint="Look at it with nvidia-smi, or use --device cpu.",
        ) from None


def _cuda_index(device: str, hardware: Hardware) -> int | None:
    if device == "cpu" or (device == "auto" and not hardware.cuda):
        return None
    match = re.fullmatch(r"auto|cuda(?::(\d+))?", device)
    if match is None:
        raise PolicyError(
            f"there is no device {device!r}", code="device_unknown", hint="Use auto, cpu, cuda or cuda:N."
        )
    index = hardware.own_cuda if match[1] is None else int(match[1])
    if index >= len(hardware.cuda):
        raise PolicyError(
            f"device {device!r} is not on this machine, which has {len(hardware.cuda)} CUDA devices",
            hint="Use --device cpu, no more processes than devices, or install a torch with CUDA and its driver.",
        )
    return index


def _on_cpu(precision: str, hardware: Hardware) -> DevicePolicy:
    if precision == "auto":
        unet = torch.bfloat16 if hardware.cpu_bf16 else torch.float32
        return DevicePolicy(
            "cpu", unet, torch.float32, torch.float32, least_width=_WORTH_BF16_ON_CPU, bf16=hardware.cpu_bf16
        )
    dtype = _DTYPES[precision]
    return DevicePolicy("cpu", dtype, dtype, vae=torch.float32, bf16=hardware.cpu_bf16)


def _on_cuda(device: str, precision: str, *, bf16: bool) -> DevicePolicy:
    # Half precision overflows in SDXL's VAE, bfloat16 and float32 do not.
    half_vae = torch.bfloat16 if bf16 else torch.float32
    if precision == "auto":
        return DevicePolicy(device, torch.float16, torch.float32, half_vae, bf16=bf16)
    dtype = _DTYPES[precision]
    return DevicePolicy(device, dtype, dtype, torch.float32 if dtype is torch.float32 else half_vae, bf16=bf16)
