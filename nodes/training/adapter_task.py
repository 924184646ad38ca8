"""The task of training an adapter on a frozen U-Net: a few latents, each with what it shows.

The network is seen through the adapter at each step, by the very functions that later apply it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from random import Random

import torch
from torch import Tensor, nn

from nodes.diffusion.adapters import adapted
from nodes.diffusion.conditioning import ConditioningEntry, moved
from nodes.diffusion.config import ModelConfig
from nodes.diffusion.inputs import Canvas, network_inputs
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.training.losses import LossName, errors_of_examples
from nodes.diffusion.training.noising import forward_process, noised, stratified_timesteps, training_target
from nodes.diffusion.training.recomputing import recomputed
from nodes.diffusion.training.trainable_adapters import TrainableAdapter
from nodes.diffusion.unet import UNet
from nodes.training.chance import step_generator
from nodes.training.gradients import Gradients
from nodes.training.precision import TrainingDtype, computing, computing_again
from nodes.training.ranks import Share


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned: scaled latents [N, C, h, w], float32 on the CPU, and the conditioning of each."""

    latents: Tensor
    entries: Sequence[ConditioningEntry]


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """How examples are used: so many at once, so many times for one update."""

    batch: int
    accumulated: int
    loss: LossName
    dtype: TrainingDtype
    recompute: bool
    seed: int


class AdapterTask:
    """Trains the factors of an adapter. The network may be in any precision and on any device."""

    def __init__(
        self,
        network: UNet,
        config: ModelConfig,
        adapter: TrainableAdapter,
        examples: Examples,
        settings: AdapterSettings,
    ) -> None:
        self._network = network
        self._config = config
        self._adapter = adapter
        self._examples = examples
        self._settings = settings
        self._schedule = noise_schedule(config.schedule)
        self._process = forward_process(self._schedule)

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return self._adapter.parameters

    def gradients(self, step: int, share: Share) -> Gradients:
        settings, parameters = self._settings, list(self.parameters.values())
        number = settings.batch * settings.accumulated
        picked = picks(settings.seed, step * number, number, len(self._examples.entries))
        generator = step_generator(settings.seed, step)
        t = stratified_timesteps(number, self._process.timesteps, generator)
        epsilon = torch.randn((number, *self._examples.latents.shape[1:]), generator=generator)
        total, loss = [torch.zeros_like(one) for one in parameters], 0.0
        for start in range(0, number, settings.batch):
            rows = share.rows(settings.batch)
            part = slice(start + rows.start, start + rows.stop)
            part_loss = self._loss(picked[part], t[part], epsilon[part])
            found = torch.autograd.grad(part_loss, parameters, allow_unused=True, materialize_grads=True)
            torch._foreach_add_(total, list(found))
            loss += part_loss.item()
        torch._foreach_div_(total, float(settings.accumulated))
        return Gradients(loss / settings.accumulated, tuple(total))

    def _loss(self, picked: Sequence[int], t: Tensor, epsilon: Tensor) -> Tensor:
        x0 = self._examples.latents[list(picked)]
        process, prediction = self._process, self._config.schedule.prediction
        target = training_target(prediction, process, x0, epsilon, t)
        x = noised(process, x0, epsilon, t)
        device = next(self._network.parameters()).device
        told = self._schedule.timestep(self._schedule.sigmas[t])
        network = adapted(self._network, self._adapter.changes())
        if self._settings.recompute:
            network = recomputed(network, partial(computing_again, self._settings.dtype, device))
        errors = []
        for rows, entries in self._groups(picked):
            with computing(self._settings.dtype, device):
                predicted = self._predicted(network, x[rows], told[rows], entries, device)
            errors.append(errors_of_examples(self._settings.loss, predicted, target[rows].to(device)))
        return torch.cat(errors).mean()

    def _predicted(
        self, network: UNet, x: Tensor, t: Tensor, entries: Sequence[ConditioningEntry], device: torch.device
    ) -> Tensor:
        """The network's prediction for examples whose contexts are of one length."""
        x = x.to(device)
        made = [
            network_inputs(self._config, moved(entry, device), Canvas(x[row : row + 1]), "positive")
            for row, entry in enumerate(entries)
        ]
        beside = [one.concat for one in made if one.concat is not None]
        labels = [one.y for one in made if one.y is not None]
        predicted: Tensor = network(
            torch.cat([x, torch.cat(beside)], 1) if beside else x,
            t.to(device),
            torch.cat([one.context for one in made]),
            torch.cat(labels) if labels else None,
        )
        return predicted

    def _groups(self, picked: Sequence[int]) -> list[tuple[list[int], list[ConditioningEntry]]]:
        """Rows of the batch with their entries, together where contexts are of one length."""
        by_length: dict[int, list[int]] = {}
        for row, number in enumerate(picked):
            by_length.setdefault(self._examples.entries[number].embedding.shape[1], []).append(row)
        return [(rows, [self._examples.entries[picked[row]] for row in rows]) for rows in by_length.values()]


def picks(seed: int, first: int, number: int, examples: int) -> list[int]:
    """Which examples are used, from the `first` use on: all in a new order before any comes again."""
    uses = range(first, first + number)
    return [_order(seed, use // examples, examples)[use % examples] for use in uses]


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, examples: int) -> list[int]:
    """The order of a turn, kept while it lasts: a step looks at a few places of many."""
    return Random(f"{seed}/turn {turn}").sample(range(examples), examples)
