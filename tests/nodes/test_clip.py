"""The text encoder against transformers' own model, its layers and its weights on tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from nodes.diffusion.clip import TextEncoder, encode_prompt
from nodes.diffusion.config import CLIP_L, TextConfig
from nodes.diffusion.prompt import TokenChunk, empty_chunk
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.tiny import TEXT, TEXT_PROJECTED, tiny_text_encoder


def transformers_model(encoder: TextEncoder) -> Any:
    config = encoder.config
    projected = config.projection_dim is not None
    other: Any = CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            hidden_act=config.hidden_act,
            bos_token_id=config.bos_token_id,
            eos_token_id=config.eos_token_id,
            pad_token_id=config.pad_token_id,
            projection_dim=config.projection_dim or config.hidden_size,
        )
    )
    weights = encoder.state_dict()
    if not projected:
        weights["text_projection.weight"] = torch.eye(config.hidden_size)
    other.load_state_dict(weights)
    return other.eval()


def chunk(*tokens: int, weights: dict[int, float] | None = None, config: TextConfig = TEXT) -> TokenChunk:
    """A chunk of these tokens; `weights` by position in the chunk."""
    padding = config.max_position_embeddings - len(tokens) - 2
    ids = (config.bos_token_id, *tokens, config.eos_token_id, *[config.pad_token_id] * padding)
    return TokenChunk(ids, tuple((weights or {}).get(place, 1.0) for place in range(len(ids))))


@pytest.mark.parametrize("config", [TEXT, TEXT_PROJECTED], ids=["as SD 1.x", "projected, as SDXL"])
@pytest.mark.parametrize("layer", [-1, -2, -3])
def test_equals_transformers(config: TextConfig, layer: int) -> None:
    encoder = tiny_text_encoder(config)
    tokens = torch.tensor([chunk(5, 6, 7, config=config).ids, chunk(*range(75), config=config).ids])
    other = transformers_model(encoder)
    with torch.no_grad():
        theirs = other(tokens, output_hidden_states=True)
        expected = theirs.hidden_states[layer]
        if config.norm_hidden:
            expected = other.text_model.final_layer_norm(expected)
    hidden, pooled = encoder(tokens, layer)
    torch.testing.assert_close(hidden, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(pooled, theirs.text_embeds, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "layer", "same_as"),
    [(TEXT, None, -1), (TEXT_PROJECTED, None, -2), (TEXT, -3, -3)],
    ids=["SD 1.x reads the last layer", "SDXL the penultimate", "the first of three can be asked for"],
)
def test_the_family_chooses_the_layer_unless_asked(config: TextConfig, layer: int | None, same_as: int) -> None:
    encoder, tokens = tiny_text_encoder(config), torch.tensor([chunk(5, 6, config=config).ids])
    assert torch.equal(encoder(tokens, layer)[0], encoder(tokens, same_as)[0])


@pytest.mark.parametrize("config", [TEXT, TEXT_PROJECTED])
def test_a_layer_further_back_than_there_are_is_the_normed_last(config: TextConfig) -> None:
    encoder, tokens = tiny_text_encoder(config), torch.tensor([chunk(5, 6, config=config).ids])
    normed = tiny_text_encoder(replace(config, norm_hidden=True))
    assert torch.equal(encoder(tokens, -24)[0], normed(tokens, -1)[0])


@needs_shared
@pytest.mark.golden
def test_parameters_are_those_of_real_checkpoints() -> None:
    with torch.device("meta"):
        encoder = TextEncoder(CLIP_L)
    ours = {name: list(tensor.shape) for name, tensor in encoder.state_dict().items()}
    assert ours == state_dict_shapes("sd15", "cond_stage_model.transformer.")


class TestPromptEncoding:
    def test_chunks_follow_one_another_and_the_first_is_pooled(self) -> None:
        encoder, first, second = tiny_text_encoder(), chunk(5, 6), chunk(7)
        both = encode_prompt(encoder, [first, second])
        alone = [encode_prompt(encoder, [one]) for one in (first, second)]
        torch.testing.assert_close(both.context, torch.cat([one.context for one in alone], dim=1))
        torch.testing.assert_close(both.pooled, alone[0].pooled)
        assert both.context.shape == (1, 154, TEXT.hidden_size)

    @pytest.mark.parametrize("weight", [0.0, 0.5, 1.3, -1.0])
    def test_a_weight_moves_a_token_away_from_the_empty_prompt(self, weight: float) -> None:
        encoder = tiny_text_encoder()
        plain = encode_prompt(encoder, [chunk(5, 6)]).context
        empty = encode_prompt(encoder, [empty_chunk(TEXT)]).context
        weighted = encode_prompt(encoder, [chunk(5, 6, weights={2: weight})]).context
        expected = plain.clone()
        expected[0, 2] = empty[0, 2] + weight * (plain[0, 2] - empty[0, 2])
        torch.testing.assert_close(weighted, expected)
        unweighted = [place for place in range(77) if place != 2]
        torch.testing.assert_close(weighted[0, unweighted], plain[0, unweighted])

    def test_pooled_is_not_weighted(self) -> None:
        encoder = tiny_text_encoder()
        weighted = encode_prompt(encoder, [chunk(5, 6, weights={2: 1.5})])
        torch.testing.assert_close(weighted.pooled, encode_prompt(encoder, [chunk(5, 6)]).pooled)
