"""What one call of SD 1.5's U-Net takes: 64x64 cells, a batch of two (both sides of guidance), 77 tokens, random weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from bench.rows import Row, median_row
from nodes.diffusion.adapters import Applied, Hadamard, adapted
from nodes.diffusion.config import SD15
from nodes.diffusion.unet import UNet
from nodes.memory.policy import choose_policy
from nodes.memory.probe import probe_hardware
from nodes.weights.arena import Arena, arena_bytes
from nodes.weights.keymaps import Part
from nodes.weights.load import build
from nodes.weights.patched import merge_layers

CALLS: Final = 3
_RANK: Final = 4


def rows() -> Iterator[Row]:
    """Both precisions as the policy places them; in float32 also under an adapter of every layer, its weights made at each
    call and kept, and how many bytes a call holds beside the weights."""
    threads = torch.get_num_threads()
    for precision in ("fp32", "bf16"):
        unet = _random(precision)
        yield median_row(f"SD 1.5 U-Net, {precision}, batch 2, {threads} threads", _calls(unet))
        if precision == "fp32":
            changes = _loha(unet)
            yield median_row("the same under a LoHa, made at each call", _calls(adapted(unet, changes)))
            ready = merge_layers(unet, changes, None)
            yield median_row("the same under a LoHa, kept", _calls(adapted(unet, changes, None, ready)))
            del ready
            yield Row("memory of a call beside its weights", _extra_bytes(unet) / 2**20, "MiB", 1)
        del unet


def _calls(unet: UNet) -> list[float]:
    """Seconds of each call but the first, which makes ready."""
    call = _call(unet)
    call()
    taken = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken


def _call(unet: UNet) -> Callable[[], Tensor]:
    x, context = torch.randn(2, 4, 64, 64), torch.randn(2, 77, SD15.unet.context_dim)
    timesteps = torch.full((2,), 500.0)

    def call() -> Tensor:
        with torch.inference_mode():
            out: Tensor = unet(x, timesteps, context)
            return out

    return call


def _random(precision: str) -> UNet:
    """A U-Net of random weights, placed as it would be from a file."""
    placement = choose_policy("cpu", precision, probe_hardware()).placement(Part.UNET, SD15)
    unet = build(Part.UNET, SD15)
    assert isinstance(unet, UNet)
    shapes = {name: one.shape for name, one in unet.state_dict().items()}
    arena = Arena(arena_bytes(shapes.values(), placement.dtype))
    state = {
        name: arena.empty(shape, placement.dtype, channels_last=placement.channels_last).normal_(0, 0.02)
        for name, shape in shapes.items()
    }
    unet.load_state_dict(state, assign=True)
    return unet.eval().requires_grad_(requires_grad=False)


def _loha(unet: UNet) -> dict[str, list[Applied]]:
    """A small Hadamard product for every linear layer and convolution."""
    changes = {}
    for name, layer in unet.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            out, into = layer.weight.shape[0], layer.weight[0].numel()
            left, right = torch.randn(out, _RANK) * 0.01, torch.randn(_RANK, into) * 0.01
            changes[name] = [Applied(Hadamard(left, right, left, right))]
    return changes


def _extra_bytes(unet: UNet) -> int:
    """The most resident memory during a call, less what was there before."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    _call(unet)()
    return _resident("VmHWM") - before


def _resident(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024
