"""Operations on latents as values, and latents beside each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from graph.declare import Range, node
from nodes.builtin.model_patches import patched
from nodes.builtin.ranges import MAX_SIDE
from nodes.diffusion import latent_operations as operations
from nodes.diffusion.batch import repeat_to_batch
from nodes.diffusion.latent_operations import Sharpen, TonemapReinhard
from nodes.diffusion.operation_patches import guidance_patch
from nodes.errors import UnsuitableInput
from nodes.sockets import Latent, LatentOperation, Model

_DIMENSIONS = {"x": 3, "y": 2, "t": 1}


@node("LatentConcat", category="latent/advanced", returns="LATENT")
def latent_concat(*, samples1: Latent, samples2: Latent, dim: Literal["x", "-x", "y", "-y", "t", "-t"]) -> Latent:
    """Two latents beside each other: the second after the first, or before it with a minus."""
    first, second = samples1.samples, repeat_to_batch(samples2.samples, samples1.batch)
    along = _DIMENSIONS[dim.removeprefix("-")]
    if any(first.shape[i] != second.shape[i] for i in range(1, 4) if i != along):
        raise UnsuitableInput(
            f"latents of shape {list(first.shape)} and {list(second.shape)} do not fit beside each other along {dim}",
            hint="Scale or crop one of them first.",
        )
    if dim.startswith("-"):
        first, second = second, first
    return replace(samples1, samples=operations.concat(first, second, along))


@node("LatentCut", category="latent/advanced", returns="LATENT")
def latent_cut(
    *,
    samples: Latent,
    dim: Literal["x", "y", "t"],
    index: Annotated[int, Range(-MAX_SIDE, MAX_SIDE, 1)] = 0,
    amount: Annotated[int, Range(1, MAX_SIDE, 1)] = 1,
) -> Latent:
    """Some rows or columns of cells. A negative index counts from the end."""
    return replace(samples, samples=operations.cut(samples.samples, _DIMENSIONS[dim], index, amount))


@node("LatentBatchSeedBehavior", category="latent/advanced", returns="LATENT")
def latent_batch_seed_behavior(*, samples: Latent, seed_behavior: Literal["random", "fixed"] = "fixed") -> Latent:
    """Whether the latents of a batch get noise each of its own, or all the same."""
    if seed_behavior == "random":
        return replace(samples, batch_index=None)
    place = samples.batch_index[0] if samples.batch_index else 0
    return replace(samples, batch_index=(place,) * samples.batch)


@node("LatentApplyOperation", category="latent/advanced/operations", returns="LATENT", experimental=True)
def latent_apply_operation(*, samples: Latent, operation: LatentOperation) -> Latent:
    """Do something to a latent."""
    return replace(samples, samples=operation.function(samples.samples))


@node(
    "LatentApplyOperationCFG",
    category="latent/advanced/operations",
    returns="MODEL",
    experimental=True,
    lane="inline",
)
def latent_apply_operation_cfg(*, model: Model, operation: LatentOperation) -> Model:
    """Do something to the guidance of a model, at every step."""
    return patched(model, guidance_patch(operation.function))


@node(
    "LatentOperationTonemapReinhard",
    category="latent/advanced/operations",
    returns="LATENT_OPERATION",
    experimental=True,
    lane="inline",
)
def latent_operation_tonemap_reinhard(
    *, multiplier: Annotated[float, Range(0.0, 100.0, 0.01)] = 1.0
) -> LatentOperation:
    """Tame what is extreme in a latent, as high contrast is tamed in photographs."""
    return LatentOperation(TonemapReinhard(multiplier))


@node(
    "LatentOperationSharpen",
    category="latent/advanced/operations",
    returns="LATENT_OPERATION",
    experimental=True,
    lane="inline",
)
def latent_operation_sharpen(
    *,
    sharpen_radius: Annotated[int, Range(1, 31, 1)] = 9,
    sigma: Annotated[float, Range(0.1, 10.0, 0.1)] = 1.0,
    alpha: Annotated[float, Range(0.0, 5.0, 0.01)] = 0.1,
) -> LatentOperation:
    """Sharpen a latent by unsharp masking."""
    return LatentOperation(Sharpen(sharpen_radius, sigma, alpha))
