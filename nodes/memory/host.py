"""What this machine has, for those who must not import torch: whoever opens a cache asks."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # x86, x86 with tiles, Arm


def host_bytes(cgroup_limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """Physical memory, or the container's limit where that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = cgroup_limit.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU has bfloat16 instructions. Where the system does not say, no: float32 is never wrong."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return not _BF16_FLAGS.isdisjoint(flags.split())


def what_auto_rests_on(proc: Path = Path("/proc")) -> str:
    """All that decides where `auto` computes and in which precision (`nodes/memory/policy.py`), for the keys of results: a
    cache may outlive a graphics card, or be shared with a machine that has another."""
    cards = [_model(file) for file in sorted(proc.glob("driver/nvidia/gpus/*/information"))]
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    bf16 = "bf16" if cpu_has_bf16(proc / "cpuinfo") else "no bf16"
    return f"torch {torch_version()}, cards {', '.join(cards) or 'none'} ({seen} visible), CPU with {bf16}"


def _model(information: Path) -> str:
    lines = information.read_text(errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model:")), "unknown")


def torch_version() -> str:
    """Of the torch that is installed: `2.13.0+cpu`, or nothing where there is none."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""
