"""The label of models that are guided by what CLIP sees in pictures (Ramesh et al., 2022, "unCLIP", section 2.1).

An embedding is normalised, given noise of some level and brought back; behind it goes the embedding of the level, so that
the network knows how far to follow. Several pictures add up, each at its strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nodes.diffusion.blocks import timestep_embedding
from nodes.diffusion.conditioning import PictureHint
from nodes.diffusion.noise import seeded_generator
from nodes.diffusion.noise_augmentation import embedding_level, noised_embeddings


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingStatistics:
    """The mean and the deviation [P] of the embeddings that a model was trained on."""

    mean: Tensor
    deviation: Tensor


def unclip_label(
    hints: Sequence[PictureHint], width: int, seed: int, statistics: EmbeddingStatistics | None = None
) -> Tensor:
    """The label [1, width]; zeros without pictures. Noise is drawn from `seed`, picture after picture."""
    generator = seeded_generator(seed)
    label = torch.zeros(1, width)
    for hint in hints:
        level = embedding_level(hint.noise_augmentation)
        for row in hint.embeddings.float().cpu():
            embedding = row[None]
            noised = _noised(embedding, level, generator, statistics)
            told = timestep_embedding(torch.tensor([level]), embedding.shape[1])
            label = label + hint.strength * torch.cat([noised, told], dim=1)
    return label


def _noised(
    embedding: Tensor, level: int, generator: torch.Generator, statistics: EmbeddingStatistics | None
) -> Tensor:
    if statistics is None:
        return noised_embeddings(embedding, level, generator)
    normal = (embedding - statistics.mean) / statistics.deviation
    return noised_embeddings(normal, level, generator) * statistics.deviation + statistics.mean
