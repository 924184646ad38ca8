"""The random numbers of a step: a function of the run's seed and the step's number, and of nothing else."""

from __future__ import annotations

import hashlib
from random import Random

import torch


def step_generator(seed: int, step: int, part: int = 0) -> torch.Generator:
    """Torch's generator for a step, or for one worker's part of it."""
    digest = hashlib.blake2b(f"{seed}/{step}/{part}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


def step_random(seed: int, step: int) -> Random:
    """Python's generator for a step: choices of pictures and words."""
    return Random(f"{seed}/{step}")
