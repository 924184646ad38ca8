"""Distances between sets of pictures, in the features of a judge: how alike as a whole, how near to what was trained on, how
far from each other."""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between Gaussians fitted to features [N, D] (Dowson and Landau, 1982). In features of our own this is no FID."""
    means = [features.double().mean(0) for features in (one, other)]
    covariances = [torch.cov(features.double().T) for features in (one, other)]
    values, vectors = torch.linalg.eigh(covariances[0])
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ covariances[1] @ root).clamp(min=0).sqrt().sum()
    traces = torch.trace(covariances[0]) + torch.trace(covariances[1])
    return float((means[0] - means[1]).pow(2).sum() + traces - 2 * cross)


def nearest(features: Tensor, among: Tensor) -> Tensor:
    """The distance of each of [N, D] to the nearest of [M, D]: [N]."""
    return torch.cdist(features, among).min(1).values


def spread(features: Tensor) -> float:
    """The mean distance between two different ones of [N, D]."""
    count = len(features)
    return float(torch.cdist(features, features).sum() / (count * (count - 1)))
