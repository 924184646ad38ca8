"""The statistics of picture embeddings that an unCLIP checkpoint carries, if it carries any."""

from __future__ import annotations

from typing import Final

from nodes.diffusion.unclip import EmbeddingStatistics
from nodes.weights.files import read_header, read_tensors
from nodes.weights.load import WeightsRef

KEYS: Final = ("noise_augmentor.data_mean", "noise_augmentor.data_std")


def read_statistics(ref: WeightsRef) -> EmbeddingStatistics | None:
    """None for other models, and for those whose embeddings are taken as they are. Raises a `WeightsError`."""
    if ref.config.label != "picture":
        return None
    header = read_header(ref.path)
    if not header.tensors.keys() >= set(KEYS):
        return None
    tensors = read_tensors(header, KEYS)
    mean, deviation = (tensors[key].float().flatten() for key in KEYS)
    return EmbeddingStatistics(mean, deviation)
