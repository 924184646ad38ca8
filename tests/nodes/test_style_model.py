"""Style of pictures as tokens: the adapter's formula, and how much they count."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from graph.errors import GraphError
from nodes.builtin.conditioning import conditioning_concat
from nodes.builtin.style_model import style_model_apply, style_model_loader
from nodes.diffusion.attention_bias import with_token_bias
from nodes.diffusion.clip_vision import VisionEncoding
from nodes.diffusion.style_adapter import StyleAdapter, StyleConfig
from nodes.sockets import ClipVisionOutput, Conditioning, Latent, StyleModel
from nodes.weights.errors import WeightsUnknownFamily
from nodes.weights.files import read_header
from nodes.weights.style_models import detect_style_model
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.tiny import fill, tiny_unet

CONFIG = StyleConfig(width=16, context_dim=24, layers=2, tokens=3, heads=8)


def adapter() -> StyleAdapter:
    return fill(StyleAdapter(CONFIG), 5)


def attention(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    """Multi-head attention written out."""
    projected = x @ weights[f"{name}.in_proj_weight"].t() + weights[f"{name}.in_proj_bias"]
    batch, length, _ = x.shape
    q, k, v = (one.view(batch, length, 8, -1).transpose(1, 2) for one in projected.chunk(3, dim=-1))
    mixed = ((q @ k.mT) / math.sqrt(q.shape[-1])).softmax(-1) @ v
    joined = mixed.transpose(1, 2).reshape(batch, length, -1)
    return joined @ weights[f"{name}.out_proj.weight"].t() + weights[f"{name}.out_proj.bias"]


def test_the_adapter_is_its_formula() -> None:
    network = adapter()
    w = network.state_dict()
    seen = torch.randn(2, 5, 16)

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (16,), w[f"{name}.weight"], w[f"{name}.bias"])

    x = norm(torch.cat([seen, w["style_embedding"].expand(2, -1, -1)], dim=1), "ln_pre")
    for block in (f"transformer_layes.{index}" for index in range(2)):
        x = x + attention(norm(x, f"{block}.ln_1"), w, f"{block}.attn")
        h = norm(x, f"{block}.ln_2") @ w[f"{block}.mlp.c_fc.weight"].t() + w[f"{block}.mlp.c_fc.bias"]
        x = x + (h * torch.sigmoid(1.702 * h)) @ w[f"{block}.mlp.c_proj.weight"].t() + w[f"{block}.mlp.c_proj.bias"]
    torch.testing.assert_close(network(seen), norm(x[:, -3:], "ln_post") @ w["proj"], rtol=1e-4, atol=1e-5)


def test_a_bias_makes_tokens_count_so_many_times() -> None:
    unet = tiny_unet()
    x, timesteps = torch.randn(2, 4, 8, 8), torch.tensor([500.0])
    context, style = torch.randn(2, 7, 24), torch.randn(2, 3, 24)
    both = torch.cat([context, style], dim=1)
    for strength in (1.0, 2.0, 3.0, 0.0):
        bias = torch.zeros(10)
        bias[7:] = torch.tensor(strength).log()
        repeated = torch.cat([context, *[style] * int(strength)], dim=1)  # a token twice counts twice
        got = with_token_bias(unet, bias)(x, timesteps, both)
        torch.testing.assert_close(got, unet(x, timesteps, repeated), rtol=1e-4, atol=1e-4)


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    loaded = load_tiny(tmp_path)
    root = loaded.folders.root("style_models")
    root.mkdir(parents=True)
    save_file(adapter().state_dict(), root / "style.safetensors")
    return loaded


SEEN = ClipVisionOutput(VisionEncoding(torch.randn(2, 8), torch.randn(2, 5, 16), torch.randn(2, 5, 16)))


def styled(tiny: Loaded, strength: float = 1.0, strength_type: str = "multiply", seen: object = SEEN) -> Conditioning:
    model = style_model_loader(style_model_name="style.safetensors", context=tiny.context)
    assert isinstance(model, StyleModel)
    return style_model_apply(
        conditioning=tiny.prompt("a cat"),
        style_model=model,
        clip_vision_output=seen,  # type: ignore[arg-type]
        strength=strength,
        strength_type=strength_type,  # type: ignore[arg-type]
        context=tiny.context,
    )


def test_style_tokens_come_behind_the_prompt(tiny: Loaded) -> None:
    tokens = adapter()(SEEN.encoding.last).flatten(0, 1)[None]
    prompt = tiny.prompt("a cat").entries[0].embedding
    plain, doubled = styled(tiny).entries[0], styled(tiny, 2.0).entries[0]
    torch.testing.assert_close(plain.embedding, torch.cat([prompt, tokens], dim=1))
    torch.testing.assert_close(doubled.embedding, torch.cat([prompt, 2.0 * tokens], dim=1))
    assert plain.token_bias is None
    biased = styled(tiny, 2.0, "attn_bias").entries[0]
    assert torch.equal(biased.embedding, plain.embedding)
    assert biased.token_bias is not None
    torch.testing.assert_close(biased.token_bias, F.pad(torch.full((6,), math.log(2.0)), (77, 0)))
    assert not biased.embedding.is_inference()


def test_prompts_with_style_are_sampled_and_both_strengths_tell(tiny: Loaded) -> None:
    def sampled(positive: Conditioning) -> Tensor:
        return tiny.sampled(positive, Latent(torch.zeros(1, 4, 8, 8))).samples

    conditionings = [
        tiny.prompt("a cat"),
        styled(tiny),
        styled(tiny, 0.5),
        styled(tiny, 0.5, "attn_bias"),
        conditioning_concat(conditioning_to=styled(tiny, 0.5, "attn_bias"), conditioning_from=tiny.prompt("more")),
    ]
    results = [sampled(one) for one in conditionings]
    for index, one in enumerate(results):
        assert all(not torch.allclose(one, other, atol=1e-6) for other in results[:index])
    none = sampled(styled(tiny, 0.0, "attn_bias"))
    torch.testing.assert_close(none, results[0], rtol=1e-3, atol=1e-4)


def test_what_does_not_fit_is_named(tiny: Loaded) -> None:
    wide = ClipVisionOutput(VisionEncoding(torch.randn(1, 8), torch.randn(1, 5, 20), torch.randn(1, 5, 20)))
    with pytest.raises(GraphError, match="width 16, not 20"):
        styled(tiny, seen=wide)
    with pytest.raises(GraphError, match="no style model 'gone'"):
        style_model_loader(style_model_name="gone", context=tiny.context)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [({"x": torch.zeros(1)}, "is no style model"), ({"redux_up.weight": torch.zeros(1)}, "a style model for Flux")],
)
def test_other_files_say_what_they_are(tmp_path: Path, tensors: dict[str, Tensor], message: str) -> None:
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(WeightsUnknownFamily, match=message):
        detect_style_model(read_header(tmp_path / "x.safetensors"))
