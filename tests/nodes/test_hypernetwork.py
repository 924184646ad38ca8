"""Hypernetworks: the formula, every shape of network that is trained, and a model under several."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from graph.errors import GraphError
from nodes.builtin.hypernetwork import hypernetwork_loader
from nodes.builtin.model_merging import model_merge_simple
from nodes.diffusion.hypernetwork import HyperLayer, HyperNet
from nodes.models import Models
from nodes.sockets import Model
from nodes.weights.hypernetworks import load_hypernetwork
from tests.nodes.loaded import Loaded, load_tiny

CONTEXT, INNER = 24, 32
LAYER = "middle_block.1.transformer_blocks.0.attn2"


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def linear_tensors(width: int, seed: int = 0) -> dict[str, Tensor]:
    """Networks for keys and values of one linear layer each."""
    return {f"{width}.{place}.linear.0.weight": 0.1 * noise(width, width, seed=seed + place) for place in (0, 1)}


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    loaded = load_tiny(tmp_path)
    loaded.folders.root("hypernetworks").mkdir(parents=True)
    return loaded


def under(tiny: Loaded, model: Model, tensors: dict[str, Tensor], strength: float, name: str = "h") -> Model:
    save_file(tensors, tiny.folders.root("hypernetworks") / f"{name}.safetensors")
    return hypernetwork_loader(
        model=model, hypernetwork_name=f"{name}.safetensors", strength=strength, context=tiny.context
    )


def keys_and_values(tiny: Loaded, model: Model, layer: str, x: Tensor) -> tuple[Tensor, Tensor]:
    with Models.of(tiny.context).unet(model.weights, model.adapters, model.hypernetworks) as network:
        return network.get_submodule(f"{layer}.to_k")(x), network.get_submodule(f"{layer}.to_v")(x)


@pytest.mark.parametrize("strength", [1.0, -0.5])
def test_keys_and_values_are_made_of_changed_contexts(tiny: Loaded, strength: float) -> None:
    tensors = linear_tensors(CONTEXT)
    model = under(tiny, tiny.model, tensors, strength)
    x = noise(2, 7, CONTEXT)
    with Models.of(tiny.context).unet(tiny.model.weights) as network:
        plain = [network.get_submodule(f"{LAYER}.to_{one}") for one in "kv"]
        expected = [
            layer(x + strength * x @ tensors[f"{CONTEXT}.{place}.linear.0.weight"].t())
            for place, layer in enumerate(plain)
        ]
    for got, wanted in zip(keys_and_values(tiny, model, LAYER, x), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_self_attention_of_a_width_is_changed_too_and_other_widths_are_not(tiny: Loaded) -> None:
    model = under(tiny, tiny.model, linear_tensors(CONTEXT) | linear_tensors(INNER), 1.0)
    narrow, wide = "input_blocks.1.1.transformer_blocks.0.attn1", "middle_block.1.transformer_blocks.0.attn1"
    changed, same = (
        torch.allclose(
            keys_and_values(tiny, model, layer, noise(1, 3, width))[0],
            keys_and_values(tiny, tiny.model, layer, noise(1, 3, width))[0],
        )
        for layer, width in ((narrow, INNER), (wide, 64))
    )
    assert (changed, same) == (False, True)


def test_several_follow_each_other_and_survive_a_merge(tiny: Loaded) -> None:
    first, second = linear_tensors(CONTEXT), linear_tensors(CONTEXT, seed=5)
    model = under(tiny, under(tiny, tiny.model, first, 1.0), second, 0.5, "other")
    merged, _ = model_merge_simple(model1=model, model2=tiny.model, ratio=0.5)
    x = noise(1, 7, CONTEXT)
    inner = x + 0.5 * x @ second[f"{CONTEXT}.0.linear.0.weight"].t()
    inner = inner + inner @ first[f"{CONTEXT}.0.linear.0.weight"].t()
    expected = keys_and_values(tiny, tiny.model, LAYER, inner)[0]
    for one in (model, merged):
        torch.testing.assert_close(keys_and_values(tiny, one, LAYER, x)[0], expected, rtol=1e-4, atol=1e-5)
    assert under(tiny, tiny.model, first, 0.0) is tiny.model


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("linear", lambda x: x),
        ("relu", F.relu),
        ("leakyrelu", F.leaky_relu),
        ("elu", F.elu),
        ("swish", F.hardswish),
        ("tanh", torch.tanh),
        ("sigmoid", torch.sigmoid),
    ],
)
@pytest.mark.parametrize("activate_output", ["True", "False"])
def test_layers_activations_and_norms_as_they_are_trained(
    tmp_path: Path, activation: str, function: object, activate_output: str
) -> None:
    w1, b1, g, b, w2 = noise(12, 6), noise(12), noise(12, seed=1), noise(12, seed=2), noise(6, 12)
    net = {"0.weight": w1, "0.bias": b1, "2.weight": g, "2.bias": b, "4.weight": w2}
    tensors = {f"6.{place}.linear.{name}": one.clone() for place in (0, 1) for name, one in net.items()}
    path = tmp_path / "h.safetensors"
    save_file(tensors, path, {"activation_func": activation, "activate_output": activate_output})
    loaded, _ = load_hypernetwork(path, torch.device("cpu"), torch.float32).by_width[6]
    x = noise(3, 6)
    assert callable(function)
    expected = F.layer_norm(function(x @ w1.t() + b1), (12,), g, b) @ w2.t()
    if activate_output == "True":
        expected = function(expected)
    torch.testing.assert_close(loaded(x), expected)


def test_a_network_is_a_value_of_its_layers() -> None:
    net = HyperNet((HyperLayer(torch.eye(4), torch.ones(4)),))
    assert torch.equal(net(torch.zeros(4)), torch.ones(4))


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ({"x": noise(1)}, {}, "is no hypernetwork"),
        ({"24.0.linear.0.weight": noise(24, 24)}, {}, "one is missing"),
        (linear_tensors(768), {}, "contexts 768 wide, and those of a tiny model are 24 wide"),
        (linear_tensors(24), {"activation_func": "mish"}, "no activation 'mish'"),
    ],
)
def test_files_that_do_not_fit_are_named(
    tiny: Loaded, tensors: dict[str, Tensor], metadata: dict[str, str], message: str
) -> None:
    save_file(tensors, tiny.folders.root("hypernetworks") / "x.safetensors", metadata)
    with pytest.raises(GraphError, match=message):
        hypernetwork_loader(model=tiny.model, hypernetwork_name="x.safetensors", context=tiny.context)
