"""What this machine has, for those who must not import torch: whoever opens a cache asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # x86, x86 with tiles, Arm


def host_bytes(root: Path = Path("/")) -> int:
    """Physical memory, or what this process may use of it where that is less: the limit of a container or a unit of systemd
    (`MemoryMax`), by the files of control groups below `root`."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    """The limits of the control groups that this process is in: of its own, and of all that these are part of."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if (hierarchy, controllers) == ("0", ""):
            mounted, file = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mounted, file = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        inside = PurePosixPath(group.lstrip("/"))
        if ".." in inside.parts:  # outside of what a container sees of the groups
            inside = PurePosixPath()
        for one in (inside, *inside.parents):
            limit = _text(mounted / one / file).strip()
            if limit.isdecimal():
                yield int(limit)


def _text(file: Path) -> str:
    """What is in a file, nothing where it cannot be read."""
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU has bfloat16 instructions. Where the system does not say, no: float32 is never wrong."""
    lines = _text(cpuinfo).splitlines()
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
