"""CLIP text: tokens to the context that conditions the U-Net.

Radford et al. (2021), section 2.4. The network is transformers' `CLIPTextModel`; this file decides what is read from it
(which layer, with or without the final norm, pooled and projected or not) and applies the weights of a prompt.
Parameter names are those of LDM checkpoints (`text_model.*`), plus `text_projection.weight` where a family has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nodes.diffusion.config import TextConfig
from nodes.diffusion.prompt import TokenChunk, empty_chunk

if TYPE_CHECKING:
    from transformers import CLIPTextConfig


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """What a prompt becomes: context [1, 77 n, D] for n chunks, and pooled [1, P] of the first chunk."""

    context: Tensor
    pooled: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Inserted:
    """A vector [D] in place of the embedding of one token: that of textual inversion."""

    row: int
    place: int
    vector: Tensor


class TextEncoder(nn.Module):
    """One CLIP text tower."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        # transformers takes seconds to import; a run whose prompts are cached never gets here.
        from transformers import CLIPTextModel

        self.config = config
        self.text_model = CLIPTextModel(_transformers_config(config))
        # Positions are always 0..T-1 here; as a buffer outside checkpoints this would stay on the meta device.
        del self.text_model.embeddings.position_ids
        if config.projection_dim is not None:
            self.text_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(
        self, tokens: Tensor, layer: int | None = None, inserted: Sequence[Inserted] = ()
    ) -> tuple[Tensor, Tensor]:
        """Tokens [B, T] int64 -> hidden states [B, T, D] and pooled [B, P], both float32.

        `layer` counts from the end: -1 the last, -2 the penultimate; None is the family's own. One further back than
        there are layers means the last. Pooled is always read from the last layer, at the first end token. `inserted`
        replaces the embeddings of single tokens.
        """
        states = self._hidden_states(tokens, inserted)
        norm = self.text_model.final_layer_norm
        last = norm(states[-1])
        wanted = self.config.layer if layer is None else layer
        if not 1 <= -wanted <= self.config.num_hidden_layers:
            hidden = last
        else:
            hidden = norm(states[wanted]) if self.config.norm_hidden else states[wanted]
        ends = (tokens == self.config.eos_token_id).int().argmax(dim=-1)
        pooled = last[torch.arange(len(tokens), device=tokens.device), ends]
        if self.config.projection_dim is not None:
            pooled = self.text_projection(pooled)
        return hidden.float(), pooled.float()

    def _hidden_states(self, tokens: Tensor, inserted: Sequence[Inserted]) -> list[Tensor]:
        """The output of every layer in order, before the final norm, each [B, T, D]."""
        embeddings = self.text_model.embeddings
        positions = embeddings.position_embedding(torch.arange(tokens.shape[1], device=tokens.device))  # (T, D)
        hidden = embeddings.token_embedding(tokens)
        for one in inserted:
            hidden[one.row, one.place] = one.vector.to(hidden)
        hidden = hidden + positions
        states = []
        for layer in self.text_model.encoder.layers:
            hidden = layer(hidden, attention_mask=None, is_causal=True)
            states.append(hidden)
        return states


def encode_prompt(encoder: TextEncoder, chunks: Sequence[TokenChunk], layer: int | None = None) -> TextEncoding:
    """Encode the chunks of one prompt and put them one after another along the token axis.

    A token of weight w moves its hidden state away from that of the empty prompt at the same place:
    z' = z_empty + w (z - z_empty). The empty prompt is encoded only if some weight is not 1.
    """
    rows = [chunk.ids for chunk in chunks]
    weights = torch.tensor([chunk.weights for chunk in chunks], device=encoder.device)[:, :, None]  # (n, T, 1)
    weighted = bool((weights != 1.0).any())
    if weighted:
        rows.append(empty_chunk(encoder.config).ids)
    inserted = [Inserted(row, place, vector) for row, chunk in enumerate(chunks) for place, vector in chunk.vectors]
    hidden, pooled = encoder(torch.tensor(rows, device=encoder.device), layer, inserted)
    if weighted:
        plain, empty = hidden[:-1], hidden[-1]
        # Where the weight is 1 the state is kept as it is, to the last bit.
        hidden = torch.where(weights == 1.0, plain, empty + weights * (plain - empty))
    return TextEncoding(context=hidden.flatten(0, 1)[None], pooled=pooled[:1])  # (1, n T, D), (1, P)


def _transformers_config(config: TextConfig) -> CLIPTextConfig:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        max_position_embeddings=config.max_position_embeddings,
        hidden_act=config.hidden_act,
        layer_norm_eps=config.layer_norm_eps,
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=config.pad_token_id,
    )
