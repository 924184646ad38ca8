"""What adapters cost: how often whole weights are made, where they are kept, and what happens without room for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.builtin.lora import lora_loader
from nodes.diffusion import adapters
from nodes.diffusion.streaming import StreamedLinear
from nodes.memory.residency import Residency
from nodes.models import Models
from nodes.sockets import Clip, Model
from tests.nodes.loaded import Loaded, load_tiny

LAYER = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
TEXT_LAYER = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
X = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
CONTEXT = torch.randn(1, 7, 24, generator=torch.Generator().manual_seed(1))
WIDTH, TEXT_WIDTH = 64, 24


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def hadamard(width: int, layer: str) -> dict[str, Tensor]:
    sides = {"hada_w1_a": (width, 2), "hada_w1_b": (2, width), "hada_w2_a": (width, 2), "hada_w2_b": (2, width)}
    return {f"{layer}.{name}": noise(*shape) for name, shape in sides.items()}


KINDS: Mapping[str, tuple[dict[str, Tensor], bool]] = {
    "LoRA": ({f"{LAYER}.lora_up.weight": noise(WIDTH, 2), f"{LAYER}.lora_down.weight": noise(2, WIDTH)}, False),
    "LoHa": (hadamard(WIDTH, LAYER), True),
    "LoKr": ({f"{LAYER}.lokr_w1": noise(4, 4), f"{LAYER}.lokr_w2": noise(WIDTH // 4, WIDTH // 4)}, True),
    "DoRA": (
        {
            f"{LAYER}.lora_up.weight": noise(WIDTH, 2),
            f"{LAYER}.lora_down.weight": noise(2, WIDTH),
            f"{LAYER}.dora_scale": noise(WIDTH, 1).abs(),
        },
        True,
    ),
}
"""For each kind its tensors, and whether whole weights have to be made for it."""


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    return load_tiny(tmp_path)


def adapted(tiny: Loaded, tensors: dict[str, Tensor]) -> tuple[Model, Clip]:
    root = tiny.folders.root("loras")
    root.mkdir(exist_ok=True)
    save_file(tensors | hadamard(TEXT_WIDTH, TEXT_LAYER), root / "a.safetensors")
    model, clip, _ = lora_loader(model=tiny.model, clip=tiny.clip, lora_name="a.safetensors", context=tiny.context)
    return model, clip


def predicted(tiny: Loaded, model: Model) -> Tensor:
    with Models.of(tiny.context).unet(model.weights, model.adapters) as unet, torch.inference_mode():
        out: Tensor = unet(X, torch.tensor([500.0]), CONTEXT)
        return out


@pytest.mark.parametrize("kind", KINDS)
def test_whole_weights_are_made_once_for_any_number_of_calls(tiny: Loaded, kind: str) -> None:
    tensors, whole = KINDS[kind]
    model, _ = adapted(tiny, tensors)
    before = predicted(tiny, tiny.model)
    with patch("nodes.weights.patched.merged", wraps=adapters.merged) as made:
        results = [predicted(tiny, model) for _ in range(3)]
    assert made.call_count == (1 if whole else 0)
    assert all(torch.equal(one, results[0]) for one in results)
    assert not torch.allclose(results[0], before)
    assert torch.equal(predicted(tiny, tiny.model), before), "the base is as it was"


def test_only_changed_layers_are_held_twice(tiny: Loaded) -> None:
    residency = tiny.context.service(Residency)
    model, _ = adapted(tiny, KINDS["LoHa"][0])
    predicted(tiny, tiny.model)
    before = residency.nbytes
    predicted(tiny, model)
    weight, changes = WIDTH * WIDTH * 4, 2 * 2 * 2 * (WIDTH + TEXT_WIDTH) * 4
    assert residency.nbytes - before <= weight + changes


@pytest.mark.parametrize("kind", KINDS)
def test_without_room_they_are_made_at_each_call_to_the_same_bits(tiny: Loaded, kind: str) -> None:
    model, _ = adapted(tiny, KINDS[kind][0])
    expected = predicted(tiny, model)
    tiny.context.service(Residency).clear()
    with (
        patch.object(Residency, "has_room", return_value=False),
        patch("nodes.weights.patched.merged", wraps=adapters.merged) as made,
    ):
        assert torch.equal(predicted(tiny, model), expected)
    assert made.call_count == 0


def test_a_text_encoder_s_are_made_once_for_many_prompts(tiny: Loaded) -> None:
    _, clip = adapted(tiny, KINDS["LoRA"][0])
    with patch("nodes.weights.patched.merged", wraps=adapters.merged) as made:
        first, again = (tiny.prompt(text, clip).entries[0].embedding for text in ("a cat", "a cat"))
        tiny.prompt("a dog", clip)
    assert made.call_count == 1
    assert torch.equal(first, again)
    assert not torch.equal(first, tiny.prompt("a cat").entries[0].embedding)


@pytest.mark.parametrize("kind", KINDS)
def test_they_lie_over_a_streamed_network_as_over_a_whole_one(tiny: Loaded, kind: str) -> None:
    model, _ = adapted(tiny, KINDS[kind][0])
    expected = predicted(tiny, model)
    tiny.context.service(Residency).make_room(tiny.model.weights)
    with Models.of(tiny.context).unet(model.weights) as unet:
        assert isinstance(unet.time_embed[0], StreamedLinear)
    assert torch.equal(predicted(tiny, model), expected)
