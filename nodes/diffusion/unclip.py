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
from nodes.diffusion.noise_augmentation import embedding_level, noised_embeddings, picture_seed


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingStatistics:
    """The mean and the deviation [P] of the embeddings that a model was trained on."""

    mean: Tensor
    deviation: Tensor


def unclip_label(
    hints: Sequence[PictureHint],
    width: int,
    seed: int,
    statistics: EmbeddingStatistics | None = None,
    merged_noise: float = 0.05,
) -> Tensor:
    """The label [1, width]; zeros without pictures. Each picture is noised as if it were the only one of the run's `seed`.

    The sum of several is noised once more, by the share `merged_noise` (0..1) of the most, and told as of that level.
    """
    labels: list[Tensor] = []
    generator = _generator(seed)
    for hint in hints:
        level = embedding_level(hint.noise_augmentation)
        for row in hint.embeddings.float().cpu():
            generator = _generator(seed)
            labels.append(hint.strength * _label(row[None], level, generator, statistics))
    if not labels:
        return torch.zeros(1, width)
    if len(labels) == 1:
        return labels[0]
    together = torch.stack(labels).sum(dim=0)[:, : width // 2]
    return _label(together, embedding_level(merged_noise), generator, statistics)


def _generator(seed: int) -> torch.Generator:
    """That of the noise on pictures: not the one that the starting noise comes from."""
    return seeded_generator(picture_seed(seed))


def _label(embedding: Tensor, level: int, generator: torch.Generator, statistics: EmbeddingStatistics | None) -> Tensor:
    """An embedding [1, P], noised, and behind it the embedding of the noise level."""
    told = timestep_embedding(torch.tensor([level]), embedding.shape[1])
    return torch.cat([_noised(embedding, level, generator, statistics), told], dim=1)


def _noised(
    embedding: Tensor, level: int, generator: torch.Generator, statistics: EmbeddingStatistics | None
) -> Tensor:
    if statistics is None:
        return noised_embeddings(embedding, level, generator)
    normal = (embedding - statistics.mean) / statistics.deviation
    return noised_embeddings(normal, level, generator) * statistics.deviation + statistics.mean
