"""What a file of an upscale model says: which network, where, and how its names and shapes are looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nodes.diffusion.upscalers import UpscalerConfig
from nodes.weights.files import Header
from nodes.weights.keymaps import Place


@dataclass(frozen=True, slots=True)
class UpscalerFile:
    """What network it is, and where in the file."""

    config: UpscalerConfig
    place: Place


def numbers(header: Header, prefix: str, pattern: re.Pattern[str]) -> list[int]:
    """The numbers (group 1) in the names that fit, behind the prefix."""
    matches = (pattern.fullmatch(name.removeprefix(prefix)) for name in header.tensors if name.startswith(prefix))
    return [int(match[1]) for match in matches if match]


def shape(header: Header, name: str) -> tuple[int, ...] | None:
    entry = header.tensors.get(name)
    return None if entry is None else entry.shape
