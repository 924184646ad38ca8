"""Training on several devices: processes that torch's own launcher starts, each with an equal part of every batch.

    torchrun --nproc-per-node 2 -m server train workflows/training/embedded_model.json

Every process draws a whole batch from the step's seed and computes its own rows; the gradients are averaged over all. So the
numbers are those of one process, up to the order of sums. Only the first process writes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NoReturn

import torch
from torch import Tensor, distributed

from graph.errors import GraphError
from nodes.training.errors import TrainingError
from nodes.training.gradients import Gradients


@dataclass(frozen=True, slots=True)
class Share:
    """One process's part of the work: the `number`-th, from 0, of `count` equal ones."""

    number: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.number == 0

    def rows(self, batch: int) -> slice:
        """Its rows of a batch. Raises TrainingError ("batch_not_divisible")."""
        if batch % self.count:
            raise TrainingError(
                "batch_not_divisible",
                f"a batch of {batch} does not split over {self.count} processes",
                f"Use a multiple of {self.count}.",
            )
        part = batch // self.count
        return slice(self.number * part, (self.number + 1) * part)


WHOLE = Share()

_PATIENCE: Final = timedelta(days=7)


class ProcessLost(GraphError):
    """Another process of the run has ended. What this one holds is as after its last whole step."""


def own_share() -> Share:
    """This process's part: all of it where there is but one."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return WHOLE
    return Share(distributed.get_rank(), distributed.get_world_size())


def averaged(gradients: Gradients) -> Gradients:
    """The mean of all processes' losses and gradients, the same bits in each. Raises ProcessLost."""
    count = own_share().count
    if count == 1:
        return gradients
    device = gradients.gradients[0].device
    loss = torch.tensor([gradients.loss], dtype=torch.float32, device=device)
    flat = torch.cat([loss, *(one.flatten().float() for one in gradients.gradients)])
    with _noticing():
        distributed.all_reduce(flat)
    flat.div_(count)
    parts = torch.split(flat[1:], [one.numel() for one in gradients.gradients])
    means = tuple(part.view_as(one) for part, one in zip(parts, gradients.gradients, strict=True))
    return Gradients(float(flat[0]), means)


def shared_out(work: Callable[[Tensor], Tensor], wanted: Sequence[Tensor]) -> list[Tensor]:
    """What `work` makes of each tensor, float32 of the same shape, each made by one process and the same bits in all.

    Raises ProcessLost.
    """
    share = own_share()
    if share.count == 1 or not wanted:
        return [work(one) for one in wanted]
    mine = _turns([one.numel() * min(one.shape) for one in wanted], share.count)[share.number]
    flat = torch.cat(
        [(work(one) if place in mine else torch.zeros_like(one)).flatten() for place, one in enumerate(wanted)]
    )
    with _noticing():
        distributed.all_reduce(flat)  # one term of each sum is not zero
    parts = torch.split(flat, [one.numel() for one in wanted])
    return [part.view(one.shape) for part, one in zip(parts, wanted, strict=True)]


def _turns(costs: Sequence[int], count: int) -> list[set[int]]:
    """Which pieces of work each of `count` takes, so that all have about as much: the dearest first, to who has least."""
    turns: list[set[int]] = [set() for _ in range(count)]
    loads = [0] * count
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        least = loads.index(min(loads))
        turns[least].add(place)
        loads[least] += costs[place]
    return turns


def told_by_first(number: int) -> int:
    """What the first process says, in all of them. Raises ProcessLost."""
    if own_share().count == 1:
        return number
    told = torch.tensor([number], device=_device())
    with _noticing():
        distributed.broadcast(told, 0)
    return int(told)


def all_here() -> None:
    """Wait until every process has come to this. Raises ProcessLost."""
    told_by_first(0)


@contextmanager
def joined() -> Iterator[Share]:
    """Inside, this process is one of those that torch's launcher has started (`RANK`, `WORLD_SIZE`, ... say which)."""
    if torch.cuda.is_available():
        torch.cuda.set_device(_own_cuda())
    # One may encode or measure for hours before it comes to where the others wait. A process that ends is noticed at once.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        yield own_share()
    finally:
        distributed.destroy_process_group()


def leave(status: int) -> NoReturn:
    """End this process, one of several that have all come to their end, as it is. In the orderly way a thread of torch's
    communication that still runs now and then aborts the process after all is done, and the launcher reports a failure."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def _noticing() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch says of a closed connection no more than this
        raise ProcessLost(
            f"another process of this run has ended: {error}",
            code="process_lost",
            hint="Run the same command again: it goes on from the last checkpoint.",
        ) from error


def _device() -> torch.device:
    return torch.device("cuda", _own_cuda()) if torch.cuda.is_available() else torch.device("cpu")


def _own_cuda() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))
