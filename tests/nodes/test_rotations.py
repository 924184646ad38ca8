"""Adapters that turn outputs, and those that depend on the weight they change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.adapters import Applied, Generalised, Scaled, merged
from nodes.diffusion.rotations import Rotated


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 2, 4, 4), (3, 4, 2, 2)])
def test_a_rotation_keeps_every_input_as_long_as_it_was(shape: tuple[int, ...]) -> None:
    weight = noise(8, 5)
    turned = weight + Rotated(noise(*shape)).delta(weight)
    assert not torch.allclose(turned, weight)
    torch.testing.assert_close(turned.norm(dim=0), weight.norm(dim=0))
    assert torch.equal(Rotated(torch.zeros(shape)).delta(weight), torch.zeros_like(weight))


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 2, 4, 4)])
def test_half_a_rotation_goes_half_of_the_way_in_each_factor(shape: tuple[int, ...]) -> None:
    layer = nn.Linear(5, 8).requires_grad_(requires_grad=False)
    change = Rotated(noise(*shape))
    whole, none = (merged(layer, [Applied(change, strength)])["weight"] for strength in (1.0, 0.0))
    assert whole is not None
    assert none is not None
    torch.testing.assert_close(none, layer.weight)
    torch.testing.assert_close(whole, layer.weight + change.delta(layer.weight))
    if len(shape) == 3:
        half = merged(layer, [Applied(change, 0.5)])["weight"]
        torch.testing.assert_close(half, (whole + layer.weight) / 2)


def test_a_constraint_is_the_most_a_rotation_turns_per_output() -> None:
    blocks = noise(2, 4, 4)
    norm = float(torch.linalg.vector_norm(blocks - blocks.mT))
    weight = noise(8, 5)
    half = Rotated(blocks, constraint=norm / 2 / 8)
    torch.testing.assert_close(half.delta(weight), Rotated(blocks / 2).delta(weight), rtol=1e-4, atol=1e-5)
    assert torch.equal(Rotated(blocks, constraint=norm).delta(weight), Rotated(blocks).delta(weight))


def test_convolutions_are_rotated_and_generalised_too() -> None:
    weight = noise(8, 4, 3, 3)
    for change in (Rotated(noise(2, 4, 4)), Rotated(noise(2, 2, 4, 4)), Scaled(noise(4), on_input=True)):
        assert change.delta(weight).shape == weight.shape
    general = Generalised(noise(4, 2), noise(2, 4), noise(8, 2), noise(2, 4, 3, 3))
    expected = torch.einsum("oixy,ij->ojxy", weight, noise(4, 2) @ noise(2, 4))
    expected += torch.einsum("or,rixy->oixy", noise(8, 2), noise(2, 4, 3, 3))
    torch.testing.assert_close(general.delta(weight), expected)
