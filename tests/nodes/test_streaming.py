"""Streamed layers: what is small is on the card, large weights and what lies over them follow their input."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from nodes.diffusion.adapters import Applied, BiasDifference, LowRank, adapted, merged
from nodes.diffusion.streaming import is_streamed, stream
from tests.nodes.one_device import CARD, one_device
from tests.nodes.tiny import UNET, tiny_unet


def streamed(layer: nn.Module) -> nn.Sequential:
    module = nn.Sequential(layer)
    stream(module, torch.float32)
    for name, parameter in layer.named_parameters():
        if not is_streamed(parameter):
            setattr(layer, name, nn.Parameter(parameter.to(CARD)))
    return module


def test_a_class_is_brought_in_the_precision_of_the_network() -> None:
    whole, network = (tiny_unet(replace(UNET, num_classes=10)).bfloat16() for _ in range(2))
    for parameter in network.parameters():
        if is_streamed(parameter):
            parameter.data = parameter.data.float()
    stream(network, torch.bfloat16)
    inputs = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 20.0]), torch.randn(2, 7, 24), torch.tensor([3, 9])
    assert torch.equal(network(*inputs), whole(*inputs))


@pytest.mark.parametrize("bias", [False, True])
def test_a_low_rank_goes_where_the_input_of_its_layer_is(bias: bool) -> None:
    layers = streamed(nn.Conv2d(3, 4, 3, padding=1, bias=bias))
    changes = [Applied(LowRank(torch.ones(4, 2, 1, 1), torch.ones(2, 3, 3, 3))), Applied(BiasDifference(torch.ones(4)))]
    with one_device():
        assert adapted(layers, {"0": changes})(torch.empty(1, 3, 8, 8, device=CARD)).shape == (1, 4, 8, 8)


def test_a_change_of_a_bias_goes_where_the_bias_is() -> None:
    (layer,) = streamed(nn.Linear(3, 4))
    with one_device():
        bias = merged(layer, [Applied(BiasDifference(torch.ones(4)))])["bias"]
    assert bias is not None
    assert bias.device.type == CARD
