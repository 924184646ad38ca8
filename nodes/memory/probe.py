"""What the machine has: one frozen value, measured once and handed to the policy. Tests make their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from nodes.memory.host import cpu_has_bf16


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """One accelerator: its name, its memory in bytes, and whether it computes bfloat16 natively."""

    name: str
    total_bytes: int
    bf16: bool


@dataclass(frozen=True, slots=True)
class Hardware:
    """CUDA devices by index, which of them is meant where none is named, and whether the CPU has bfloat16 instructions."""

    cuda: tuple[CudaDevice, ...] = ()
    cpu_bf16: bool = False
    own_cuda: int = 0


def probe_hardware() -> Hardware:
    """Look at this machine. Touches CUDA only if a driver is there. Of several processes that torch's launcher has started
    each has a device of its own."""
    return Hardware(_cuda_devices(), cpu_has_bf16(), int(os.environ.get("LOCAL_RANK", "0")))


def free_bytes(device: torch.device, meminfo: Path = Path("/proc/meminfo")) -> int:
    """What can be allocated on a device now, without taking from others; 0 where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return 0
    kilobytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), "0")
    return int(kilobytes) * 1024


def _cuda_devices() -> tuple[CudaDevice, ...]:
    if not torch.cuda.is_available():
        return ()
    found = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    return tuple(CudaDevice(one.name, one.total_memory, one.major >= 8) for one in found)
