"""Upscale models: names of real files, detection from shapes, sizes, and the nodes on a tiny network."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from graph.context import Context
from graph.errors import GraphError
from nodes.builtin.upscale_model import image_upscale_with_model, upscale_model_loader
from nodes.diffusion.esrgan import CompactConfig, RrdbConfig, RrdbNet
from nodes.diffusion.swin_ir import SwinIrConfig
from nodes.diffusion.upscalers import UpscalerConfig, build_upscaler
from nodes.memory.residency import Residency
from nodes.sockets import Image
from nodes.sockets.networks import decode_upscale_model, encode_upscale_model
from nodes.weights.files import Header, TensorEntry, read_header
from nodes.weights.networks import NetworkRef, load_network, open_upscaler
from nodes.weights.upscalers import detect_upscaler, old_esrgan_names
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.running import Bench
from tests.nodes.tiny import fill

TINY = RrdbConfig(features=8, blocks=2, growth=4)
SWIN = SwinIrConfig(embed=12, depths=(2, 3), heads=(2, 3), window=4, hidden=20, features=8)
CONFIGS: Mapping[str, UpscalerConfig] = {
    "x4": TINY,
    "x2, folded": replace(TINY, unshuffle=2),
    "x1, folded": replace(TINY, unshuffle=4),
    "x8": replace(TINY, doublings=3),
    "compact x2": CompactConfig(features=8, convolutions=3, upscale=2),
    "compact x4": CompactConfig(features=8, convolutions=2),
    "SwinIR x4": SWIN,
    "SwinIR x3": replace(SWIN, upscale=3),
    "SwinIR x8": replace(SWIN, upscale=8),
    "SwinIR, light": replace(SWIN, reconstruction="shuffled at once", features=64, upscale=2),
    "SwinIR for photographs": replace(SWIN, reconstruction="repeated", bottleneck=True),
    "SwinIR for photographs x2": replace(SWIN, reconstruction="repeated", upscale=2),
    "SwinIR against noise, grey": replace(SWIN, reconstruction="residual", features=64, upscale=1, image_channels=1),
    "SwinIR against compression": replace(
        SWIN, reconstruction="residual", features=64, upscale=1, window=7, span=255.0
    ),
}


def written(path: Path, config: UpscalerConfig, rename: Mapping[str, str] | None = None) -> Path:
    tensors = fill(build_upscaler(config), 5).state_dict()
    save_file({(rename or {}).get(name, name): tensor for name, tensor in tensors.items()}, path)
    return path


def old_names(config: RrdbConfig) -> dict[str, str]:
    layout = old_esrgan_names(config)
    return {name: layout(name)[0].key for name in RrdbNet(config).state_dict()}


@pytest.mark.golden
@needs_shared
def test_names_and_shapes_of_a_real_file() -> None:
    table = state_dict_shapes("esrgan_x4", "")
    header = Header(Path("x"), {key: TensorEntry("F16", tuple(shape), 0, 0) for key, shape in table.items()}, {}, 0)
    found = detect_upscaler(header)
    assert found.config == RrdbConfig()
    with torch.device("meta"):
        state = build_upscaler(found.config).state_dict()
    assert {found.place.layout(name)[0].key: list(tensor.shape) for name, tensor in state.items()} == table


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_file_says_what_it_is_and_gives_its_network(tmp_path: Path, config: UpscalerConfig) -> None:
    path = written(tmp_path / "x.safetensors", config)
    assert open_upscaler(path) == config
    loaded = load_network(NetworkRef(path, "", config), torch.float32)
    wanted = fill(build_upscaler(config), 5).state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in loaded.state_dict().items())


@pytest.mark.parametrize("doublings", [0, 1, 2, 3])
def test_older_names(tmp_path: Path, doublings: int) -> None:
    config = replace(TINY, doublings=doublings)
    new = written(tmp_path / "new.safetensors", config)
    old = written(tmp_path / "old.safetensors", config, old_names(config))
    assert open_upscaler(old) == config
    x = torch.rand(1, 3, 5, 6)
    first, second = (load_network(NetworkRef(path, "", config), torch.float32)(x) for path in (new, old))
    assert torch.equal(first, second)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
@pytest.mark.parametrize("size", [(8, 8), (9, 7)])
def test_sizes(config: UpscalerConfig, size: tuple[int, int]) -> None:
    channels = config.image_channels
    result: Tensor = fill(build_upscaler(config), 5)(torch.rand(1, channels, *size))
    assert result.shape == (1, channels, round(size[0] * config.scale), round(size[1] * config.scale))


def test_tables_that_a_file_has_besides_are_left(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {f"params_ema.{name}": one for name, one in fill(build_upscaler(SWIN), 5).state_dict().items()}
    block = "params_ema.layers.0.residual_group.blocks.1."
    tables = {f"{block}attn_mask": torch.zeros(4, 16, 16), f"{block}attn.relative_position_index": torch.zeros(16, 16)}
    save_file(tensors | tables, path)
    assert open_upscaler(path) == SWIN
    assert load_network(NetworkRef(path, "", SWIN), torch.float32)(torch.rand(1, 3, 4, 4)).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("tensors", "more"),
    [
        (SWIN, "layers.0.residual_group.overlap_attn.qkv.weight"),
        (SWIN, "layers.0.residual_group.blocks.0.conv_block.cab.0.weight"),
        (None, "model.1.sub.0.RDB1.conv1x1.weight"),
    ],
    ids=["HAT", "HAT's blocks", "ESRGAN+"],
)
def test_a_net_of_which_a_known_one_is_a_part_is_refused(
    tensors: UpscalerConfig | None, more: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    if tensors is not None:
        known = dict(fill(build_upscaler(tensors), 5).state_dict())
    else:
        known = {
            "model.0.weight": torch.zeros(8, 3, 3, 3),
            "model.1.sub.0.RDB1.conv1.0.weight": torch.zeros(4, 8, 3, 3),
            "model.1.sub.1.weight": torch.zeros(8, 8, 3, 3),
            "model.3.weight": torch.zeros(8, 8, 3, 3),
            "model.6.weight": torch.zeros(8, 8, 3, 3),
            "model.8.weight": torch.zeros(8, 8, 3, 3),
            "model.10.weight": torch.zeros(3, 8, 3, 3),
        }
    save_file(known, path)
    assert detect_upscaler(read_header(path)) is not None
    save_file({**known, more: torch.zeros(4)}, path)
    with pytest.raises(GraphError, match="is no upscale model"):
        detect_upscaler(read_header(path))


def test_a_network_of_zeros_repeats_or_is_black() -> None:
    picture = torch.rand(1, 3, 4, 4)
    compact, dense = (build_upscaler(CONFIGS[name]) for name in ("compact x2", "x4"))
    for network in (compact, dense):
        for parameter in network.parameters():
            parameter.data.zero_()
    assert torch.equal(compact(picture), picture.repeat_interleave(2, 2).repeat_interleave(2, 3))
    assert not dense(picture).any()


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    save_file({"lora_up": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(GraphError, match=r"other\.safetensors is no upscale model") as refused:
        detect_upscaler(read_header(tmp_path / "other.safetensors"))
    assert refused.value.hint


class TestNodes:
    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        folder = tmp_path / "models" / "upscale_models"
        folder.mkdir(parents=True)
        written(folder / "tiny.safetensors", TINY)
        return Context(services=Bench(tmp_path).services)

    @pytest.mark.parametrize("channels", [3, 4])
    def test_a_batch_is_enlarged(self, context: Context, channels: int) -> None:
        model = upscale_model_loader(model_name="tiny.safetensors", context=context)
        result = image_upscale_with_model(
            upscale_model=model, image=Image(torch.rand(2, 6, 9, channels)), context=context
        )
        assert result.pixels.shape == (2, 24, 36, 3)
        assert 0.0 <= float(result.pixels.min()) <= float(result.pixels.max()) <= 1.0

    @pytest.mark.parametrize(("most", "fails"), [(256, 1), (128, 2), (64, 3)])
    def test_where_memory_runs_out_others_make_room_and_tiles_are_halved(
        self, context: Context, most: int, fails: int
    ) -> None:
        forward = RrdbNet.forward

        def short(self: RrdbNet, tile: Tensor) -> Tensor:
            if max(tile.shape[2:]) > most:
                raise torch.OutOfMemoryError
            return forward(self, tile)

        model = upscale_model_loader(model_name="tiny.safetensors", context=context)
        given = Image(torch.rand(1, 260, 200, 3))
        with (
            patch.object(RrdbNet, "forward", short),
            patch.object(Residency, "make_room") as made,
            nullcontext() if most >= 128 else pytest.raises(torch.OutOfMemoryError),
        ):
            assert image_upscale_with_model(upscale_model=model, image=given, context=context).size == (800, 1040)
        assert made.call_count == min(fails, 2)

    def test_a_missing_file(self, context: Context) -> None:
        with pytest.raises(GraphError, match="no upscale model 'gone'"):
            upscale_model_loader(model_name="gone", context=context)

    def test_a_model_survives_the_cache_until_its_file_changes(self, context: Context, tmp_path: Path) -> None:
        model = upscale_model_loader(model_name="tiny.safetensors", context=context)
        encoded = encode_upscale_model(model)
        assert decode_upscale_model(encoded) == model
        written(tmp_path / "models" / "upscale_models" / "tiny.safetensors", CONFIGS["x8"])
        with pytest.raises(ValueError, match="not the file it was"):
            decode_upscale_model(encoded)
