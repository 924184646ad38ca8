"""Adapters: each kind is its formula, a view leaves its network alone, and every layout names the same layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nodes.diffusion.adapters import (
    Applied,
    BiasDifference,
    BranchedLayer,
    Change,
    Decomposed,
    Difference,
    Generalised,
    Hadamard,
    Kronecker,
    LowRank,
    MergedLayer,
    Multiplied,
    Scaled,
    adapted,
)
from nodes.diffusion.config import SD15, SDXL, ModelConfig, TextConfig
from nodes.diffusion.rotations import Rotated
from nodes.weights.errors import WeightsError
from nodes.weights.keymaps import Part
from nodes.weights.layer_shapes import LayerShape, layer_shapes, text_layers
from nodes.weights.load import WeightsRef
from nodes.weights.lora import check_adapter, load_changes
from nodes.weights.lora_keymaps import layer_aliases
from tests.nodes.tiny import MODEL, TEXT, TEXT_PROJECTED, tiny_text_encoder, tiny_unet

Q = "middle_block.1.transformer_blocks.0.attn1.to_q"
CONV = "middle_block.0.in_layers.2"


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def unet_ref(path: Path = Path("model.safetensors")) -> WeightsRef:
    return WeightsRef(path, "digest", Part.UNET, MODEL)


def cayley(block: Tensor) -> Tensor:
    """The orthogonal matrix of the skew part of a block."""
    skew, identity = block - block.t(), torch.eye(len(block))
    matrix: Tensor = (identity + skew) @ torch.linalg.inv(identity - skew)
    return matrix


def block_diagonal(blocks: Iterable[Tensor]) -> Tensor:
    whole: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return whole


def butterfly(blocks: Tensor) -> Tensor:
    """The matrix that blocks [m, n, b, b] make up: before factor i, outputs that are 2^i b/2 apart meet in pairs."""
    total = torch.eye(blocks.shape[1] * blocks.shape[2])
    for index, factor in enumerate(blocks):
        apart = 2**index * blocks.shape[2] // 2
        order = [
            start + place + half * apart
            for start in range(0, len(total), 2 * apart)
            for place in range(apart)
            for half in (0, 1)
        ]
        deal = torch.eye(len(total))[order]
        total = deal.t() @ block_diagonal(map(cayley, factor)) @ deal @ total
    return total


LINEAR_KINDS: dict[str, Callable[[Tensor], tuple[Change, Tensor]]] = {
    "low rank": lambda w: (
        LowRank(noise(8, 3), noise(3, 6), 0.5),
        w + 0.5 * noise(8, 3) @ noise(3, 6),
    ),
    "low rank with the sides of a 1x1 convolution": lambda w: (
        LowRank(noise(8, 3, 1, 1), noise(3, 6, 1, 1)),
        w + noise(8, 3, 1, 1)[..., 0, 0] @ noise(3, 6, 1, 1)[..., 0, 0],
    ),
    "Hadamard": lambda w: (
        Hadamard(noise(8, 2), noise(2, 6), noise(8, 2, seed=1), noise(2, 6, seed=1), 2.0),
        w + 2.0 * (noise(8, 2) @ noise(2, 6)) * (noise(8, 2, seed=1) @ noise(2, 6, seed=1)),
    ),
    "Kronecker": lambda w: (
        Kronecker(noise(2, 3), noise(4, 2), 0.5),
        w + 0.5 * torch.kron(noise(2, 3), noise(4, 2)),
    ),
    "difference": lambda w: (Difference(noise(8, 6)), w + noise(8, 6)),
    "decomposed along inputs": lambda w: (
        Decomposed(Difference(noise(8, 6)), torch.full((1, 6), 2.0)),
        2.0 * (w + noise(8, 6)) / (w + noise(8, 6)).norm(dim=0, keepdim=True),
    ),
    "decomposed along outputs": lambda w: (
        Decomposed(Difference(noise(8, 6)), torch.full((8, 1), 2.0)),
        2.0 * (w + noise(8, 6)) / w.norm(dim=1, keepdim=True),
    ),
    "multiplied": lambda w: (Multiplied(3.0), 3.0 * w),
    "generalised": lambda w: (
        Generalised(noise(6, 2), noise(2, 6), noise(8, 2), noise(2, 6, seed=1), 0.5),
        w + 0.5 * (w @ noise(6, 2) @ noise(2, 6) + noise(8, 2) @ noise(2, 6, seed=1)),
    ),
    "scaled inputs": lambda w: (Scaled(noise(6), on_input=True), w * (1 + noise(6))),
    "scaled outputs": lambda w: (Scaled(noise(8), on_input=False), w * (1 + noise(8)[:, None])),
    "rotated in blocks": lambda w: (
        Rotated(noise(2, 4, 4)),
        block_diagonal(map(cayley, noise(2, 4, 4))).t() @ w,
    ),
    "rotated and rescaled": lambda w: (
        Rotated(noise(2, 4, 4), rescale=noise(8, 1)),
        noise(8, 1) * (block_diagonal(map(cayley, noise(2, 4, 4))).t() @ w),
    ),
    "rotated by a butterfly": lambda w: (Rotated(noise(2, 2, 4, 4)), butterfly(noise(2, 2, 4, 4)) @ w),
}


@pytest.mark.parametrize("kind", LINEAR_KINDS)
def test_a_linear_layer_computes_with_the_changed_weight(kind: str) -> None:
    layer = nn.Linear(6, 8, bias=False).requires_grad_(requires_grad=False)
    change, weight = LINEAR_KINDS[kind](layer.weight)
    x = noise(5, 6)
    got = adapted(nn.Sequential(layer), {"0": [Applied(change)]})(x)
    torch.testing.assert_close(got, x @ weight.t())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_computes_low_ranks_beside_it(stride: int) -> None:
    layer = nn.Conv2d(4, 6, 3, stride=stride, padding=1).requires_grad_(requires_grad=False)
    up, down, mid = noise(6, 2, 1, 1), noise(2, 4, 3, 3), noise(2, 2, 3, 3)
    x = noise(1, 4, 7, 7)
    plain = LowRank(up, down, 0.5)
    bottlenecked = LowRank(up, noise(2, 4, 1, 1), 1.0, mid)
    for change in (plain, bottlenecked):
        view = adapted(nn.Sequential(layer), {"0": [Applied(change, 0.7)]})
        weight = layer.weight + 0.7 * change.delta(layer.weight)
        assert isinstance(view[0], BranchedLayer)
        torch.testing.assert_close(view(x), nn.functional.conv2d(x, weight, layer.bias, stride, 1))


def test_the_core_of_a_product_is_a_tensor_between_its_sides() -> None:
    core, left, right = noise(2, 3, 3, 3), noise(2, 6), noise(3, 4)
    one = Hadamard(left, right, torch.ones(6, 1), torch.ones(1, 36), 1.0, t1=core)
    weight = torch.zeros(6, 4, 3, 3)
    with pytest.raises(RuntimeError):
        one.delta(weight)  # both sides are bottlenecked, or neither
    both = replace(one, w2a=left, w2b=right, t2=core)
    expected = torch.stack([left.t() @ core[..., i, j] @ right for i in range(3) for j in range(3)], dim=-1)
    torch.testing.assert_close(both.delta(weight), (expected**2).reshape(6, 4, 3, 3))


def test_changes_apply_in_their_order_and_strength() -> None:
    layer = nn.Linear(4, 4).requires_grad_(requires_grad=False)
    changes = [
        Applied(LowRank(noise(4, 1), noise(1, 4)), 0.5),
        Applied(Multiplied(2.0)),
        Applied(BiasDifference(torch.ones(4)), -1.0),
    ]
    x = noise(3, 4)
    weight = 2.0 * (layer.weight + 0.5 * noise(4, 1) @ noise(1, 4))
    expected = nn.functional.linear(x, weight, 2.0 * layer.bias - 1.0)
    merged = MergedLayer(layer, changes, None)
    torch.testing.assert_close(adapted(nn.Sequential(layer), {"0": changes})(x), expected)
    torch.testing.assert_close(merged(x), expected)


def test_weights_can_be_rounded_after_the_change() -> None:
    layer = nn.Linear(4, 4, bias=False).requires_grad_(requires_grad=False)
    change = Applied(Difference(noise(4, 4)))
    view = adapted(nn.Sequential(layer), {"0": [change]}, torch.float16)
    expected = (layer.weight + noise(4, 4)).half().float()
    assert torch.equal(view(torch.eye(4)), expected.t())


def test_a_view_shares_every_parameter_and_leaves_its_network_alone() -> None:
    network = tiny_unet()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    inputs = (noise(1, 4, 8, 8), torch.tensor([500.0]), noise(1, 7, 24))
    plain = network(*inputs)
    view = adapted(network, {Q: [Applied(LowRank(noise(64, 2), noise(2, 64)))]})
    assert not torch.allclose(view(*inputs), plain)
    assert torch.equal(network(*inputs), plain)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    originals = {parameter.data_ptr() for parameter in network.parameters()}
    assert {parameter.data_ptr() for parameter in view.parameters()} == originals


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(AttributeError, match="nowhere"):
        adapted(tiny_unet(), {"nowhere": [Applied(Multiplied(1.0))]})


UNET_ALIASES = {
    "kohya": ("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q", ".lora_{}.weight", "up", "down"),
    "kohya, LDM words": ("lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q", ".lora_{}.weight", "up", "down"),
    "LyCORIS": ("lycoris_mid_block_attentions_0_transformer_blocks_0_attn1_to_q", ".lora_{}.weight", "up", "down"),
    "diffusers": ("unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q", ".lora.{}.weight", "up", "down"),
    "diffusers, processors": (
        "mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q",
        "_lora.{}.weight",
        "up",
        "down",
    ),
    "PEFT": ("base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_q", ".lora_{}.weight", "B", "A"),
    "PEFT in diffusers": ("unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q", ".lora_{}.weight", "B", "A"),
    "generic": ("diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q", ".lora_{}.weight", "B", "A"),
}


@pytest.mark.parametrize("layout", UNET_ALIASES)
def test_layouts_name_the_same_layer(layout: str, tmp_path: Path) -> None:
    alias, suffix, up, down = UNET_ALIASES[layout]
    tensors = {
        alias + suffix.format(up): noise(64, 2),
        alias + suffix.format(down): noise(2, 64),
        alias + ".alpha": torch.tensor(1.0),
    }
    path = tmp_path / "adapter.safetensors"
    save_file(tensors, path)
    assert check_adapter(path, [unet_ref()]) == ()
    (change,) = load_changes(path, unet_ref())[Q]
    assert isinstance(change, LowRank)
    assert change.scale == 0.5
    assert torch.equal(change.up, noise(64, 2))


TEXT_ALIASES = {
    "lora_te_text_model_encoder_layers_1_self_attn_q_proj.lora_{}.weight": ("up", "down"),
    "lora_te1_text_model_encoder_layers_1_self_attn_q_proj.lora_{}.weight": ("up", "down"),
    "text_encoder.text_model.encoder.layers.1.self_attn.q_proj.lora_{}.weight": ("B", "A"),
    "text_encoder.text_model.encoder.layers.1.self_attn.q_proj.lora_linear_layer.{}.weight": ("up", "down"),
    "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.{}.weight": ("up", "down"),
}


@pytest.mark.parametrize("key", TEXT_ALIASES)
def test_layouts_name_the_same_layer_of_a_text_encoder(key: str, tmp_path: Path) -> None:
    up, down = TEXT_ALIASES[key]
    path = tmp_path / "adapter.safetensors"
    save_file({key.format(up): noise(24, 2), key.format(down): noise(2, 24)}, path)
    target = WeightsRef(path, "digest", Part.TEXT, MODEL)
    layers = load_changes(path, target)
    assert list(layers) == ["text_model.encoder.layers.1.self_attn.q_proj"]
    encoder, tokens = tiny_text_encoder(), torch.tensor([[49406, 1, 2, 49407]])
    view = adapted(encoder, {layer: [Applied(change) for change in some] for layer, some in layers.items()})
    assert not torch.allclose(view(tokens)[0], encoder(tokens)[0])


KIND_FILES: dict[str, tuple[dict[str, Tensor], type[object]]] = {
    "LoHa": (
        {
            "hada_w1_a": noise(64, 2),
            "hada_w1_b": noise(2, 64),
            "hada_w2_a": noise(64, 2),
            "hada_w2_b": noise(2, 64),
            "alpha": torch.tensor(2.0),
        },
        Hadamard,
    ),
    "LoKr": ({"lokr_w1": noise(4, 4), "lokr_w2": noise(16, 16), "alpha": torch.tensor(7.0)}, Kronecker),
    "LoKr, factored": ({"lokr_w1": noise(4, 4), "lokr_w2_a": noise(16, 2), "lokr_w2_b": noise(2, 16)}, Kronecker),
    "DoRA": (
        {"lora_up.weight": noise(64, 2), "lora_down.weight": noise(2, 64), "dora_scale": torch.ones(1, 64)},
        Decomposed,
    ),
    "difference": ({"diff": noise(64, 64)}, Difference),
    "OFT": ({"oft_blocks": 0.1 * noise(8, 8, 8), "alpha": torch.tensor(0.0), "rescale": torch.ones(64, 1)}, Rotated),
    "BOFT": ({"oft_blocks": 0.1 * noise(3, 8, 8, 8), "alpha": torch.tensor(0.0)}, Rotated),
    "GLoRA": (
        {
            "a1.weight": noise(64, 2),
            "a2.weight": noise(2, 64),
            "b1.weight": noise(64, 2),
            "b2.weight": noise(2, 64),
            "alpha": torch.tensor(1.0),
        },
        Generalised,
    ),
    "(IA)3": ({"weight": noise(64), "on_input": torch.tensor(1)}, Scaled),
}


@pytest.mark.parametrize("kind", KIND_FILES)
def test_kinds_are_told_by_their_tensors(kind: str, tmp_path: Path) -> None:
    tensors, expected = KIND_FILES[kind]
    path = tmp_path / "adapter.safetensors"
    alias = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    save_file({f"{alias}.{name}": tensor for name, tensor in tensors.items()}, path)
    changes = load_changes(path, unet_ref())[Q]
    assert [type(change) for change in changes] == [expected]
    network = tiny_unet()
    view = adapted(network, {Q: [Applied(change) for change in changes]})
    inputs = (noise(1, 4, 8, 8), torch.tensor([500.0]), noise(1, 7, 24))
    assert not torch.allclose(view(*inputs), network(*inputs))


def test_whole_factors_of_a_kronecker_product_have_no_rank_to_scale_by(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    alias = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    whole = {"lokr_w1": noise(4, 4), "lokr_w2": noise(16, 16), "alpha": torch.tensor(7.0)}
    save_file({f"{alias}.{name}": tensor for name, tensor in whole.items()}, path)
    (change,) = load_changes(path, unet_ref())[Q]
    assert isinstance(change, Kronecker)
    assert change.scale == 1.0


def test_biases_and_norms_may_change_too(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    tensors = {
        "lora_unet_mid_block_resnets_0_conv1.diff_b": noise(64),
        "lora_unet_mid_block_resnets_0_norm1.w_norm": noise(64),
    }
    save_file(tensors, path)
    layers = load_changes(path, unet_ref())
    assert {layer: [type(change) for change in some] for layer, some in layers.items()} == {
        CONV: [BiasDifference],
        "middle_block.0.in_layers.0": [Difference],
    }


def test_what_belongs_to_no_layer_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    good = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {
        f"{good}.lora_up.weight": noise(64, 2),
        f"{good}.lora_down.weight": noise(2, 64),
        "lora_unet_mid_block_resnets_0_conv1.lora_up.weight": noise(64, 2, 1, 1),
        "lora_unet_nowhere.lora_up.weight": noise(2, 2),
        "something_else": noise(2),
        "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": noise(48, 2),
    }
    save_file(tensors, path)
    assert check_adapter(path, [unet_ref()]) == (
        "lora_unet_mid_block_resnets_0_conv1.lora_up.weight",
        "lora_unet_nowhere.lora_up.weight",
        "something_else",
    )


WRONG = {
    "by the width of the context": (
        {
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": noise(2, 2048),
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight": noise(640, 2),
        },
        {},
        "SDXL",
    ),
    "by its metadata": ({"lora_unet_x.lora_up.weight": noise(2, 2)}, {"ss_base_model_version": "sd_v2"}, "SD 2.x"),
    "by its network": ({"transformer.double_blocks.0.lora_A.weight": noise(2, 2)}, {}, "Flux"),
}


@pytest.mark.parametrize("how", WRONG)
def test_an_adapter_of_another_family_is_refused_with_both_names(how: str, tmp_path: Path) -> None:
    tensors, metadata, family = WRONG[how]
    path = tmp_path / "adapter.safetensors"
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(WeightsError, match=f"adapter for {family} models, and this is a sd15 model") as caught:
        check_adapter(path, [WeightsRef(path, "digest", Part.UNET, SD15)])
    assert caught.value.code == "weights_wrong_family"


@pytest.mark.parametrize("config", [SD15, SDXL], ids=lambda config: config.family)
def test_every_layer_of_a_real_family_has_an_alias_of_its_own(config: ModelConfig) -> None:
    layers = layer_shapes(Part.UNET, config)
    assert set(layer_aliases(Part.UNET, config, layers).values()) == set(layers)


@pytest.mark.parametrize("config", [TEXT, TEXT_PROJECTED], ids=["plain", "projected"])
def test_the_layers_of_a_text_encoder_are_known_without_building_it(config: TextConfig) -> None:
    modules = tiny_text_encoder(config).named_modules()
    expected = {
        name: LayerShape(
            tuple(module.weight.shape), None if (bias := getattr(module, "bias", None)) is None else len(bias)
        )
        for name, module in modules
        if isinstance(getattr(module, "weight", None), Tensor)
    }
    assert text_layers(config) == expected


def test_old_files_of_glora_have_their_pairs_turned_round(tmp_path: Path) -> None:
    alias = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    ways = {
        "new": {"a1": noise(64, 2), "a2": noise(2, 64), "b1": noise(64, 2, seed=1), "b2": noise(2, 64, seed=1)},
        "old": {"a2": noise(64, 2), "a1": noise(2, 64), "b2": noise(64, 2, seed=1), "b1": noise(2, 64, seed=1)},
    }
    deltas = []
    for way, tensors in ways.items():
        path = tmp_path / f"{way}.safetensors"
        save_file({f"{alias}.{name}.weight": one for name, one in tensors.items()}, path)
        assert check_adapter(path, [unet_ref()]) == ()
        (change,) = load_changes(path, unet_ref())[Q]
        assert isinstance(change, Generalised)
        deltas.append(change.delta(noise(64, 64)))
    assert torch.equal(*deltas)


@pytest.mark.parametrize(
    "tensors",
    [
        {"oft_blocks": noise(8, 4, 4)},
        {"oft_blocks": noise(8, 8, 8), "rescale": noise(32, 1)},
        {"oft_blocks": noise(5, 8, 8, 8)},
        {"a1.weight": noise(32, 2), "a2.weight": noise(2, 32), "b1.weight": noise(64, 2), "b2.weight": noise(2, 64)},
        {"weight": noise(48), "on_input": torch.tensor(0)},
        {"lora_up.weight": noise(64, 4), "lora_down.weight": noise(3, 64)},
        {"lora_up.weight": noise(64, 4), "lora_down.weight": noise(4, 64), "alpha": noise(2)},
        {"lora_up.weight": noise(64, 0), "lora_down.weight": noise(0, 64), "alpha": torch.tensor(1.0)},
        {"lora_up.weight": noise(64, 4), "lora_down.weight": noise(4, 64), "lora_mid.weight": noise(4)},
        {"lora_up.weight": noise(64, 4), "lora_down.weight": noise(4, 64), "dora_scale": noise(3, 1)},
        {"lora_up.weight": torch.tensor(1.0), "lora_down.weight": noise(4, 64)},
        {"hada_w1_a": noise(64, 4), "hada_w1_b": noise(3, 64), "hada_w2_a": noise(64, 4), "hada_w2_b": noise(4, 64)},
        {"oft_blocks": noise(8, 8)},
        {"a1.weight": noise(64), "a2.weight": noise(64), "b1.weight": noise(64), "b2.weight": noise(64)},
    ],
)
def test_shapes_that_do_not_fit_are_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    alias = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    path = tmp_path / "adapter.safetensors"
    save_file({f"{alias}.{name}": one for name, one in tensors.items()}, path)
    with pytest.raises(WeightsError, match="does not fit a layer"):
        check_adapter(path, [unet_ref()])
