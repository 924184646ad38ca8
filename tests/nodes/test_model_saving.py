"""Saved models: the file is the model as it was used, in names that others read, or there is no file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from graph.context import Context
from graph.errors import Cancelled
from nodes.builtin.guidance_patches import model_sampling_discrete
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.lora import lora_loader
from nodes.builtin.lora_extract import lora_save
from nodes.builtin.model_merging import clip_merge_subtract, model_merge_simple, model_merge_subtract
from nodes.builtin.model_patches import freeu
from nodes.builtin.model_saving import checkpoint_save, clip_save, model_save, vae_save
from nodes.builtin.part_loaders import clip_loader, unet_loader, vae_loader
from nodes.diffusion.config import ModelConfig, TextConfig
from nodes.diffusion.low_rank import nearest_low_rank
from nodes.errors import UnsuitableInput
from nodes.folders import FolderError
from nodes.model_saving import needs_config
from nodes.models import Models
from nodes.saving import SaveError
from nodes.sockets import Clip, Model, Vae
from nodes.weights.errors import WeightsNotFinite
from nodes.weights.files import read_header, read_tensors
from nodes.weights.keymaps import Part
from nodes.weights.metadata import read_config, write_config
from tests.nodes.checkpoints import tiny_tensors
from tests.nodes.loaded import Loaded, context_in, load_tiny
from tests.nodes.tiny import MODEL, TEXT, TEXT_PROJECTED, UNET_LABELLED, tiny_text_encoder, tiny_unet, tiny_vae

OPENCLIP = replace(TEXT_PROJECTED, norm_hidden=True)
TWO_TOWERS = (replace(TEXT, layer=-2, norm_hidden=False), TEXT_PROJECTED)
FAMILIES: dict[str, tuple[ModelConfig, tuple[str, ...]]] = {
    "SD 1.x": (MODEL, ("cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight",)),
    "SD 2.x": (
        replace(MODEL, text=(OPENCLIP,)),
        (
            "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight",
            "cond_stage_model.model.text_projection",
        ),
    ),
    "SDXL": (
        replace(MODEL, text=TWO_TOWERS, unet=UNET_LABELLED),
        (
            "conditioner.embedders.0.transformer.text_model.encoder.layers.2.mlp.fc1.bias",
            "conditioner.embedders.1.model.ln_final.weight",
        ),
    ),
    "the refiner of SDXL": (
        replace(MODEL, text=(TEXT_PROJECTED,), unet=UNET_LABELLED),
        ("conditioner.embedders.0.model.token_embedding.weight",),
    ),
}


def write_parts(root: Path, config: ModelConfig, dtype: torch.dtype) -> None:
    """The parts of a model in files of their own, with our names."""
    parts = {
        "diffusion_models/part": tiny_unet(config.unet),
        "vae/part": tiny_vae(config.vae),
        **{f"text_encoders/{index}": tiny_text_encoder(tower, 3 + index) for index, tower in enumerate(config.text)},
    }
    for name, module in parts.items():
        path = root / "models" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {key: one.to(dtype).contiguous() for key, one in module.state_dict().items()}
        tower = config.text[int(name[-1])] if name[-1].isdigit() else None
        text = write_config(config if tower is None else replace(config, text=(tower,)))
        save_file(tensors, path, metadata={"config": text})


def loaded_parts(context: Context, config: ModelConfig) -> tuple[Model, Clip, Vae]:
    model = unet_loader(unet_name="part.safetensors", weight_dtype="default", context=context)
    vae = vae_loader(vae_name="part.safetensors", context=context)
    encoders = [
        clip_loader(clip_name=f"{index}.safetensors", type="stable_diffusion", context=context).towers[0]
        for index in range(len(config.text))
    ]
    parts = (Part.TEXT, Part.TEXT_2)
    towers = tuple(replace(one, part=part, config=config) for one, part in zip(encoders, parts, strict=False))
    return model, Clip(towers), vae


def state(context: Context, model: Model, clip: Clip, vae: Vae) -> dict[str, Tensor]:
    """All weights of a model, as networks hold them."""
    models = Models.of(context)
    tensors: dict[str, Tensor] = {}
    with models.unet(model.weights, model.adapters) as network, models.vae(vae.weights) as autoencoder:
        assert isinstance(autoencoder, torch.nn.Module)
        tensors |= {f"unet.{name}": one for name, one in network.state_dict().items()}
        tensors |= {f"vae.{name}": one for name, one in autoencoder.state_dict().items()}
    for index, tower in enumerate(clip.towers):
        with models.text_encoder(tower, clip.adapters) as encoder:
            tensors |= {f"text.{index}.{name}": one for name, one in encoder.state_dict().items()}
    return {name: one.clone() for name, one in tensors.items()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_comes_back_as_it_was_in_the_names_of_its_family(
    tmp_path: Path, family: str, dtype: torch.dtype
) -> None:
    config, names = FAMILIES[family]
    write_parts(tmp_path, config, dtype)
    context = context_in(tmp_path)
    parts = loaded_parts(context, config)
    (file,) = checkpoint_save(model=parts[0], clip=parts[1], vae=parts[2], context=context).files
    assert (file.folder, file.name) == ("output", "checkpoints/ComfyUI_00001_.safetensors")
    tensors = load_file(file.path)  # by the library that others read it with
    assert {*names, "model.diffusion_model.out.2.bias", "first_stage_model.quant_conv.weight"} <= tensors.keys()
    assert {one.dtype for one in tensors.values()} == {dtype}
    model, clip, vae = checkpoint_loader_simple(ckpt_name="ComfyUI_00001_.safetensors", context=context)
    assert isinstance(model, Model)
    assert isinstance(clip, Clip)
    assert isinstance(vae, Vae)
    assert model.config == config
    assert_same(state(context, model, clip, vae), state(context, *parts))


def test_parts_alone_come_back_through_their_loaders(tmp_path: Path) -> None:
    config, _ = FAMILIES["SDXL"]
    write_parts(tmp_path, config, torch.float32)
    context = context_in(tmp_path)
    model, clip, vae = loaded_parts(context, config)
    model_save(model=model, filename_prefix="diffusion_models/m", context=context)
    names = [file.name for file in clip_save(clip=clip, filename_prefix="clip/c", context=context).files]
    vae_save(vae=vae, filename_prefix="vae/v", context=context)
    assert names == ["clip/c_clip_24_00001_.safetensors", "clip/c_clip_24_00002_.safetensors"]
    loaded = [
        clip_loader(clip_name=Path(name).name, type="stable_diffusion", context=context).towers[0] for name in names
    ]
    towers = tuple(replace(one, part=ref.part, config=config) for one, ref in zip(loaded, clip.towers, strict=True))
    again = (
        unet_loader(unet_name="m_00001_.safetensors", weight_dtype="default", context=context),
        Clip(towers),
        vae_loader(vae_name="v_00001_.safetensors", context=context),
    )
    assert_same(state(context, *again), state(context, model, clip, vae))


def test_a_tower_of_a_known_width_needs_no_configuration_to_be_read(tmp_path: Path) -> None:
    small = TextConfig(num_hidden_layers=12, vocab_size=49408)
    assert not needs_config(small)
    assert not needs_config(replace(small, layer=-2, norm_hidden=False))
    assert needs_config(replace(small, num_hidden_layers=3))


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    return load_tiny(tmp_path)


def test_the_file_says_what_it_is_and_how_it_was_made(tiny: Loaded) -> None:
    context = replace(tiny.context, metadata={"prompt": '{"1": {}}', "workflow": "{}", "latentgraph": "{}"})
    model = freeu(model=model_sampling_discrete(model=tiny.model, sampling="v_prediction", zsnr=True))
    report = checkpoint_save(model=model, clip=tiny.clip, vae=tiny.vae, context=context)
    header = read_header(Path(report.files[0].path))
    assert header.metadata["prompt"] == '{"1": {}}'
    assert header.metadata["modelspec.prediction_type"] == "v"
    config = read_config(header.metadata, "x")
    assert config is not None
    assert (config.schedule.prediction, config.schedule.zero_terminal_snr) == ("v", True)
    assert {"v_pred", "ztsnr"} <= header.tensors.keys()
    assert report.text == ("not saved, since they are no weights: FreeU",)


def test_a_way_of_sampling_is_no_property_of_the_file(tiny: Loaded) -> None:
    model = model_sampling_discrete(model=tiny.model, sampling="lcm", zsnr=False)
    (file,) = model_save(model=model, context=tiny.context).files
    config = read_config(read_header(Path(file.path)).metadata, "x")
    assert config is not None
    assert config.schedule == tiny.model.config.schedule


def test_tensors_are_written_in_their_own_order_and_place(tiny: Loaded) -> None:
    (file,) = model_save(model=tiny.model, context=tiny.context).files
    with safe_open(file.path, "pt") as opened:
        assert {f"model.diffusion_model.{name}" for name in tiny_unet().state_dict()} == set(opened.keys())
    expected = {name: one for name, one in tiny_tensors().items() if name.startswith("model.")}
    assert_same(load_file(file.path), expected)


@pytest.mark.parametrize("after", [0, 3])
def test_a_cancelled_save_leaves_nothing(tiny: Loaded, after: int) -> None:
    with tiny.watched(cancel_at=after) as (context, _), pytest.raises(Cancelled):
        checkpoint_save(model=tiny.model, clip=tiny.clip, vae=tiny.vae, context=context)
    assert list(tiny.folders.root("output").rglob("*.*")) == []


def test_weights_that_no_file_can_hold_are_named(tiny: Loaded) -> None:
    half = {name: one.half() for name, one in tiny_tensors().items()}
    path = tiny.model.weights.path.with_name("half.safetensors")
    save_file(half, path, metadata={"config": write_config(MODEL)})
    model, _, _ = checkpoint_loader_simple(ckpt_name=path.name, context=tiny.context)
    assert isinstance(model, Model)
    big = model
    for _ in range(6):
        big, _ = model_merge_subtract(model1=big, model2=tiny.model, multiplier=-10.0)
    with pytest.raises(WeightsNotFinite, match="too large for F16"):
        model_save(model=big, context=tiny.context)
    assert list(tiny.folders.root("output").rglob("*.*")) == []


def test_a_prefix_stays_in_the_output_folder(tiny: Loaded) -> None:
    with pytest.raises(FolderError):
        model_save(model=tiny.model, filename_prefix="../x", context=tiny.context)
    tiny.folders.root("output").mkdir()
    (tiny.folders.root("output") / "taken").write_text("a file")
    with pytest.raises(SaveError, match="a file is where|cannot save"):
        model_save(model=tiny.model, filename_prefix="taken/x", context=tiny.context)


# Extraction


@pytest.mark.parametrize("shape", [(8, 6), (6, 8), (8, 4, 3, 3), (64, 4, 3, 3)])
@pytest.mark.parametrize("rank", [1, 3, 100])
def test_the_nearest_matrix_of_a_rank(shape: tuple[int, ...], rank: int) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    up, down = nearest_low_rank(weight, rank)
    kept = min(rank, shape[0], weight[0].numel())
    assert up.shape == (shape[0], kept, *[1] * (len(shape) - 2))
    assert down.shape == (kept, *shape[1:])
    u, s, v = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    expected = (u[:, :kept] * s[:kept]) @ v[:kept]
    torch.testing.assert_close(up.flatten(1) @ down.flatten(1), expected, rtol=1e-4, atol=1e-5)


def test_a_matrix_of_lower_rank_than_asked_for_is_exact() -> None:
    weight = torch.outer(torch.randn(6), torch.randn(5))
    up, down = nearest_low_rank(weight, 4)
    torch.testing.assert_close(up @ down, weight, rtol=1e-4, atol=1e-5)
    assert bool(torch.isfinite(up).all() and torch.isfinite(down).all())


@pytest.mark.parametrize("lora_type", ["standard", "full_diff"])
def test_a_difference_saved_as_lora_makes_one_model_of_the_other(tiny: Loaded, lora_type: str) -> None:
    path = tiny.model.weights.path.with_name("other.safetensors")
    generator = torch.Generator().manual_seed(9)
    other = {name: one + 0.05 * torch.randn(one.shape, generator=generator) for name, one in tiny_tensors().items()}
    save_file(other, path, metadata={"config": write_config(MODEL)})
    model, clip, _ = checkpoint_loader_simple(ckpt_name=path.name, context=tiny.context)
    assert isinstance(model, Model)
    assert isinstance(clip, Clip)
    report = lora_save(
        rank=10_000,
        lora_type=lora_type,  # type: ignore[arg-type]
        model_diff=model_merge_subtract(model1=model, model2=tiny.model)[0],
        text_encoder_diff=clip_merge_subtract(clip1=clip, clip2=tiny.clip)[0],
        context=tiny.context,
    )
    name = Path(report.files[0].path).name
    keys = load_file(report.files[0].path)
    assert {one.dtype for key, one in keys.items() if key.endswith(".alpha")} <= {
        torch.float32
    }  # exact, whatever the rank
    assert "lora_unet_mid_block_resnets_0_norm1.diff" in keys
    assert "lora_te_text_model_encoder_layers_0_mlp_fc1.diff_b" in keys
    adapted, adapted_clip, found = lora_loader(model=tiny.model, clip=tiny.clip, lora_name=name, context=tiny.context)
    assert not found
    x = torch.randn(1, 4, 8, 8, generator=generator)
    prompt, wanted = tiny.prompt("a cat", adapted_clip), tiny.prompt("a cat", clip)
    torch.testing.assert_close(prompt.entries[0].embedding, wanted.entries[0].embedding, rtol=5e-2, atol=2e-2)
    answers = []
    for one in (adapted, model):
        with Models.of(tiny.context).unet(one.weights, one.adapters) as network, torch.inference_mode():
            answers.append(network(x, torch.tensor([500.0]), wanted.entries[0].embedding))
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-2, atol=1e-2)


def test_lora_save_needs_a_difference(tiny: Loaded) -> None:
    with pytest.raises(UnsuitableInput, match="no difference to save"):
        lora_save(lora_type="standard", context=tiny.context)
    same, _ = model_merge_subtract(model1=tiny.model, model2=tiny.model)
    with pytest.raises(UnsuitableInput, match="zero everywhere"):
        lora_save(lora_type="standard", model_diff=same, context=tiny.context)


def test_what_is_saved_is_read_by_no_more_than_its_header(tiny: Loaded) -> None:
    merged, _ = model_merge_simple(model1=tiny.model, model2=tiny.model, ratio=0.5)
    (file,) = model_save(model=merged, context=tiny.context).files
    header = read_header(Path(file.path))
    assert file.bytes == Path(file.path).stat().st_size
    assert json.loads(header.metadata["config"])["family"] == tiny.model.config.family
    name = "model.diffusion_model.out.2.bias"
    torch.testing.assert_close(read_tensors(header, [name])[name], tiny_tensors()[name])
