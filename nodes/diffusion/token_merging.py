"""Token merging: self-attention of the first level over fewer queries (Bolya and Hoffman, 2023, "ToMe for SD", section 4).

One token of each 2x2 square, chosen at random, stays; of the others, those most like one that stays are merged into it,
and get its result. Squares are chosen anew at each layer and step, by the generator of the run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nodes.diffusion.denoiser import NetworkCall
from nodes.diffusion.patching import Hooks, Start, self_attention_names, wrap_layers

_SIDE = 2


@dataclass(frozen=True, slots=True)
class TokenMerging:
    """`ratio` (0..1) of the tokens are merged away."""

    ratio: float

    def begin(self, start: Start) -> Hooks:
        merger = _Merger(self.ratio, start.generator)
        return Hooks(
            network=lambda network: wrap_layers(
                network, self_attention_names(network), lambda attention: _MergedAttention(attention, merger)
            ),
            observe=merger.observe,
        )


@dataclass(slots=True, eq=False)
class _Merger:
    """What all layers of a run share: the ratio, the random choices, and the size of the latent at hand."""

    ratio: float
    generator: torch.Generator
    height: int = 0
    width: int = 0

    def observe(self, call: NetworkCall) -> None:
        self.height, self.width = call.height, call.width

    def merging(self, tokens: Tensor) -> Merging | None:
        """The merging of tokens [B, N, C]; None on a deeper level, or where there is nothing to merge."""
        count = tokens.shape[1]
        if math.ceil(math.sqrt((self.height * self.width) // count)) > 1:
            return None
        merged = int(count * self.ratio)
        # Under deep shrink the first level, too, is smaller than the latent.
        if merged <= 0 or self.height == 1 or self.width == 1 or count != self.height * self.width:
            return None
        kept, rest = choose_kept(self.height, self.width, self.generator)
        return match(tokens, kept.to(tokens.device), rest.to(tokens.device), merged)


class _MergedAttention(nn.Module):
    def __init__(self, attention: nn.Module, merger: _Merger) -> None:
        super().__init__()
        self.attention = attention
        self.merger = merger

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        merging = self.merger.merging(x)
        if merging is None:
            out: Tensor = self.attention(x, context)
            return out
        return merging.unmerge(self.attention(merging.merge(x), context))


@dataclass(frozen=True, slots=True, eq=False)
class Merging:
    """Which of N tokens are merged into which, as indices: `kept` [K], `rest` [N - K] of the tokens; for each picture
    `unmerged` [B, U] and `merged` [B, M] of `rest`, and `into` [B, M] of `kept`."""

    kept: Tensor
    rest: Tensor
    unmerged: Tensor
    merged: Tensor
    into: Tensor

    def merge(self, x: Tensor) -> Tensor:
        """Tokens [B, N, C] -> [B, U + K, C]: each kept token the mean of itself and what is merged into it."""
        kept, rest = x[:, self.kept], x[:, self.rest]
        means = kept.scatter_reduce(1, _over(self.into, x), _take(rest, self.merged), reduce="mean")
        return torch.cat([_take(rest, self.unmerged), means], dim=1)

    def unmerge(self, x: Tensor) -> Tensor:
        """Results [B, U + K, C] -> [B, N, C]: merged tokens get the result of what they were merged into."""
        count = self.unmerged.shape[1]
        unmerged, kept = x[:, :count], x[:, count:]
        out = x.new_zeros(x.shape[0], len(self.kept) + len(self.rest), x.shape[2])
        out[:, self.kept] = kept
        out.scatter_(1, _over(self.rest[self.unmerged], x), unmerged)
        out.scatter_(1, _over(self.rest[self.merged], x), _take(kept, self.into))
        return out


def choose_kept(height: int, width: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of one random token of each whole square of a map, and of all the others."""
    rows, columns = height // _SIDE, width // _SIDE
    choice = torch.randint(_SIDE**2, (rows, columns, 1), generator=generator)
    squares = torch.zeros(rows, columns, _SIDE**2, dtype=torch.int64).scatter_(2, choice, -1)
    marks = torch.zeros(height, width, dtype=torch.int64)
    marks[: rows * _SIDE, : columns * _SIDE] = (
        squares.view(rows, columns, _SIDE, _SIDE).transpose(1, 2).reshape(rows * _SIDE, columns * _SIDE)
    )
    order = marks.flatten().argsort()  # the marked ones first
    return order[: rows * columns], order[rows * columns :]


def match(tokens: Tensor, kept: Tensor, rest: Tensor, merged: int) -> Merging:
    """Merge the `merged` tokens of `rest` that are most like one of `kept`, by cosine, into the one they are most like."""
    unit = tokens / torch.linalg.vector_norm(tokens, dim=-1, keepdim=True)
    likeness = unit[:, rest] @ unit[:, kept].mT  # (B, N - K, K)
    best, partner = likeness.max(dim=-1)
    order = best.argsort(dim=-1, descending=True)
    count = min(len(rest), merged)
    chosen = order[:, :count]
    return Merging(kept, rest, order[:, count:], chosen, partner.gather(1, chosen))


def _over(index: Tensor, x: Tensor) -> Tensor:
    """Indices [B, n] for all channels of x [B, N, C]: [B, n, C]."""
    return index[..., None].expand(-1, -1, x.shape[-1])


def _take(x: Tensor, index: Tensor) -> Tensor:
    return x.gather(1, _over(index, x))
