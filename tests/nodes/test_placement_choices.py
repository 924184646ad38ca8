"""Where a model computes and in which precision, chosen for it alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nodes.builtin.model_patches import model_compute_dtype
from nodes.builtin.part_loaders import clip_loader
from nodes.memory.policy import DevicePolicy
from nodes.models import Models
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from tests.nodes.loaded import load_tiny
from tests.nodes.tiny import MODEL


@pytest.mark.parametrize(
    ("dtype", "computed"), [("default", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_a_model_computes_in_the_precision_chosen_for_it(tmp_path: Path, dtype: str, computed: torch.dtype) -> None:
    tiny = load_tiny(tmp_path)
    chosen = model_compute_dtype(model=tiny.model, dtype=dtype)  # type: ignore[arg-type]
    with Models.of(tiny.context).unet(chosen.weights) as network:
        assert network.dtype is computed
    with Models.of(tiny.context).unet(tiny.model.weights) as network:
        assert network.dtype is torch.float32
    assert model_compute_dtype(model=chosen, dtype="default") == tiny.model


def test_a_text_encoder_can_be_kept_off_the_graphics_card(tmp_path: Path) -> None:
    tiny = load_tiny(tmp_path)
    root = tiny.folders.root("text_encoders")
    root.mkdir(parents=True)
    (root / "part.safetensors").symlink_to(tiny.model.weights.path)
    clips = [
        clip_loader(clip_name="part.safetensors", type="stable_diffusion", device=device, context=tiny.context)
        for device in ("default", "cpu")
    ]
    assert [clip.towers[0].on_cpu for clip in clips] == [False, True]
    policy = DevicePolicy("cuda:0", torch.float16, torch.float16, torch.float16)
    assert [policy.placement_of(clip.towers[0]).device for clip in clips] == ["cuda:0", "cpu"]


def test_choices_do_not_change_what_else_the_policy_says() -> None:
    policy = DevicePolicy("cuda:0", torch.float16, torch.float32, torch.float16)
    ref = WeightsRef(Path("x"), "d", Part.UNET, MODEL)
    assert policy.placement_of(ref) == policy.placement(Part.UNET, MODEL)
    assert policy.placement_of(replace(ref, compute_dtype="bf16")) == replace(
        policy.placement(Part.UNET, MODEL), dtype=torch.bfloat16
    )
