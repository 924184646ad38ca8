"""Parts of models in files of their own: every naming they come in gives the same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from graph.context import Context
from graph.errors import GraphError
from nodes.builtin.loaders import checkpoint_loader
from nodes.builtin.part_loaders import clip_loader, dual_clip_loader, unet_loader, vae_loader
from nodes.diffusion.config import SD15, SD15_INPAINT, SDXL, SDXL_REFINER, ModelConfig, TextConfig
from nodes.folders import MODEL_FOLDERS
from nodes.models import Models
from nodes.sockets import Clip, Model
from nodes.weights.detect import detect, detect_part
from nodes.weights.diffusers_names import OLD_VAE_ATTENTION, unet_name, unet_prefixes, vae_name, vae_prefixes
from nodes.weights.files import Header, TensorEntry, read_header
from nodes.weights.keymaps import Part
from nodes.weights.load import CLIP_ROUNDED_TO, build
from nodes.weights.metadata import read_config, write_config
from tests.nodes.loaded import NAME, context_in, load_tiny
from tests.nodes.tiny import MODEL, TEXT, TEXT_PROJECTED, tiny_text_encoder, tiny_unet, tiny_vae

Rename = Callable[[str], str]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    for folders in MODEL_FOLDERS.values():
        for folder in folders:
            (tmp_path / "models" / folder).mkdir(parents=True, exist_ok=True)
    return context_in(tmp_path)


def write(
    context: Context, folder: str, tensors: Mapping[str, Tensor], rename: Rename, config: ModelConfig = MODEL
) -> str:
    """A file with these tensors under other names and the tiny configuration in its metadata; its name."""
    root = Models.of(context).folders.root(folder)
    renamed = {rename(name): tensor.contiguous() for name, tensor in tensors.items()}
    save_file(renamed, root / "part.safetensors", metadata={"config": write_config(config)})
    return "part.safetensors"


def same_weights(module: nn.Module, expected: nn.Module) -> bool:
    wanted = expected.state_dict()
    got = module.state_dict()
    return got.keys() == wanted.keys() and all(torch.equal(got[name], wanted[name]) for name in wanted)


def _old_attention(name: str) -> str:
    name = vae_name(name, vae_prefixes(MODEL.vae))
    for today, before in OLD_VAE_ATTENTION.items():
        name = name.replace(f".{today}.", f".{before}.")
    return name


UNET_NAMES: dict[str, Rename] = {
    "LDM": lambda name: name,
    "LDM under diffusion_model": lambda name: f"diffusion_model.{name}",
    "a whole checkpoint's": lambda name: f"model.diffusion_model.{name}",
    "diffusers": lambda name: unet_name(name, unet_prefixes(MODEL.unet)),
}
VAE_NAMES: dict[str, Rename] = {
    "LDM": lambda name: name,
    "a whole checkpoint's": lambda name: f"first_stage_model.{name}",
    "diffusers": lambda name: vae_name(name, vae_prefixes(MODEL.vae)),
    "diffusers before 0.17": _old_attention,
}


@pytest.mark.parametrize("names", UNET_NAMES)
def test_a_diffusion_model_alone(names: str, context: Context) -> None:
    network = tiny_unet()
    name = write(context, "diffusion_models", network.state_dict(), UNET_NAMES[names])
    model = unet_loader(unet_name=name, weight_dtype="default", context=context)
    with Models.of(context).unet(model.weights) as loaded:
        assert same_weights(loaded, network)


@pytest.mark.parametrize(("dtype", "stored"), [("fp8_e4m3fn", torch.float8_e4m3fn), ("fp8_e5m2", torch.float8_e5m2)])
def test_weights_can_be_rounded_as_they_are_loaded(dtype: str, stored: torch.dtype, context: Context) -> None:
    network = tiny_unet()
    name = write(context, "diffusion_models", network.state_dict(), UNET_NAMES["LDM"])
    model = unet_loader(unet_name=name, weight_dtype=dtype, context=context)  # type: ignore[arg-type]
    exact = unet_loader(unet_name=name, weight_dtype="default", context=context)
    with Models.of(context).unet(model.weights) as loaded, Models.of(context).unet(exact.weights) as other:
        weight = network.out[2].weight
        assert isinstance(weight, Tensor)
        assert torch.equal(loaded.out[2].weight, weight.to(stored).float())  # type: ignore[arg-type]
        assert same_weights(other, network)


@pytest.mark.parametrize("names", VAE_NAMES)
def test_a_vae_alone(names: str, context: Context) -> None:
    autoencoder = tiny_vae()
    tensors = autoencoder.state_dict()
    if "0.17" in names:  # linear layers where LDM has convolutions
        attention = [name for name in tensors if ".attn_1." in name and tensors[name].ndim == 4]
        tensors = {name: one.flatten(1) if name in attention else one for name, one in tensors.items()}
    name = write(context, "vae", tensors, VAE_NAMES[names])
    vae = vae_loader(vae_name=name, context=context)
    with Models.of(context).vae(vae.weights) as loaded:
        assert isinstance(loaded, nn.Module)
        assert same_weights(loaded, autoencoder)


def test_a_tiny_autoencoder_that_is_not_there_is_named(context: Context) -> None:
    with pytest.raises(GraphError, match="taesdxl"):
        vae_loader(vae_name="taesdxl", context=context)


def test_a_file_without_the_part_is_refused(context: Context) -> None:
    name = write(context, "vae", {"something": torch.zeros(2)}, str)
    with pytest.raises(GraphError, match="has no VAE"):
        vae_loader(vae_name=name, context=context)


def test_a_text_encoder_alone(context: Context) -> None:
    encoder = tiny_text_encoder()
    name = write(context, "text_encoders", encoder.state_dict(), str)
    clip = clip_loader(clip_name=name, type="stable_diffusion", context=context)
    with Models.of(context).text_encoder(clip.towers[0]) as loaded:
        assert same_weights(loaded, encoder.to(CLIP_ROUNDED_TO).float())


@pytest.mark.parametrize("order", [1, -1])
def test_two_text_encoders_in_either_order(order: int, context: Context) -> None:
    wide = replace(TEXT_PROJECTED, hidden_size=32)
    root = Models.of(context).folders.root("text_encoders")
    names = ["narrow.safetensors", "wide.safetensors"]
    for name, text in zip(names, (TEXT, wide), strict=True):
        metadata = {"config": write_config(replace(MODEL, text=(text,)))}
        save_file(tiny_text_encoder(text).state_dict(), root / name, metadata=metadata)
    first, second = names[::order]
    clip = dual_clip_loader(clip_name1=first, clip_name2=second, type="sdxl", context=context)
    assert [tower.path.name for tower in clip.towers] == names
    assert [tower.part for tower in clip.towers] == [Part.TEXT, Part.TEXT_2]
    assert [text.layer for text in clip.towers[0].config.text] == [-2, -2]
    with Models.of(context).text_encoder(clip.towers[1]) as loaded:
        assert same_weights(loaded, tiny_text_encoder(wide).to(CLIP_ROUNDED_TO).float())


def test_two_encoders_of_one_kind_are_refused(context: Context) -> None:
    name = write(context, "text_encoders", tiny_text_encoder().state_dict(), str)
    with pytest.raises(GraphError, match="one width"):
        dual_clip_loader(clip_name1=name, clip_name2=name, type="sdxl", context=context)


def test_types_of_other_families_are_refused(context: Context) -> None:
    with pytest.raises(GraphError, match="'flux'"):
        dual_clip_loader(clip_name1="a", clip_name2="b", type="flux", context=context)
    with pytest.raises(GraphError, match="'sd3'"):
        clip_loader(clip_name="a", type="sd3", context=context)


def header_of(shapes: Mapping[str, tuple[int, ...]]) -> Header:
    """A header of tensors that nobody reads."""
    return Header(
        Path("a.safetensors"), {name: TensorEntry("F16", shape, 0, 0) for name, shape in shapes.items()}, {}, 0
    )


@pytest.mark.parametrize("config", [SD15, SD15_INPAINT, SDXL, SDXL_REFINER], ids=lambda config: config.family)
@pytest.mark.parametrize("naming", ["diffusers", "LDM"])
def test_families_are_told_by_shapes_whatever_the_names(config: ModelConfig, naming: str) -> None:
    prefixes = unet_prefixes(config.unet)
    state = build(Part.UNET, config).state_dict()
    names = {name: unet_name(name, prefixes) if naming == "diffusers" else name for name in state}
    assert detect(header_of({names[name]: tuple(one.shape) for name, one in state.items()})) == config


@pytest.mark.parametrize(
    ("width", "layers", "family", "layer"),
    [(768, 12, "sd15", -1), (1024, 24, "sd20", -2), (1024, 23, "sd20", -1), (1280, 32, "sdxl_refiner", -2)],
)
def test_text_encoders_are_told_by_width_and_depth(width: int, layers: int, family: str, layer: int) -> None:
    shapes: dict[str, tuple[int, ...]] = {"text_model.embeddings.token_embedding.weight": (49408, width)}
    shapes |= {f"text_model.encoder.layers.{index}.mlp.fc1.bias": (4 * width,) for index in range(layers)}
    config = detect_part(header_of(shapes), Part.TEXT)
    (text,) = config.text
    assert isinstance(text, TextConfig)
    assert (config.family, text.hidden_size, text.num_hidden_layers, text.layer) == (family, width, layers, layer)


def test_a_model_of_continuous_noise_is_told_by_its_markers(tmp_path: Path) -> None:
    shapes = {name: one.shape for name, one in build(Part.UNET, SDXL).state_dict().items()}
    label, first = "label_emb.0.0.weight", "input_blocks.0.0.weight"
    cross = "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    tensors = {name: torch.zeros(shapes[name], dtype=torch.float16) for name in (label, first, cross)}
    bounds = {"edm_vpred.sigma_max": torch.tensor(120.0), "edm_vpred.sigma_min": torch.tensor(0.002)}
    path = tmp_path / "cos.safetensors"
    save_file({**{f"model.diffusion_model.{name}": one for name, one in tensors.items()}, **bounds}, path)
    config = detect(read_header(path))
    assert config.schedule.prediction == "v"
    assert config.schedule.continuous is not None
    assert config.schedule.continuous.sigma_max == 120.0
    assert read_config({"config": write_config(config), "modelspec.architecture": "sdxl"}, "") == config


@pytest.mark.parametrize(
    ("config", "prediction", "layer"),
    [("v1-inference.yaml", "eps", None), ("v2-inference-v.yaml", "v", None), ("anything_v3.yaml", "eps", -2)],
)
def test_a_configuration_says_what_a_checkpoint_does_not(
    config: str, prediction: str, layer: int | None, tmp_path: Path
) -> None:
    context = load_tiny(tmp_path).context
    model, clip, _ = checkpoint_loader(config_name=config, ckpt_name=NAME, context=context)
    assert isinstance(model, Model)
    assert isinstance(clip, Clip)
    assert model.config.schedule.prediction == prediction
    assert clip.layer == layer
