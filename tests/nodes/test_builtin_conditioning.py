"""Conditioning nodes: what each changes in an entry, and that it changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch

from nodes.builtin import conditioning as nodes
from nodes.diffusion.conditioning import Area, AreaShare, ConditioningEntry
from nodes.errors import UnsuitableInput
from nodes.sockets import Conditioning, Mask


def prompt(value: float, tokens: int = 2, pooled: float | None = None) -> Conditioning:
    vector = None if pooled is None else torch.full((1, 3), pooled)
    return Conditioning((ConditioningEntry(torch.full((1, tokens, 3), value), vector),))


ONE = prompt(1.0, pooled=1.0)
TWO = Conditioning((*ONE.entries, *prompt(2.0).entries))
MASK = Mask(torch.ones(1, 8, 8))


@pytest.mark.parametrize(
    ("result", "changed"),
    [
        (
            nodes.conditioning_set_area(conditioning=TWO, width=64, height=128, x=16, y=8, strength=0.5),
            {"area": Area(16, 8, 1, 2), "strength": 0.5, "mask_bounds": False},
        ),
        (
            nodes.conditioning_set_area_percentage(conditioning=TWO, width=0.5, height=1.0, x=0.25, y=0.0),
            {"area": AreaShare(1.0, 0.5, 0.0, 0.25), "strength": 1.0, "mask_bounds": False},
        ),
        (nodes.conditioning_set_area_strength(conditioning=TWO, strength=2.0), {"strength": 2.0}),
        (
            nodes.conditioning_set_mask(conditioning=TWO, mask=MASK, strength=0.7, set_cond_area="mask bounds"),
            {"mask": MASK.values, "mask_strength": 0.7, "mask_bounds": True},
        ),
        (
            nodes.conditioning_set_mask(conditioning=TWO, mask=MASK, set_cond_area="default"),
            {"mask": MASK.values, "mask_strength": 1.0, "mask_bounds": False},
        ),
        (
            nodes.conditioning_set_timestep_range(conditioning=TWO, start=0.25, end=0.5),
            {"start_percent": 0.25, "end_percent": 0.5},
        ),
    ],
)
def test_settings_apply_to_every_entry_and_to_nothing_else(result: Conditioning, changed: dict[str, object]) -> None:
    assert len(result.entries) == 2
    for before, after in zip(TWO.entries, result.entries, strict=True):
        for field in fields(ConditioningEntry):
            expected = changed.get(field.name, getattr(before, field.name))
            value = getattr(after, field.name)
            assert value is expected or value == expected


def test_combining_keeps_both() -> None:
    combined = nodes.conditioning_combine(conditioning_1=ONE, conditioning_2=TWO)
    assert combined.entries == ONE.entries + TWO.entries


def test_concatenation_appends_the_first_of_the_other_to_each() -> None:
    result = nodes.conditioning_concat(conditioning_to=TWO, conditioning_from=prompt(5.0, tokens=1))
    assert [entry.embedding[0, :, 0].tolist() for entry in result.entries] == [[1, 1, 5], [2, 2, 5]]


@pytest.mark.parametrize(
    ("to", "other", "strength", "tokens", "pooled"),
    [
        (prompt(1.0, pooled=1.0), prompt(3.0, pooled=5.0), 0.75, [1.5, 1.5], 2.0),
        (prompt(1.0, tokens=3), prompt(3.0, tokens=1), 0.5, [2.0, 0.5, 0.5], None),
        (prompt(1.0, tokens=1), prompt(3.0, tokens=9), 0.5, [2.0], None),
        (prompt(1.0), prompt(3.0, pooled=5.0), 0.5, [2.0, 2.0], 5.0),
        (prompt(1.0, pooled=1.0), prompt(3.0), 0.5, [2.0, 2.0], 1.0),
    ],
)
def test_averages(
    to: Conditioning, other: Conditioning, strength: float, tokens: list[float], pooled: float | None
) -> None:
    (entry,) = nodes.conditioning_average(
        conditioning_to=to, conditioning_from=other, conditioning_to_strength=strength
    ).entries
    assert entry.embedding[0, :, 0].tolist() == tokens
    assert (None if entry.pooled is None else float(entry.pooled[0, 0])) == pooled


@pytest.mark.parametrize("node", [nodes.conditioning_average, nodes.conditioning_concat])
def test_prompts_of_other_widths_are_refused(node: Callable[..., Conditioning]) -> None:
    wide = Conditioning((ConditioningEntry(torch.zeros(1, 2, 5)),))
    with pytest.raises(UnsuitableInput, match="3 numbers wide and the other's 5"):
        node(conditioning_to=ONE, conditioning_from=wide)


def test_zeroing() -> None:
    result = nodes.conditioning_zero_out(conditioning=TWO)
    assert all(not entry.embedding.any() for entry in result.entries)
    assert result.entries[0].pooled is not None
    assert not result.entries[0].pooled.any()
    assert result.entries[1].pooled is None
