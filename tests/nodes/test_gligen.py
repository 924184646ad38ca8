"""Grounding: the published network's numbers, and phrases in boxes that change what is drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers.models import attention
from safetensors.torch import save_file
from torch import nn

from graph.errors import GraphError
from graph.values import Values
from nodes.builtin.gligen import gligen_loader, gligen_text_box_apply
from nodes.diffusion.conditioning import Area, ConditioningEntry, Grounding, with_shared_hints
from nodes.diffusion.config import SD15
from nodes.diffusion.denoiser import NetworkCall
from nodes.diffusion.gligen import GatedAttention, Gligen, GligenConfig, TextBox
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.patching import Hooks
from nodes.diffusion.sampling import diffusion_model, guide
from nodes.diffusion.unet import UNet
from nodes.folders import Folders
from nodes.sockets import VALUE_TYPES, Conditioning, Latent
from nodes.sockets import Gligen as GligenHandle
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import read_header
from nodes.weights.gligens import detect_gligen
from nodes.weights.metadata import write_config
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.tiny import MODEL, UNET, fill, tiny_unet

DIFFUSERS: Any = diffusers
ATTENTION: Any = attention
VALUES = Values(VALUE_TYPES)
CONFIG = GligenConfig(UNET, phrase_dim=24, family="tiny")


def gligen(seed: int = 8, gates: float = 0.7) -> Gligen:
    network = fill(Gligen(CONFIG), seed)
    for module in network.modules():
        if isinstance(module, GatedAttention):
            module.alpha_attn.fill_(gates)
            module.alpha_dense.fill_(-gates)
    return network


def box(seed: int, *place: int) -> TextBox:
    return TextBox(torch.randn(1, 24, generator=torch.Generator().manual_seed(seed)), *place)


def test_boxes_become_tokens_as_in_diffusers() -> None:
    ours = gligen()
    theirs = DIFFUSERS.models.embeddings.GLIGENTextBoundingboxProjection(positive_len=24, out_dim=24)
    theirs.load_state_dict(ours.position_net.state_dict())
    boxes = [box(1, 4, 6, 2, 1), box(2, 8, 12, 0, 0)]
    given = torch.zeros(1, 30)
    given[0, :2] = 1
    corners, phrases = torch.zeros(1, 30, 4), torch.zeros(1, 30, 24)
    corners[0, 0] = torch.tensor([1 / 12, 2 / 8, 7 / 12, 6 / 8])
    corners[0, 1] = torch.tensor([0, 0, 1, 1])
    phrases[0, 0], phrases[0, 1] = boxes[0].phrase[0], boxes[1].phrase[0]
    with torch.no_grad():
        expected = theirs(boxes=corners, masks=given, positive_embeddings=phrases)
    torch.testing.assert_close(ours.tokens(boxes, (8, 12)), expected, rtol=1e-4, atol=1e-5)


def test_gated_attention_is_that_of_diffusers() -> None:
    ours = fill(GatedAttention(32, 24, 4), 3)
    ours.alpha_attn.fill_(0.4)
    ours.alpha_dense.fill_(1.3)
    theirs = ATTENTION.GatedSelfAttentionDense(32, 24, 4, 8)
    theirs.load_state_dict(ours.state_dict())
    x, tokens = torch.randn(2, 10, 32), torch.randn(2, 30, 24)
    with torch.no_grad():
        torch.testing.assert_close(ours(x, tokens), theirs(x, tokens), rtol=1e-4, atol=1e-5)


def test_every_block_of_the_network_has_its_attention_under_the_published_names() -> None:
    with torch.device("meta"):
        names = set(Gligen(GligenConfig(SD15.unet)).state_dict())
        blocks = [name for name, _ in UNet(SD15.unet).named_modules() if name.endswith("transformer_blocks.0")]
    assert len(blocks) == 16
    assert {f"{name}.fuser.alpha_attn" for name in blocks} <= names
    assert "input_blocks.1.1.transformer_blocks.0.fuser.attn.to_out.0.bias" in names
    assert "position_net.linears.4.weight" in names


def test_closed_gates_change_nothing_and_open_ones_do() -> None:
    unet = tiny_unet()
    inputs = (torch.randn(2, 4, 8, 12), torch.tensor([500.0]), torch.randn(2, 7, 24))
    plain = unet(*inputs)
    closed, opened = gligen(gates=0.0), gligen()
    tokens = closed.tokens([box(1, 4, 6, 2, 1)], (8, 12))
    torch.testing.assert_close(closed.seen_by(unet, tokens)(*inputs), plain)
    assert not torch.allclose(opened.seen_by(unet, tokens)(*inputs), plain, atol=1e-3)
    assert torch.equal(unet(*inputs), plain)


def write(folders: Folders, network: nn.Module, name: str = "boxes.safetensors", prefix: str = "") -> str:
    root = folders.root("gligen")
    root.mkdir(parents=True, exist_ok=True)
    tensors = {prefix + key: one.contiguous() for key, one in network.state_dict().items()}
    save_file(tensors, root / name, {"config": write_config(replace(MODEL, family="tiny"))})
    return name


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    return load_tiny(tmp_path)


def sampled(tiny: Loaded, positive: Conditioning) -> torch.Tensor:
    return tiny.sampled(positive, Latent(torch.zeros(2, 4, 8, 12))).samples


def grounded(tiny: Loaded, handle: GligenHandle, to: Conditioning, text: str, **place: int) -> Conditioning:
    return gligen_text_box_apply(
        conditioning_to=to, clip=tiny.clip, gligen_textbox_model=handle, text=text, **place, context=tiny.context
    )[0]


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
def test_a_phrase_in_a_box_changes_the_picture_and_the_box_matters(tiny: Loaded, prefix: str) -> None:
    handle = gligen_loader(gligen_name=write(tiny.folders, gligen(), prefix=prefix), context=tiny.context)
    prompt = tiny.prompt("a garden")
    cat = grounded(tiny, handle, prompt, "a cat", width=32, height=32, x=0, y=0)
    there = grounded(tiny, handle, prompt, "a cat", width=32, height=32, x=64, y=32)
    both = grounded(tiny, handle, cat, "a dog", width=16, height=16, x=8, y=8)
    results = [sampled(tiny, one) for one in (prompt, cat, there, both, cat)]
    assert torch.equal(results[1], results[4])
    for index in range(4):
        for other in range(index):
            assert not torch.allclose(results[index], results[other], atol=1e-5)
    boxes = both.entries[0].grounding
    assert boxes is not None
    assert [(one.height, one.width, one.y, one.x) for one in boxes.boxes] == [(4, 4, 0, 0), (2, 2, 1, 1)]


def test_boxes_survive_being_put_to_rest(tiny: Loaded) -> None:
    handle = gligen_loader(gligen_name=write(tiny.folders, gligen()), context=tiny.context)
    assert VALUES.decode(*VALUES.encode(handle)) == handle
    one = grounded(tiny, handle, tiny.prompt("a garden"), "a cat", x=64, y=32)
    kind, encoded = VALUES.encode(one)
    (again,) = VALUES.decode(kind, replace(encoded, data=json.loads(json.dumps(encoded.data)))).entries  # type: ignore[attr-defined]
    assert VALUES.digest(Conditioning((again,))) == VALUES.digest(one)
    assert torch.equal(again.grounding.boxes[0].phrase, one.entries[0].grounding.boxes[0].phrase)  # type: ignore[union-attr]
    assert again.grounding.network == handle.network


def test_more_boxes_than_the_network_knows_are_refused(tiny: Loaded) -> None:
    handle = gligen_loader(gligen_name=write(tiny.folders, gligen()), context=tiny.context)
    prompt = tiny.prompt("a garden")
    for _ in range(30):
        prompt = grounded(tiny, handle, prompt, "a cat")
    with pytest.raises(GraphError, match="at most 30"):
        grounded(tiny, handle, prompt, "a cat")


def test_another_family_is_named(tiny: Loaded) -> None:
    wide = GligenConfig(replace(UNET, channel_mult=(1, 3)), phrase_dim=24)
    root = tiny.folders.root("gligen")
    root.mkdir(parents=True)
    config = replace(MODEL, family="wide", unet=wide.unet)
    save_file(fill(Gligen(wide), 1).state_dict(), root / "wide.safetensors", {"config": write_config(config)})
    handle = gligen_loader(gligen_name="wide.safetensors", context=tiny.context)
    with pytest.raises(GraphError, match="GLIGEN network for wide models, and the model is tiny"):
        sampled(tiny, grounded(tiny, handle, tiny.prompt("a garden"), "a cat"))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x": torch.zeros(1)}, "no GLIGEN network"),
        (
            {
                "position_net.null_positive_feature": torch.zeros(768),
                "input_blocks.1.1.transformer_blocks.0.fuser.linear.weight": torch.zeros(384, 768),
            },
            "384 wide",
        ),
    ],
)
def test_other_files_say_what_they_are(tmp_path: Path, tensors: dict[str, torch.Tensor], message: str) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(WeightsUnknownFamily, match=message):
        detect_gligen(read_header(tmp_path / "x.safetensors"))


def test_both_sides_see_the_boxes_unless_the_negative_one_has_its_own(tiny: Loaded) -> None:
    handle = gligen_loader(gligen_name=write(tiny.folders, gligen()), context=tiny.context)
    cat = grounded(tiny, handle, tiny.prompt("a garden"), "a cat", width=32, height=32)
    dog = grounded(tiny, handle, tiny.prompt("bad"), "a dog", width=32, height=32)
    (shared,) = with_shared_hints(cat.entries, tiny.prompt("bad").entries)
    assert shared.grounding == cat.entries[0].grounding
    (own,) = with_shared_hints(cat.entries, dog.entries)
    assert own.grounding == dog.entries[0].grounding
    (elsewhere,) = with_shared_hints((replace(cat.entries[0], area=Area(4, 4, 0, 0)),), tiny.prompt("bad").entries)
    assert elsewhere.grounding is None


def test_a_box_of_an_area_has_its_place_in_the_area(tiny: Loaded) -> None:
    """The network sees a cut-out, and is told boxes as shares of what it sees."""
    sizes: list[tuple[int, int]] = []

    class Spy(Gligen):
        def tokens(self, boxes: Sequence[TextBox], size: tuple[int, int]) -> torch.Tensor:
            sizes.append(size)
            return super().tokens(boxes, size)

    with torch.device("meta"):
        spy = Spy(CONFIG)
    spy.load_state_dict(gligen().state_dict(), assign=True)
    entry = ConditioningEntry(torch.randn(1, 7, 24), grounding=Grounding("boxes", (box(1, 2, 2, 0, 0),)))
    model = diffusion_model(MODEL, tiny_unet(), groundings={"boxes": spy})
    canvas = Canvas(torch.zeros(1, 4, 8, 12))
    guide(model, (entry, replace(entry, area=Area(6, 100, 0, 4))), (), 1.0, canvas)
    assert sizes == [(8, 12), (6, 8)]
    guide(model, (replace(entry, area=Area(8, 8, 20, 0)),), (), 1.0, canvas)  # beside the latent
    assert sizes[2:] == [(1, 8)]


def test_both_sides_see_the_same_boxes_in_one_call() -> None:
    x, sigma = torch.randn(1, 4, 8, 12, generator=torch.Generator().manual_seed(4)), torch.tensor(3.0)
    model = diffusion_model(MODEL, tiny_unet(), groundings={"boxes": gligen()})
    grounding = Grounding("boxes", (box(1, 4, 6, 2, 1),))
    cat = ConditioningEntry(torch.randn(1, 5, 24, generator=torch.Generator().manual_seed(5)), grounding=grounding)
    bad = ConditioningEntry(torch.randn(1, 5, 24, generator=torch.Generator().manual_seed(6)))
    calls: list[NetworkCall] = []
    given = guide(model, (cat,), (bad,), 3.0, Canvas(x), (Hooks(observe=calls.append),))(x, sigma)
    assert [call.sides for call in calls] == [(0, 1)]
    other = replace(grounding, boxes=tuple(replace(one) for one in grounding.boxes))
    own = guide(model, (cat,), (replace(bad, grounding=other),), 3.0, Canvas(x))(x, sigma)
    torch.testing.assert_close(given, own, rtol=1e-3, atol=1e-4)
