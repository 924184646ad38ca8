"""Folders as the diffusers library saves pipelines: found, keyed by all they hold, and loaded to the same weights."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from graph.context import Context
from graph.errors import GraphError
from graph.result import Blocked
from nodes.builtin.diffusers_loader import diffusers_loader
from nodes.diffusion.config import ModelConfig
from nodes.folders import Folders
from nodes.models import Models
from nodes.sockets import Clip, Model, Vae
from nodes.sockets.model_encoding import decode_model, encode_model
from nodes.weights.diffusers_names import unet_name, unet_prefixes, vae_name, vae_prefixes
from nodes.weights.errors import WeightsChanged, WeightsError
from nodes.weights.files import read_header, read_tensors
from nodes.weights.load import CLIP_ROUNDED_TO
from nodes.weights.metadata import write_config
from tests.nodes.loaded import context_in
from tests.nodes.tiny import MODEL, TEXT, TEXT_PROJECTED, UNET_LABELLED, tiny_text_encoder, tiny_unet, tiny_vae

SDXL_LIKE = replace(
    MODEL,
    unet=replace(UNET_LABELLED, context_dim=24 + 32),
    text=(replace(TEXT, layer=-2, norm_hidden=False), replace(TEXT_PROJECTED, hidden_size=32)),
)


def write_pipeline(root: Path, config: ModelConfig, scheduler: object = None, *, ending: str = ".safetensors") -> None:
    def write(folder: str, stem: str, tensors: dict[str, torch.Tensor], one: ModelConfig = config) -> None:
        (root / folder).mkdir(parents=True)
        metadata = {"config": write_config(one)}
        save_file({name: t.contiguous() for name, t in tensors.items()}, root / folder / (stem + ending), metadata)

    unet, vae = unet_prefixes(config.unet), vae_prefixes(config.vae)
    write(
        "unet",
        "diffusion_pytorch_model",
        {unet_name(name, unet): one for name, one in tiny_unet(config.unet).state_dict().items()},
    )
    write(
        "vae",
        "diffusion_pytorch_model",
        {vae_name(name, vae): one for name, one in tiny_vae(config.vae).state_dict().items()},
    )
    for index, (folder, tower) in enumerate(zip(("text_encoder", "text_encoder_2"), config.text, strict=False)):
        write(folder, "model", tiny_text_encoder(tower, 3 + index).state_dict(), replace(config, text=(tower,)))
    (root / "model_index.json").write_text("{}")
    if scheduler is not None:
        (root / "scheduler").mkdir()
        (root / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return context_in(tmp_path)


def load(context: Context, name: str = "some/pipeline") -> tuple[Model, Clip, Vae]:
    model, clip, vae = diffusers_loader(model_path=name, context=context)
    assert not isinstance(model, Blocked)
    assert not isinstance(clip, Blocked)
    assert not isinstance(vae, Blocked)
    return model, clip, vae


def assert_same(module: object, expected: nn.Module) -> None:
    assert isinstance(module, nn.Module)
    wanted = expected.state_dict()
    assert all(torch.equal(one, wanted[name]) for name, one in module.state_dict().items())


@pytest.mark.parametrize("ending", [".safetensors", ".fp16.safetensors"])
@pytest.mark.parametrize("config", [MODEL, SDXL_LIKE], ids=["one tower", "two towers"])
def test_every_part_is_what_was_saved(tmp_path: Path, context: Context, config: ModelConfig, ending: str) -> None:
    write_pipeline(tmp_path / "models/diffusers/some/pipeline", config, ending=ending)
    assert context.service(Folders).names("diffusers") == ["some/pipeline"]
    model, clip, vae = load(context)
    models = Models.of(context)
    with models.unet(model.weights) as unet, models.vae(vae.weights) as autoencoder:
        assert_same(unet, tiny_unet(config.unet))
        assert_same(autoencoder, tiny_vae(config.vae))
    assert len(clip.towers) == len(config.text)
    for index, ref in enumerate(clip.towers):
        with models.text_encoder(ref) as encoder:
            assert_same(encoder, tiny_text_encoder(config.text[index], 3 + index).to(CLIP_ROUNDED_TO).float())
            assert encoder.config.layer == config.text[index].layer


@pytest.mark.parametrize(
    ("scheduler", "prediction", "zero"),
    [
        (None, "eps", False),
        ({"prediction_type": "epsilon"}, "eps", False),
        ({"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}, "v", True),
        ({"prediction_type": "v_prediction"}, "v", False),
        ({"prediction_type": "sample"}, "x0", False),
        ({"prediction_type": "unheard of", "rescale_betas_zero_snr": "yes"}, "eps", False),
        (["not an object"], "eps", False),
    ],
)
def test_the_pipeline_says_what_is_predicted(
    tmp_path: Path, context: Context, scheduler: object, prediction: str, zero: bool
) -> None:
    write_pipeline(tmp_path / "models/diffusers/some/pipeline", MODEL, scheduler)
    model, *_ = load(context)
    schedule = model.config.schedule
    assert (schedule.prediction, schedule.zero_terminal_snr) == (prediction, zero)
    assert decode_model(encode_model(model)) == model  # what a node after it is keyed by


def test_whatever_changes_in_the_folder_changes_its_digest(tmp_path: Path, context: Context) -> None:
    root = tmp_path / "models/diffusers/some/pipeline"
    write_pipeline(root, MODEL, {"prediction_type": "epsilon"})
    folders = context.service(Folders)
    index = folders.find("diffusers", "some/pipeline")
    assert index == root / "model_index.json"
    seen = {folders.digest(index)}
    for path in ("scheduler/scheduler_config.json", "vae/diffusion_pytorch_model.safetensors", "model_index.json"):
        with open(root / path, "ab") as file:
            file.write(b" ")
        seen.add(folders.digest(index))
    assert len(seen) == 4


SHARDED = "diffusion_pytorch_model{}.safetensors.index.json"


def shard(root: Path, index: str = SHARDED.format("")) -> list[Path]:
    """A U-Net in one file, laid into two and an index as diffusers names them."""
    whole = root / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    files = [root / f"unet/diffusion_pytorch_model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    weight_map = {name: files[place % 2].name for place, name in enumerate(tensors)}
    for file in files:
        part = {name: one for name, one in tensors.items() if weight_map[name] == file.name}
        save_file(part, file, {"config": write_config(MODEL)})
    (root / "unet" / index).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    whole.unlink()
    return files


@pytest.mark.parametrize(
    "index", [SHARDED.format(""), SHARDED.format(".fp16"), "diffusion_pytorch_model.safetensors.index.fp16.json"]
)
def test_weights_in_several_files_are_those_of_one(tmp_path: Path, context: Context, index: str) -> None:
    root = tmp_path / "models/diffusers/some/pipeline"
    write_pipeline(root, MODEL)
    shard(root, index)
    model, *_ = diffusers_loader(model_path="some/pipeline", context=context)
    assert isinstance(model, Model)
    with Models.of(context).unet(model.weights) as network:
        for name, one in tiny_unet().state_dict().items():
            assert torch.equal(network.state_dict()[name], one)
    header = read_header(model.weights.path)
    assert read_tensors(header, list(header.tensors)).keys() == header.tensors.keys()


@pytest.mark.parametrize(
    "index", ["diffusion_pytorch_model.bin.index.json", "diffusion_pytorch_model.bin.index.fp16.json"]
)
def test_an_index_of_pickles_is_refused_until_each_has_been_converted(
    tmp_path: Path, context: Context, index: str
) -> None:
    root = tmp_path / "models/diffusers/some/pipeline"
    write_pipeline(root, MODEL)
    files = shard(root, index)
    weight_map = json.loads((root / "unet" / index).read_text())["weight_map"]
    for name, file in weight_map.items():
        weight_map[name] = file.replace(".safetensors", ".bin")
    (root / "unet" / index).write_text(json.dumps({"weight_map": weight_map}))
    converted = [(file, file.read_bytes()) for file in files]
    for file in files:
        file.unlink()
        file.with_suffix(".bin").write_bytes(b"PK\x03\x04" + bytes(100))
    for missing in ([file for file, _ in converted], [converted[1][0]]):
        with pytest.raises(GraphError, match="pickle refused") as refused:
            diffusers_loader(model_path="some/pipeline", context=context)
        assert [f"models convert {file.with_suffix('.bin')}" in (refused.value.hint or "") for file in files] == [
            file in missing for file in files
        ]
        file, data = converted[0]
        file.write_bytes(data)
    for file, data in converted:
        file.write_bytes(data)
    model, *_ = diffusers_loader(model_path="some/pipeline", context=context)
    assert isinstance(model, Model)
    with Models.of(context).unet(model.weights) as network:
        for name, one in tiny_unet().state_dict().items():
            assert torch.equal(network.state_dict()[name], one)


def test_every_file_of_weights_is_part_of_the_key_and_watched_while_in_use(tmp_path: Path, context: Context) -> None:
    root = tmp_path / "models/diffusers/some/pipeline"
    write_pipeline(root, MODEL)
    folders, files = context.service(Folders), shard(root)
    model, *_ = diffusers_loader(model_path="some/pipeline", context=context)
    assert isinstance(model, Model)
    before = folders.digest(root / "model_index.json"), folders.digest(model.weights.path)

    def written_into_while_used() -> None:
        with Models.of(context).unet(model.weights):
            with open(files[1], "r+b") as file:
                file.seek(-1, 2)
                file.write(b"\x01")
            os.utime(files[1], (1, 1))

    with pytest.raises(WeightsChanged):
        written_into_while_used()
    after = folders.digest(root / "model_index.json"), folders.digest(model.weights.path)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    ("weight_map", "code"),
    [
        ({"conv_in.weight": "../elsewhere.safetensors"}, "weights_header"),
        ({"conv_in.weight": "absent.safetensors"}, "weights_unreadable"),
        ({"no.such": "diffusion_pytorch_model-00001-of-00002.safetensors"}, "weights_header"),
        (["conv_in.weight"], "weights_header"),
        ({"conv_in.weight": 3}, "weights_header"),
    ],
)
def test_an_index_that_cannot_be_followed_is_refused(
    tmp_path: Path, context: Context, weight_map: object, code: str
) -> None:
    root = tmp_path / "models/diffusers/some/pipeline"
    write_pipeline(root, MODEL)
    shard(root)
    (root / "unet" / SHARDED.format("")).write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(WeightsError) as error:
        diffusers_loader(model_path="some/pipeline", context=context)
    assert error.value.code == code


def test_parts_that_are_not_there_are_blocked_and_pickles_refused(tmp_path: Path, context: Context) -> None:
    root = tmp_path / "models/diffusers/some/pipeline"
    write_pipeline(root, MODEL)
    (root / "text_encoder/model.safetensors").unlink()
    (root / "vae/diffusion_pytorch_model.safetensors").unlink()
    model, clip, vae = diffusers_loader(model_path="some/pipeline", context=context)
    assert isinstance(model, Model)
    assert isinstance(clip, Blocked)
    assert vae == Blocked("some/pipeline contains no VAE: load it from another file")
    (root / "unet/diffusion_pytorch_model.safetensors").rename(root / "unet/diffusion_pytorch_model.bin")
    (root / "unet/diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(GraphError, match="pickle refused"):
        diffusers_loader(model_path="some/pipeline", context=context)
    with pytest.raises(GraphError, match="no folder 'gone'"):
        diffusers_loader(model_path="gone", context=context)
