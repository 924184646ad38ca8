"""Control networks as nodes: files of both namings, hints on wires, and a run from checkpoint to latent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from graph.cache.tiered import Cache
from graph.context import Context
from graph.errors import GraphError
from graph.states import States
from graph.values import Values
from nodes.builtin import control_net as nodes
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.lora import lora_loader_model_only
from nodes.builtin.model_patches import unet_self_attention_multiply
from nodes.builtin.sampling import ksampler
from nodes.diffusion.conditioning import ConditioningEntry
from nodes.diffusion.config import SD15, SDXL, ModelConfig
from nodes.diffusion.control_net import ControlNet as Network
from nodes.diffusion.control_net import ControlNetConfig
from nodes.models import Models
from nodes.sockets import VALUE_TYPES, Conditioning, ControlNet, Image, Latent, Model
from nodes.sockets.encoding import decode_conditioning, encode_conditioning
from nodes.sockets.networks import decode_control_net, encode_control_net
from nodes.weights.control_nets import detect_control_net, diffusers_names
from nodes.weights.files import Header, TensorEntry
from nodes.weights.load import load_part
from nodes.weights.metadata import write_config
from nodes.weights.networks import NetworkRef, load_network
from tests.nodes.checkpoints import write_tiny_checkpoint
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.running import Bench
from tests.nodes.tiny import MODEL, UNET, fill

CONFIG = ControlNetConfig("from metadata", UNET)
METADATA = {"config": write_config(MODEL)}
PICTURE = Image(torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(2)))


def tensors(config: ControlNetConfig = CONFIG, prefix: str = "control_model.") -> dict[str, Tensor]:
    return {prefix + name: one for name, one in fill(Network(config), 9).state_dict().items()}


def header_of(shapes: Mapping[str, list[int]]) -> Header:
    return Header(Path("x"), {key: TensorEntry("F16", tuple(shape), 0, 0) for key, shape in shapes.items()}, {}, 0)


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize(("table", "family"), [("controlnet_sd15", SD15), ("controlnet_sdxl", SDXL)])
def test_real_files_are_recognised(table: str, family: ModelConfig) -> None:
    found = detect_control_net(header_of(state_dict_shapes(table, "")))
    assert found.config.unet == family.unet
    assert found.place.prefix == "control_model."
    assert not found.is_difference


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "models"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "controlnet").mkdir()
    write_tiny_checkpoint(folder / "checkpoints" / "tiny.safetensors")
    save_file(tensors(), folder / "controlnet" / "tiny.safetensors", METADATA)
    return Bench(tmp_path)


@pytest.fixture
def context(bench: Bench) -> Context:
    return Context(services={States: States(Cache([]), Values(VALUE_TYPES)), **bench.services})


@pytest.fixture
def control_net(context: Context) -> ControlNet:
    return nodes.control_net_loader(control_net_name="tiny.safetensors", context=context)


def conditioning(seed: int) -> Conditioning:
    generator = torch.Generator().manual_seed(seed)
    return Conditioning((ConditioningEntry(torch.randn(1, 7, UNET.context_dim, generator=generator)),))


def loaded(path: Path) -> dict[str, Tensor]:
    return load_network(NetworkRef(path, "", CONFIG), torch.float32).state_dict()


@pytest.mark.parametrize("naming", ["bare", "diffusers"])
def test_other_namings_give_the_same_network(bench: Bench, naming: str) -> None:
    folder = bench.folders.root("controlnet")
    if naming == "bare":
        renamed = tensors(prefix="")
    else:
        layout = diffusers_names(CONFIG)
        renamed = {layout(name)[0].key: one for name, one in tensors(prefix="").items()}
    save_file(renamed, folder / "other.safetensors", METADATA)
    ours, theirs = loaded(folder / "tiny.safetensors"), loaded(folder / "other.safetensors")
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


def test_another_file_is_refused(bench: Bench, context: Context) -> None:
    save_file({"lora": torch.zeros(1)}, bench.folders.root("controlnet") / "lora.safetensors")
    with pytest.raises(GraphError, match=r"lora\.safetensors is no control network"):
        nodes.control_net_loader(control_net_name="lora.safetensors", context=context)
    with pytest.raises(GraphError, match="no control network 'gone'"):
        nodes.control_net_loader(control_net_name="gone", context=context)


def sampled(context: Context, positive: Conditioning, negative: Conditioning) -> Tensor:
    model, _, _ = checkpoint_loader_simple(ckpt_name="tiny.safetensors", context=context)
    assert isinstance(model, Model)
    latent = ksampler(
        model=model,
        seed=1,
        steps=2,
        cfg=3.0,
        sampler_name="euler",
        scheduler="normal",
        positive=positive,
        negative=negative,
        latent_image=Latent(torch.zeros(1, 4, 8, 8)),
        denoise=1.0,
        context=context,
    )
    return latent.samples


class TestRuns:
    def test_a_picture_changes_the_result_as_strongly_as_it_says(
        self, context: Context, control_net: ControlNet
    ) -> None:
        positive, negative = conditioning(1), conditioning(2)
        plain = sampled(context, positive, negative)
        distances = []
        for strength in (0.2, 1.0):
            pair = nodes.control_net_apply_advanced(
                positive=positive, negative=negative, control_net=control_net, image=PICTURE, strength=strength
            )
            distances.append(float((sampled(context, *pair) - plain).norm()))
        assert 0 < distances[0] < distances[1]

    def test_the_old_node_steers_both_sides(self, context: Context, control_net: ControlNet) -> None:
        positive, negative = conditioning(1), conditioning(2)
        both = nodes.control_net_apply_advanced(
            positive=positive, negative=negative, control_net=control_net, image=PICTURE
        )
        old = nodes.control_net_apply(conditioning=positive, control_net=control_net, image=PICTURE)
        torch.testing.assert_close(sampled(context, old, negative), sampled(context, *both), rtol=1e-4, atol=1e-4)

    def test_an_empty_range_changes_nothing(self, context: Context, control_net: ControlNet) -> None:
        positive, negative = conditioning(1), conditioning(2)
        pair = nodes.control_net_apply_advanced(
            positive=positive,
            negative=negative,
            control_net=control_net,
            image=PICTURE,
            start_percent=0.5,
            end_percent=0.5,
        )
        assert torch.equal(sampled(context, *pair), sampled(context, positive, negative))

    def test_a_difference_needs_its_model(self, bench: Bench, context: Context) -> None:
        model, _, _ = checkpoint_loader_simple(ckpt_name="tiny.safetensors", context=context)
        assert isinstance(model, Model)
        folder = bench.folders.root("controlnet")
        save_file(tensors() | {"difference": torch.zeros(1)}, folder / "diff.safetensors", METADATA)
        with pytest.raises(GraphError, match="holds differences to a model") as refused:
            nodes.control_net_loader(control_net_name="diff.safetensors", context=context)
        assert "DiffControlNetLoader" in (refused.value.hint or "")
        net = nodes.diff_control_net_loader(model=model, control_net_name="diff.safetensors", context=context)
        whole = load_network(net.network, torch.float32).state_dict()
        unet = load_network_unet(bench, model)
        for name, tensor in fill(Network(CONFIG), 9).state_dict().items():
            torch.testing.assert_close(whole[name], tensor + unet.get(name, torch.zeros(())))

    def test_a_difference_is_to_the_model_under_what_is_laid_over_it(self, bench: Bench, context: Context) -> None:
        model, _, _ = checkpoint_loader_simple(ckpt_name="tiny.safetensors", context=context)
        assert isinstance(model, Model)
        folder = bench.folders.root("controlnet")
        save_file(tensors() | {"difference": torch.zeros(1)}, folder / "diff.safetensors", METADATA)
        scaled = unet_self_attention_multiply(model=model, q=3.0)
        net = nodes.diff_control_net_loader(model=scaled, control_net_name="diff.safetensors", context=context)
        whole, unet = load_network(net.network, torch.float32).state_dict(), load_network_unet(bench, model)
        factors = {name: 3.0 if name.endswith("attn1.to_q.weight") else 1.0 for name in unet}
        assert 3.0 in factors.values()
        for name, tensor in fill(Network(CONFIG), 9).state_dict().items():
            expected = tensor + factors[name] * unet[name] if name in unet else tensor
            torch.testing.assert_close(whole[name], expected)
        values = Values(VALUE_TYPES)
        again = values.decode(*values.encode(net))
        assert again == net
        steered = nodes.control_net_apply(conditioning=conditioning(1), control_net=net, image=PICTURE)
        plain = nodes.diff_control_net_loader(model=model, control_net_name="diff.safetensors", context=context)
        other = nodes.control_net_apply(conditioning=conditioning(1), control_net=plain, image=PICTURE)
        negative = conditioning(2)
        assert not torch.allclose(sampled(context, steered, negative), sampled(context, other, negative))

    def test_the_family_must_fit(self, bench: Bench, context: Context) -> None:
        wide = replace(MODEL, family="wide-model", unet=replace(UNET, context_dim=32))
        config = ControlNetConfig("x", wide.unet)
        path = bench.folders.root("controlnet") / "wide.safetensors"
        save_file(tensors(config), path, {"config": write_config(wide)})
        net = nodes.control_net_loader(control_net_name="wide.safetensors", context=context)
        steered = nodes.control_net_apply(conditioning=conditioning(1), control_net=net, image=PICTURE)
        with pytest.raises(GraphError, match="wide-model models, and the model is"):
            sampled(context, steered, conditioning(2))


def load_network_unet(bench: Bench, model: Model) -> dict[str, Tensor]:
    assert bench.folders.digest(model.weights.path) == model.weights.digest
    return load_part(model.weights, torch.float32).module.state_dict()


def test_no_strength_is_no_hint(control_net: ControlNet) -> None:
    positive, negative = conditioning(1), conditioning(2)
    same = nodes.control_net_apply_advanced(
        positive=positive, negative=negative, control_net=control_net, image=PICTURE, strength=0.0
    )
    assert same == (positive, negative)
    unchanged = nodes.control_net_apply(conditioning=positive, control_net=control_net, image=PICTURE, strength=0.0)
    assert unchanged is positive


@pytest.mark.parametrize(("type_name", "kind"), [("auto", None), ("openpose", 0), ("tile", 6)])
def test_the_kind_of_a_picture(control_net: ControlNet, type_name: str, kind: int | None) -> None:
    told = nodes.set_union_control_net_type(control_net=control_net, type=type_name)
    assert told.kind == kind


def test_a_union_network_knows_some_kinds(bench: Bench, context: Context) -> None:
    config = ControlNetConfig("x", UNET, union_types=6)
    save_file(tensors(config), bench.folders.root("controlnet") / "union.safetensors", METADATA)
    net = nodes.control_net_loader(control_net_name="union.safetensors", context=context)
    assert nodes.set_union_control_net_type(control_net=net, type="segment").kind == 5
    with pytest.raises(GraphError, match="knows 6 kinds"):
        nodes.set_union_control_net_type(control_net=net, type="repaint")


def test_values_survive_the_cache(control_net: ControlNet, bench: Bench) -> None:
    assert decode_control_net(encode_control_net(control_net)) == control_net
    steered = nodes.control_net_apply(
        conditioning=conditioning(1), control_net=control_net, image=PICTURE, strength=0.5
    )
    encoded = encode_conditioning(steered)
    json.dumps(encoded.data)
    (hint,) = decode_conditioning(encoded).entries[0].controls
    assert (hint.network, hint.strength, hint.also_negative) == (control_net.network, 0.5, True)
    assert torch.equal(hint.image, PICTURE.pixels)
    save_file({"x": torch.zeros(1)}, bench.folders.root("controlnet") / "tiny.safetensors")
    with pytest.raises(ValueError, match="not the file it was"):
        decode_conditioning(encoded)


class TestControlLora:
    """A file of changes to the model that it steers."""

    @pytest.fixture
    def changes(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(4)
        whole = {
            name: tensor
            for name, tensor in tensors(prefix="").items()
            if name.startswith(("zero_convs", "input_hint_block", "middle_block_out"))
        }
        layer = "input_blocks.1.1.transformer_blocks.0.attn2.to_k"
        return whole | {
            "lora_controlnet": torch.zeros(1),
            "input_blocks.1.0.in_layers.2.bias": torch.full((32,), 0.5),
            f"{layer}.up": torch.randn(32, 2, generator=generator),
            f"{layer}.down": torch.randn(2, UNET.context_dim, generator=generator),
            "input_blocks.2.0.op.up": torch.randn(32, 2, generator=generator),
            "input_blocks.2.0.op.down": torch.randn(2, 32, 3, 3, generator=generator),
        }

    def test_layers_are_whole_changed_or_those_of_the_model(
        self, bench: Bench, context: Context, changes: dict[str, Tensor]
    ) -> None:
        model, _, _ = checkpoint_loader_simple(ckpt_name="tiny.safetensors", context=context)
        assert isinstance(model, Model)
        path = bench.folders.root("controlnet") / "lora.safetensors"
        save_file(changes, path, METADATA)
        net = nodes.control_net_loader(control_net_name="lora.safetensors", context=context)
        state = load_network(replace(net.network, base=model.weights), torch.float32).state_dict()
        unet = load_network_unet(bench, model)
        layer = "input_blocks.1.1.transformer_blocks.0.attn2.to_k"
        product = changes[f"{layer}.up"] @ changes[f"{layer}.down"]
        torch.testing.assert_close(state[f"{layer}.weight"], unet[f"{layer}.weight"] + product)
        convolution = (changes["input_blocks.2.0.op.up"] @ changes["input_blocks.2.0.op.down"].flatten(1)).view(
            32, 32, 3, 3
        )
        name = "input_blocks.2.0.op.weight"
        torch.testing.assert_close(state[name], unet[name] + convolution)
        assert torch.equal(state["input_blocks.1.0.in_layers.2.bias"], torch.full((32,), 0.5))
        assert torch.equal(state["time_embed.0.weight"], unet["time_embed.0.weight"])
        assert torch.equal(state["zero_convs.0.0.weight"], changes["zero_convs.0.0.weight"])

    def test_it_steers_the_model_it_is_sampled_with(
        self, bench: Bench, context: Context, changes: dict[str, Tensor]
    ) -> None:
        save_file(changes, bench.folders.root("controlnet") / "lora.safetensors", METADATA)
        net = nodes.control_net_loader(control_net_name="lora.safetensors", context=context)
        steered = nodes.control_net_apply(conditioning=conditioning(1), control_net=net, image=PICTURE)
        plain = sampled(context, conditioning(1), conditioning(2))
        assert not torch.equal(sampled(context, steered, conditioning(2)), plain)

    def test_it_is_added_to_the_model_under_its_loras(
        self, bench: Bench, context: Context, changes: dict[str, Tensor]
    ) -> None:
        model, _, _ = checkpoint_loader_simple(ckpt_name="tiny.safetensors", context=context)
        assert isinstance(model, Model)
        save_file(changes, bench.folders.root("controlnet") / "lora.safetensors", METADATA)
        net = nodes.control_net_loader(control_net_name="lora.safetensors", context=context)
        bench.folders.root("loras").mkdir()
        name = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
        save_file({f"{name}.diff": torch.ones(32, UNET.context_dim)}, bench.folders.root("loras") / "l.safetensors")
        changed, _ = lora_loader_model_only(model=model, lora_name="l.safetensors", strength_model=0.5, context=context)
        state = {}
        for one in (model, changed):
            with Models.of(context).control_nets([net.network], one.weights, one.adapters) as loaded:
                network = loaded[net.network]
                assert isinstance(network, Network)
                state[one] = network.state_dict()["input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"]
        torch.testing.assert_close(state[changed], state[model] + 0.5)

    def test_a_file_without_its_whole_layers_is_refused(
        self, bench: Bench, context: Context, changes: dict[str, Tensor]
    ) -> None:
        model, _, _ = checkpoint_loader_simple(ckpt_name="tiny.safetensors", context=context)
        assert isinstance(model, Model)
        path = bench.folders.root("controlnet") / "lora.safetensors"
        save_file({name: one for name, one in changes.items() if not name.startswith("zero_convs")}, path, METADATA)
        net = nodes.control_net_loader(control_net_name="lora.safetensors", context=context)
        for base, message in ((model.weights, "do not make a control network"), (None, "means nothing without")):
            with pytest.raises(GraphError, match=message):
                load_network(replace(net.network, base=base), torch.float32)
