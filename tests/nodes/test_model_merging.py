"""Merged models: each node is its formula on every weight, whatever was laid over either side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from graph.result import Blocked
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.lora import lora_loader_model_only
from nodes.builtin.model_merging import (
    clip_merge_add,
    clip_merge_simple,
    clip_merge_subtract,
    model_merge_add,
    model_merge_blocks,
    model_merge_sd1,
    model_merge_sd2,
    model_merge_sdxl,
    model_merge_simple,
    model_merge_subtract,
)
from nodes.diffusion.config import SD15, SDXL, ModelConfig
from nodes.models import Models
from nodes.sockets import Clip, Model
from nodes.weights.errors import WeightsWrongFamily
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.patches import expect_mergeable
from tests.nodes.checkpoints import tiny_tensors, write_tiny_checkpoint
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.tiny import MODEL, UNET, fill, tiny_unet

Parts = list[tuple[Part, ModelConfig]]
UNET_PREFIX, TEXT_PREFIX = "model.diffusion_model.", "cond_stage_model.transformer."


def other_tensors(seed: int = 50) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(one.shape, generator=generator) * 0.1 for name, one in tiny_tensors().items()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    loaded = load_tiny(tmp_path_factory.mktemp("merging"))
    write_tiny_checkpoint(loaded.model.weights.path.with_name("other.safetensors"), extra=other_tensors())
    return loaded


@pytest.fixture(scope="module")
def other(tiny: Loaded) -> tuple[Model, Clip]:
    model, clip, _ = checkpoint_loader_simple(ckpt_name="other.safetensors", context=tiny.context)
    assert isinstance(model, Model)
    assert isinstance(clip, Clip)
    return model, clip


def weights(tiny: Loaded, model: Model) -> dict[str, Tensor]:
    """The weights that a layer of the model computes with."""
    with Models.of(tiny.context).unet(model.weights, model.adapters) as network:
        return {name: one.clone() for name, one in network.state_dict().items()}


def stored(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}


MERGES: dict[str, tuple[Callable[[Model, Model], Model], Callable[[str, Tensor, Tensor], Tensor]]] = {
    "a mix": (
        lambda a, b: model_merge_simple(model1=a, model2=b, ratio=0.3)[0],
        lambda name, a, b: 0.3 * a + 0.7 * b,
    ),
    "all of the first": (
        lambda a, b: model_merge_simple(model1=a, model2=b)[0],
        lambda name, a, b: a,
    ),
    "a sum": (lambda a, b: model_merge_add(model1=a, model2=b)[0], lambda name, a, b: a + b),
    "a difference": (
        lambda a, b: model_merge_subtract(model1=a, model2=b, multiplier=-2.0)[0],
        lambda name, a, b: -2.0 * (a - b),
    ),
    "a difference added to a third": (
        lambda a, b: model_merge_add(model1=a, model2=model_merge_subtract(model1=b, model2=a)[0])[0],
        lambda name, a, b: b,
    ),
    "by thirds": (
        lambda a, b: model_merge_blocks(model1=a, model2=b, input=0.2, middle=0.5, out=0.9)[0],
        lambda name, a, b: torch.lerp(b, a, {"inp": 0.2, "tim": 0.2, "mid": 0.5, "out": 0.9}[name[:3]]),
    ),
    "by block": (
        lambda a, b: model_merge_sd1(
            model1=a, model2=b, ratios={"time_embed.": 0.1, "input_blocks.1.": 0.4, "out.": 0.8}
        )[0],
        lambda name, a, b: torch.lerp(
            b, a, 0.4 if name.startswith("input_blocks.1.") else 0.8 if name.startswith("out.") else 0.1
        ),
    ),
    "by block, as models of SD 2.x have them": (
        lambda a, b: model_merge_sd2(model1=a, model2=b, ratios={"time_embed.": 0.0, "middle_block.": 0.75})[0],
        lambda name, a, b: torch.lerp(b, a, 0.75 if name.startswith("middle_block.") else 0.0),
    ),
    "by block, named without dots": (
        lambda a, b: model_merge_sdxl(model1=a, model2=b, ratios={"time_embed.": 1.0, "output_blocks.1": 0.25})[0],
        lambda name, a, b: torch.lerp(b, a, 0.25 if name.startswith("output_blocks.1") else 1.0),
    ),
}


@pytest.mark.parametrize("kind", MERGES)
def test_every_weight_is_the_formula(tiny: Loaded, other: tuple[Model, Clip], kind: str) -> None:
    merge, formula = MERGES[kind]
    got = weights(tiny, merge(tiny.model, other[0]))
    first, second = stored(tiny_tensors(), UNET_PREFIX), stored(other_tensors(), UNET_PREFIX)
    assert got.keys() == first.keys()
    for name, one in got.items():
        torch.testing.assert_close(one, formula(name, first[name], second[name]), rtol=1e-5, atol=1e-6)


def test_merges_and_adapters_apply_in_their_order(tiny: Loaded, other: tuple[Model, Clip]) -> None:
    layer = "middle_block.1.transformer_blocks.0.attn1.to_q"
    up, down = torch.randn(64, 2), torch.randn(2, 64)
    root = tiny.folders.root("loras")
    root.mkdir(parents=True, exist_ok=True)
    alias = "lora_unet_" + layer.replace(".", "_")
    save_file({f"{alias}.lora_up.weight": up, f"{alias}.lora_down.weight": down}, root / "q.safetensors")

    def adapted(model: Model, strength: float) -> Model:
        return lora_loader_model_only(
            model=model, lora_name="q.safetensors", strength_model=strength, context=tiny.context
        )[0]

    merged = model_merge_simple(model1=adapted(tiny.model, 1.0), model2=adapted(other[0], 3.0), ratio=0.5)[0]
    a = stored(tiny_tensors(), UNET_PREFIX)[f"{layer}.weight"] + up @ down
    b = stored(other_tensors(), UNET_PREFIX)[f"{layer}.weight"] + 3.0 * up @ down
    torch.testing.assert_close(weights(tiny, merged)[f"{layer}.weight"], 0.5 * a + 0.5 * b, rtol=1e-5, atol=1e-5)
    x = torch.randn(5, 64)
    with Models.of(tiny.context).unet(merged.weights, adapted(merged, -1.0).adapters) as view:
        got = view.get_submodule(layer)(x)
    torch.testing.assert_close(got, x @ (0.5 * a + 0.5 * b - up @ down).t(), rtol=1e-4, atol=1e-4)


CLIP_MERGES: dict[str, tuple[Callable[[Clip, Clip], Clip], Callable[[Tensor, Tensor], Tensor]]] = {
    "a mix": (lambda a, b: clip_merge_simple(clip1=a, clip2=b, ratio=0.3)[0], lambda a, b: 0.3 * a + 0.7 * b),
    "a sum": (lambda a, b: clip_merge_add(clip1=a, clip2=b)[0], lambda a, b: a + b),
    "a difference": (
        lambda a, b: clip_merge_subtract(clip1=a, clip2=b, multiplier=0.5)[0],
        lambda a, b: 0.5 * (a - b),
    ),
}


@pytest.mark.parametrize("kind", CLIP_MERGES)
def test_text_encoders_are_merged_and_kept_in_half_precision(
    tiny: Loaded, other: tuple[Model, Clip], kind: str
) -> None:
    merge, formula = CLIP_MERGES[kind]
    merged = merge(tiny.clip, other[1])
    first, second = stored(tiny_tensors(), TEXT_PREFIX), stored(other_tensors(), TEXT_PREFIX)
    with Models.of(tiny.context).text_encoder(merged.towers[0], merged.adapters) as encoder:
        for name, one in encoder.state_dict().items():
            torch.testing.assert_close(one, formula(first[name], second[name]).half().float())
    assert not torch.equal(tiny.prompt("a cat", merged).entries[0].embedding, tiny.prompt("a cat").entries[0].embedding)


def test_an_inpainting_model_keeps_what_only_it_has(tiny: Loaded, other: tuple[Model, Clip]) -> None:
    config = replace(MODEL, unet=replace(UNET, in_channels=9))
    path = tiny.model.weights.path.with_name("inpaint.safetensors")
    write_tiny_checkpoint(path, config)
    inpaint, _, _ = checkpoint_loader_simple(ckpt_name=path.name, context=tiny.context)
    assert not isinstance(inpaint, Blocked)
    difference, _ = model_merge_subtract(model1=other[0], model2=tiny.model)
    merged, report = model_merge_add(model1=inpaint, model2=difference)
    assert "1 weights stay" in report.text[0]
    got, base = weights(tiny, merged), tiny_unet(config.unet).state_dict()
    a, b = stored(tiny_tensors(), UNET_PREFIX), stored(other_tensors(), UNET_PREFIX)
    assert torch.equal(got["input_blocks.0.0.weight"], base["input_blocks.0.0.weight"])
    torch.testing.assert_close(got["out.2.weight"], base["out.2.weight"] + b["out.2.weight"] - a["out.2.weight"])


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        ([(Part.UNET, SD15)], [(Part.UNET, SDXL)], "a sd15 model and a sdxl model cannot be merged"),
        ([(Part.TEXT, SD15)], [(Part.TEXT, SDXL), (Part.TEXT_2, SDXL)], "only the other has a text_2"),
        ([(Part.TEXT, SDXL), (Part.TEXT_2, SDXL)], [(Part.TEXT, SDXL)], "the other has no text_2"),
    ],
)
def test_models_of_different_families_are_named(one: Parts, two: Parts, message: str) -> None:
    def refs(parts: Parts) -> list[WeightsRef]:
        return [WeightsRef(Path("x"), "d", part, config) for part, config in parts]

    with pytest.raises(WeightsWrongFamily, match=message):
        expect_mergeable(refs(one), refs(two))


def test_a_merged_model_is_one_network_in_memory_and_its_sources_none(tmp_path: Path) -> None:
    tiny = load_tiny(tmp_path)
    path = tiny.model.weights.path.with_name("other.safetensors")
    write_tiny_checkpoint(path, extra=other_tensors())
    second, _, _ = checkpoint_loader_simple(ckpt_name=path.name, context=tiny.context)
    assert isinstance(second, Model)
    models = Models.of(tiny.context)
    merged, _ = model_merge_simple(model1=tiny.model, model2=second, ratio=0.5)
    with models.unet(merged.weights, merged.adapters) as first:
        pass
    size = sum(one.nbytes for one in fill(tiny_unet(), 1).state_dict().values())
    assert models.residency.nbytes == size
    path.rename(path.with_name("moved.safetensors"))
    again = replace(merged)
    with models.unet(again.weights, again.adapters) as second_time:
        assert second_time is first
