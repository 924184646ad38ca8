"""What is laid over the weights of a model, in the order in which it was: adapters of files, factors, other models.

These are the values on wires; nothing is read for them. `patched.py` computes what they make of a part's weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from nodes.diffusion.adapters import AttentionScale
from nodes.weights.errors import WeightsWrongFamily
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, build
from nodes.weights.lora import AdapterRef

WeightPatch: TypeAlias = "AdapterRef | AttentionScale | Merge"
"""What changes weights: the adapter of a file, factors, or the weights of another model."""

_MAY_DIFFER: Final = ("input_blocks.0.0.", "out.2.", "label_emb.")
"""Where models of one architecture may take or give other channels, or labels: an inpainting model and its base do."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The weights so far times `kept`, and those of another model under its own patches times `added`.

    `others` has a reference for each part of the other model. `ratios` are by what names of parameters begin with, the
    longest deciding: those weights are kept so many times and the other's added for the rest, 1 - ratio.
    """

    others: tuple[WeightsRef, ...]
    patches: tuple[WeightPatch, ...] = ()
    kept: float = 1.0
    added: float = 1.0
    ratios: tuple[tuple[str, float], ...] = ()

    def shares(self, name: str) -> tuple[float, float]:
        """How many times a parameter of this name is kept, and the other's is added."""
        fitting = [(len(prefix), ratio) for prefix, ratio in self.ratios if name.startswith(prefix)]
        if not fitting:
            return self.kept, self.added
        _, ratio = max(fitting)
        return ratio, 1.0 - ratio

    def other(self, part: Part) -> WeightsRef:
        """The same part of the other model."""
        return next(ref for ref in self.others if ref.part is part)


def split_at_merge(patches: Sequence[WeightPatch]) -> tuple[tuple[WeightPatch, ...], tuple[WeightPatch, ...]]:
    """The patches up to the last merge, and those after it."""
    end = max((index + 1 for index, one in enumerate(patches) if isinstance(one, Merge)), default=0)
    return tuple(patches[:end]), tuple(patches[end:])


def with_paths(patch: WeightPatch, path: Path) -> WeightPatch:
    """The patch with one path in place of all: equal contents are equal then, wherever they are."""
    match patch:
        case AdapterRef():
            return replace(patch, path=path)
        case Merge():
            others = tuple(replace(ref, path=path) for ref in patch.others)
            return replace(patch, others=others, patches=tuple(with_paths(one, path) for one in patch.patches))
        case AttentionScale():
            return patch


def expect_mergeable(refs: Iterable[WeightsRef], others: Iterable[WeightsRef]) -> tuple[str, ...]:
    """The parameters that stay as they are, because the other model has none of that name and shape.

    Raises `WeightsWrongFamily`, naming both, for models of different architectures.
    """
    by_part = {ref.part: ref for ref in others}
    apart: list[str] = []
    for ref in refs:
        other = by_part.pop(ref.part, None)
        if other is None:
            raise _unlike(ref, next(iter(by_part.values()), ref), f"the other has no {ref.part}")
        apart += _unequal(ref, other)
    if by_part:
        (ref,), first = list(by_part.values())[:1], next(iter(refs), None)
        raise _unlike(ref if first is None else first, ref, f"only the other has a {ref.part}")
    return tuple(apart)


def _unequal(ref: WeightsRef, other: WeightsRef) -> list[str]:
    if ref.config == other.config:
        return []
    ours, theirs = (
        {name: one.shape for name, one in build(one.part, one.config).state_dict().items()} for one in (ref, other)
    )
    apart = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    unlike = [name for name in apart if not name.startswith(_MAY_DIFFER)]
    if unlike:
        raise _unlike(ref, other, f"{len(unlike)} of their weights differ in shape, {unlike[0]!r} among them")
    return [name for name in apart if name in ours]


def _unlike(ref: WeightsRef, other: WeightsRef, why: str) -> WeightsWrongFamily:
    return WeightsWrongFamily(
        f"a {ref.config.family} model and a {other.config.family} model cannot be merged: {why}",
        hint="Merge models of one family.",
    )
