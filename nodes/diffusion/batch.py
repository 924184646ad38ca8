"""Batches: making two match, and keeping track of which picture of a batch is which.

A batch index says for each latent of a batch which place of the seed's noise it uses, so that one picture of a batch
can be made again alone. No batch index means 0, 1, 2, …
"""

from __future__ import annotations

from torch import Tensor

BatchIndex = tuple[int, ...]


def repeat_to_batch(tensor: Tensor, batch: int) -> Tensor:
    """The first dimension cut, or repeated from its start, to `batch` entries."""
    count = tensor.shape[0]
    if count < batch:
        tensor = tensor.repeat(-(-batch // count), *[1] * (tensor.ndim - 1))
    return tensor[:batch]


def spread_to_batch(tensor: Tensor, batch: int) -> Tensor:
    """The entries of the first dimension spread evenly over `batch` places, or picked evenly from its whole length."""
    count = tensor.shape[0]
    if count == batch:
        return tensor
    if batch < count:
        stride = (count - 1) / max(batch - 1, 1)
        return tensor[[round(place * stride) for place in range(batch)]]
    return tensor[[min(int((place + 0.5) * (count / batch)), count - 1) for place in range(batch)]]


def repeat_batch(tensor: Tensor, amount: int) -> Tensor:
    """The whole batch `amount` times."""
    return tensor.repeat(amount, *[1] * (tensor.ndim - 1))


def batch_range(batch: int, start: int, length: int) -> tuple[int, int]:
    """A start and a length that lie within a batch, from any that were asked for."""
    start = min(batch - 1, start)
    return start, min(batch - start, length)


def select_index(index: BatchIndex | None, start: int, length: int) -> BatchIndex:
    """The batch index of a part of a batch."""
    return tuple(range(start, start + length)) if index is None else index[start : start + length]


def repeat_index(index: BatchIndex | None, amount: int) -> BatchIndex | None:
    """The batch index of a batch repeated `amount` times: every repetition has noise of its own."""
    if index is None:
        return None
    span = max(index) - min(index) + 1
    return tuple(place + span * i for i in range(amount) for place in index)


def join_index(first: BatchIndex | None, batch1: int, second: BatchIndex | None, batch2: int) -> BatchIndex:
    """The batch index of two batches joined: each keeps its own noise."""
    return (first or tuple(range(batch1))) + (second or tuple(range(batch2)))
