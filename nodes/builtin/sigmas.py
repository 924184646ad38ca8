"""Noise levels as values: cutting a schedule, reversing it, refining it, writing one by hand."""

from __future__ import annotations

from typing import Annotated

from graph.declare import Range, node
from nodes.builtin.ranges import Share
from nodes.diffusion import sigma_operations
from nodes.diffusion.schedule import noise_schedule
from nodes.errors import UnsuitableInput
from nodes.sockets import Model, Sigmas


@node("SplitSigmas", category="sampling/custom_sampling/sigmas", returns=("high_sigmas", "low_sigmas"))
def split_sigmas(*, sigmas: Sigmas, step: Annotated[int, Range(0, 10000)] = 0) -> tuple[Sigmas, Sigmas]:
    """Cut a schedule in two after some steps; both parts have the level at the cut."""
    high, low = sigma_operations.split(sigmas.values, step)
    return Sigmas(high), Sigmas(low)


@node("SplitSigmasDenoise", category="sampling/custom_sampling/sigmas", returns=("high_sigmas", "low_sigmas"))
def split_sigmas_denoise(*, sigmas: Sigmas, denoise: Share = 1.0) -> tuple[Sigmas, Sigmas]:
    """Cut a schedule in two so that the second part is this share of its steps."""
    high, low = sigma_operations.split_by_denoise(sigmas.values, denoise)
    return Sigmas(high), Sigmas(low)


@node("FlipSigmas", category="sampling/custom_sampling/sigmas", returns="SIGMAS")
def flip_sigmas(*, sigmas: Sigmas) -> Sigmas:
    """A schedule backwards, from picture to noise."""
    return Sigmas(sigma_operations.flip(sigmas.values))


@node("SetFirstSigma", category="sampling/custom_sampling/sigmas", returns="SIGMAS")
def set_first_sigma(*, sigmas: Sigmas, sigma: Annotated[float, Range(0.0, 20000.0, 0.001)] = 136.0) -> Sigmas:
    """Start a schedule at another level."""
    return Sigmas(sigma_operations.set_first(sigmas.values, sigma))


@node("ExtendIntermediateSigmas", category="sampling/custom_sampling/sigmas", returns="SIGMAS")
def extend_intermediate_sigmas(
    *,
    sigmas: Sigmas,
    steps: Annotated[int, Range(1, 100)] = 2,
    start_at_sigma: Annotated[float, Range(-1.0, 20000.0, 0.01)] = -1.0,
    end_at_sigma: Annotated[float, Range(0.0, 20000.0, 0.01)] = 12.0,
    spacing: sigma_operations.Spacing,
) -> Sigmas:
    """Cut each step between two levels into several. A start below 0 is that of the schedule."""
    values = sigma_operations.extend_intermediate(sigmas.values, steps, start_at_sigma, end_at_sigma, spacing)
    return Sigmas(values)


@node("SamplingPercentToSigma", category="sampling/custom_sampling/sigmas", returns="sigma_value")
def sampling_percent_to_sigma(
    *,
    model: Model,
    sampling_percent: Annotated[float, Range(0.0, 1.0, 0.0001)] = 0.0,
    return_actual_sigma: bool = False,
) -> float:
    """The noise level after a share of the model's schedule.

    The ends are beyond every level (a large number and 0), as ranges of conditioning count them, unless the actual one is
    asked for.
    """
    schedule = noise_schedule(model.config.schedule)
    if return_actual_sigma and sampling_percent == 0.0:
        return schedule.sigma_max
    if return_actual_sigma and sampling_percent == 1.0:
        return schedule.sigma_min
    return schedule.percent_to_sigma(sampling_percent)


@node("ManualSigmas", category="_for_testing/custom_sampling", returns="SIGMAS", experimental=True)
def manual_sigmas(*, sigmas: str = "1, 0.5") -> Sigmas:
    """Noise levels as they are written, from the highest to the lowest."""
    try:
        return Sigmas(sigma_operations.written(sigmas))
    except ValueError as error:
        raise UnsuitableInput(str(error)) from None
