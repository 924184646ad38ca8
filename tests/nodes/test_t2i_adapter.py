"""T2I-Adapters: parity with diffusers on small weights, both namings, and where in the U-Net their features go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from graph.context import Context
from graph.errors import GraphError
from nodes.builtin.control_net import control_net_apply, control_net_loader
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.config import SD15, SDXL, SDXL_REFINER
from nodes.diffusion.t2i_adapter import T2iAdapter, T2iAdapterConfig
from nodes.diffusion.unet import ControlResiduals
from nodes.sampling import expect_fitting
from nodes.sockets import Conditioning, Image
from nodes.weights.networks import NetworkRef, load_network, open_control_net
from nodes.weights.t2i_adapters import diffusers_names
from tests.nodes.running import Bench
from tests.nodes.tiny import UNET, fill, tiny_unet

DIFFUSERS: Any = diffusers

WIDTHS = (8, 16, 32, 32)
SD = T2iAdapterConfig("sd15", 3, 1, learned_halving=False, widths=WIDTHS)
XL = T2iAdapterConfig("sdxl", 3, 1, False, 16, WIDTHS, halved=(2,), inputs=(3, 5, 8, None), input_blocks=9)
GREY = T2iAdapterConfig("sd15", 1, 3, learned_halving=True, widths=WIDTHS)
CONFIGS = {"SD": SD, "SDXL": XL, "grey, learned halving": GREY}
NOTHING = torch.zeros(1)


def answer(network: T2iAdapter, hint: Tensor) -> ControlResiduals:
    residuals: ControlResiduals = network(NOTHING, NOTHING, NOTHING, None, hint)
    return residuals


@pytest.mark.parametrize(("config", "kind"), [(SD, "full_adapter"), (XL, "full_adapter_xl")])
def test_equals_diffusers(config: T2iAdapterConfig, kind: str) -> None:
    network = fill(T2iAdapter(config), 3)
    other = DIFFUSERS.T2IAdapter(
        in_channels=3, channels=list(WIDTHS), num_res_blocks=2, downscale_factor=config.unshuffle, adapter_type=kind
    ).eval()
    other.load_state_dict(
        {f"adapter.{diffusers_names(name)[0].key}": one for name, one in network.state_dict().items()}
    )
    hint = torch.rand(2, 3, 128, 64)
    with torch.no_grad():
        expected = other(hint)
    ours = answer(network, hint)
    for place, theirs in zip(config.inputs, expected, strict=True):
        feature = ours.middle if place is None else ours.inputs[place]
        torch.testing.assert_close(feature, theirs, rtol=1e-4, atol=1e-5)
    assert sum(one is not None for one in (*ours.inputs, ours.middle)) == 4


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("naming", ["first", "diffusers"])
def test_a_file_says_what_it_is(tmp_path: Path, config: T2iAdapterConfig, naming: str) -> None:
    state = fill(T2iAdapter(config), 3).state_dict()
    renamed = {f"adapter.{diffusers_names(name)[0].key}": one for name, one in state.items()}
    save_file(state if naming == "first" else renamed, tmp_path / "x.safetensors")
    assert open_control_net(tmp_path / "x.safetensors") == config
    loaded = load_network(NetworkRef(tmp_path / "x.safetensors", "", config), torch.float32).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in state.items())


@pytest.mark.parametrize("size", [(64, 64), (72, 56), (8, 200)])
def test_sizes_round_up_as_the_unet_does(size: tuple[int, int]) -> None:
    features = answer(fill(T2iAdapter(SD), 3), torch.rand(1, 3, *size))
    height, width = (side // 8 for side in size)
    for place in (2, 5, 8, 11):
        feature = features.inputs[place]
        assert feature is not None
        assert feature.shape[2:] == (height, width)
        height, width = -(-height // 2), -(-width // 2)


def test_grey_is_the_mean() -> None:
    network, colour = fill(T2iAdapter(GREY), 3), torch.rand(1, 3, 64, 64)
    grey = colour.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    ours, same = answer(network, colour).inputs[2], answer(network, grey).inputs[2]
    assert ours is not None
    torch.testing.assert_close(ours, same)


def test_features_are_added_to_the_output_of_a_block_and_hence_to_its_skip() -> None:
    unet = tiny_unet()
    x, times, context = torch.randn(1, 4, 8, 8), torch.tensor([5.0]), torch.randn(1, 3, UNET.context_dim)
    plain = unet(x, times, context)
    assert torch.equal(unet(x, times, context, None, ControlResiduals()), plain)
    feature = torch.full((1, 32, 8, 8), 0.5)
    steered = unet(x, times, context, None, ControlResiduals(inputs=(None, feature, None, None)))
    assert not torch.equal(steered, plain)


@pytest.mark.parametrize(
    ("config", "fitting"),
    [
        (T2iAdapterConfig("sd15", 3, 1, learned_halving=False), {"sd15"}),
        (T2iAdapterConfig("sdxl", 3, 1, False, 16, inputs=(3, 5, 8, None), halved=(2,), input_blocks=9), {"sdxl"}),
    ],
)
def test_what_it_fits(config: T2iAdapterConfig, fitting: set[str]) -> None:
    assert {one.family for one in (SD15, SDXL, SDXL_REFINER) if config.fits(one.unet)} == fitting


def test_another_family_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "t2i_adapter"
    folder.mkdir(parents=True)
    save_file(fill(T2iAdapter(XL), 3).state_dict(), folder / "xl.safetensors")
    context = Context(services=Bench(tmp_path).services)
    net = control_net_loader(control_net_name="xl.safetensors", context=context)
    prompt = Conditioning((ConditioningEntry(torch.zeros(1, 3, 768)),))
    steered = control_net_apply(conditioning=prompt, control_net=net, image=Image(torch.rand(1, 8, 8, 3)))
    with pytest.raises(GraphError, match="for sdxl models, and the model is sd15"):
        expect_fitting(SD15, (steered, prompt), torch.zeros(1, 4, 8, 8))
