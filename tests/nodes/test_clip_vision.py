"""CLIP vision: parity with transformers on small weights, both namings, and what a picture is cut to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor

from graph.context import Context
from graph.errors import GraphError
from nodes.builtin.clip_vision import clip_vision_encode, clip_vision_loader
from nodes.diffusion.clip_vision import ClipVision, ClipVisionConfig, prepare_image
from nodes.sockets import Image
from nodes.sockets.networks import (
    decode_clip_vision,
    decode_clip_vision_output,
    encode_clip_vision,
    encode_clip_vision_output,
)
from nodes.weights.clip_visions import openclip_vision_names
from nodes.weights.networks import NetworkRef, load_network, open_clip_vision
from tests.nodes.running import Bench
from tests.nodes.tiny import fill

TRANSFORMERS: Any = transformers  # its classes are typed only in part

TINY = ClipVisionConfig(32, 48, 3, 16, 4, 16, 12, "gelu")
PICTURE = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def network(config: ClipVisionConfig = TINY) -> ClipVision:
    return fill(ClipVision(config), 6)


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_equals_transformers(activation: str) -> None:
    ours = network(replace(TINY, hidden_act="gelu" if activation == "gelu" else "quick_gelu"))
    other = TRANSFORMERS.CLIPVisionModelWithProjection(
        TRANSFORMERS.CLIPVisionConfig(
            hidden_size=TINY.hidden_size,
            intermediate_size=TINY.intermediate_size,
            num_hidden_layers=TINY.num_hidden_layers,
            num_attention_heads=TINY.num_attention_heads,
            patch_size=TINY.patch_size,
            image_size=TINY.image_size,
            projection_dim=TINY.projection_dim,
            hidden_act=activation,
        )
    ).eval()
    other.load_state_dict(ours.state_dict(), strict=False)
    with torch.no_grad():
        theirs = other(PICTURE, output_hidden_states=True)
    encoding = ours(PICTURE)
    torch.testing.assert_close(encoding.embeddings, theirs.image_embeds, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoding.last, theirs.last_hidden_state, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoding.penultimate, theirs.hidden_states[-2], rtol=1e-4, atol=1e-5)


def openclip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights as OpenCLIP stores them: projections of attention fused, the last one transposed."""
    stored: dict[str, Tensor] = {}
    thirds: dict[str, list[Tensor]] = {}
    for name in sorted(state, key=lambda name: [name.replace(f".{one}_proj", f".{i}") for i, one in enumerate("qkv")]):
        (source,) = openclip_vision_names(name)
        if source.third is None:
            stored[f"visual.{source.key}"] = state[name].t().contiguous() if source.transpose else state[name]
        else:
            thirds.setdefault(f"visual.{source.key}", [torch.empty(0)] * 3)[source.third] = state[name]
    return stored | {key: torch.cat(parts) for key, parts in thirds.items()}


@pytest.mark.parametrize("naming", ["transformers", "openclip"])
def test_a_file_says_what_it_is(tmp_path: Path, naming: str) -> None:
    state = network().state_dict()
    save_file(state if naming == "transformers" else openclip(state), tmp_path / "x.safetensors")
    assert open_clip_vision(tmp_path / "x.safetensors") == TINY
    loaded = load_network(NetworkRef(tmp_path / "x.safetensors", "", TINY), torch.float32).state_dict()
    assert all(torch.equal(tensor.half().float(), loaded[name]) for name, tensor in state.items())


@pytest.mark.parametrize(("size", "crop"), [((16, 16), True), ((20, 31), True), ((31, 20), False), ((5, 9), True)])
def test_a_picture_of_any_size_becomes_a_square(size: tuple[int, int], crop: bool) -> None:
    assert prepare_image(torch.rand(1, *size, 3), 16, crop=crop).shape == (1, 3, 16, 16)


def test_cropping_keeps_the_centre() -> None:
    picture = torch.zeros(1, 16, 48, 3)
    picture[:, :, 16:32] = 1.0
    cropped, squeezed = (prepare_image(picture, 16, crop=crop) for crop in (True, False))
    white = prepare_image(torch.ones(1, 16, 16, 3), 16, crop=True)
    assert torch.equal(cropped, white)
    assert not torch.equal(squeezed, white)


class TestNodes:
    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        folder = tmp_path / "models" / "clip_vision"
        folder.mkdir(parents=True)
        save_file(network().state_dict(), folder / "tiny.safetensors")
        return Context(services=Bench(tmp_path).services)

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_pictures_are_encoded(self, context: Context, channels: int) -> None:
        tower = clip_vision_loader(clip_name="tiny.safetensors", context=context)
        output = clip_vision_encode(
            clip_vision=tower, image=Image(torch.rand(2, 20, 30, channels)), crop="center", context=context
        )
        assert output.encoding.embeddings.shape == (2, 12)
        assert output.encoding.last.shape == output.encoding.penultimate.shape == (2, 17, 32)
        assert decode_clip_vision(encode_clip_vision(tower)) == tower
        again = decode_clip_vision_output(encode_clip_vision_output(output))
        assert torch.equal(again.encoding.embeddings, output.encoding.embeddings)

    def test_other_files_are_refused(self, context: Context, tmp_path: Path) -> None:
        save_file({"x": torch.zeros(1)}, tmp_path / "models" / "clip_vision" / "other.safetensors")
        with pytest.raises(GraphError, match=r"other\.safetensors is no CLIP vision model"):
            clip_vision_loader(clip_name="other.safetensors", context=context)
