"""From a prompt as typed to chunks of weighted tokens.

`(text)` weighs its content 1.1 times, `(text:1.3)` exactly 1.3, inner weights win, `\\(` and `\\)` are literal, and
parentheses that do not close are text. Tokens are dealt into chunks that fit the text tower, each with its start and
end token. `embedding:name` after a space stands for the vectors of a textual inversion (Gal et al., 2022), which take
the place of tokens.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from nodes.diffusion.config import TextConfig
from nodes.diffusion.tokenizer import Tokenizer

_EMPHASIS = 1.1
_MAX_DEPTH = 64  # deeper parentheses are text: their weights would mean nothing, and parsing stays linear
_KEPT_WHOLE = 8  # a group of fewer tokens than this never straddles two chunks
_PARENTHESIS = re.compile(r"\\[()]|[()]")
_ESCAPED = re.compile(r"\\([()])")
_EMBEDDING = re.compile(r"(?:^|[ \n])embedding:")

Embeddings: TypeAlias = "Callable[[str], Tensor | None]"
"""The vectors [n, D] of the embedding of a name, None if there is none."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the prompt under one weight, escapes resolved."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """As many token ids as the text tower takes (77 for CLIP), each with its weight.

    `vectors` are given instead of the embeddings of the tokens at some places; the ids there mean nothing.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    vectors: tuple[tuple[int, Tensor], ...] = ()


def parse_emphasis(prompt: str) -> tuple[Piece, ...]:
    """Split a prompt into weighted pieces. Every string is valid; the empty one has no piece."""
    return tuple(Piece(_ESCAPED.sub(r"\1", text), weight) for text, weight in _weigh(prompt, 1.0, 0))


def tokenize_prompt(
    prompt: str, tokenizer: Tokenizer, config: TextConfig, embeddings: Embeddings | None = None
) -> tuple[TokenChunk, ...]:
    """Parse, tokenize and deal a prompt into chunks; at least one chunk.

    A name that `embeddings` does not know is left out, as are vectors of another width than the tower's. Without
    `embeddings` there is no such syntax, and names are text.
    """
    groups = [
        [(token, piece.weight) for token in group]
        for piece in parse_emphasis(prompt)
        for group in _groups(piece.text, tokenizer, embeddings)
    ]
    room = config.max_position_embeddings - 2  # the start and the end token
    return tuple(_finish(batch, config) for batch in _deal(groups, room))


def empty_chunk(config: TextConfig) -> TokenChunk:
    """The chunk of the empty prompt."""
    return _finish([], config)


def _groups(text: str, tokenizer: Tokenizer, embeddings: Embeddings | None) -> Iterator[Sequence[Token]]:
    """The tokens of a stretch of the prompt: text and embeddings take turns."""
    if embeddings is None:
        yield tokenizer.encode(text)
        return
    plain, *uses = _EMBEDDING.split(text)
    if plain or not uses:
        yield tokenizer.encode(plain)
    for use in uses:
        vectors, rest = _vectors(use, embeddings)
        if vectors is not None:
            yield list(vectors)
        if rest:
            yield tokenizer.encode(rest)


def _vectors(use: str, embeddings: Embeddings) -> tuple[Tensor | None, str]:
    """The vectors that a text after `embedding:` begins with, and the text that is left.

    A name ends at a space. One that is unknown is tried again without commas around it, which then belong to the text.
    """
    name, *words = use.split() or [""]
    rest = " ".join(words)
    vectors = embeddings(name) if name else None
    bare = name.strip(",")
    if vectors is None and bare and bare != name:
        return embeddings(bare), f"{name[len(bare) :]} {rest}"
    return vectors, rest


def _weigh(text: str, weight: float, depth: int) -> Iterator[tuple[str, float]]:
    for part in _split_groups(text) if depth < _MAX_DEPTH else [text]:
        if depth == _MAX_DEPTH or not _is_group(part):
            yield part, weight
            continue
        inner, explicit = _explicit_weight(part[1:-1])
        yield from _weigh(inner, weight * _EMPHASIS if explicit is None else explicit, depth + 1)


def _split_groups(text: str) -> list[str]:
    """Cut around every parenthesised group of the outermost level.

    Depth may fall below zero: after a stray `)`, text is plain until as many `(` have made up for it.
    """
    parts: list[str] = []
    begin = depth = 0
    for match in _PARENTHESIS.finditer(text):
        if match[0] == "(":
            if depth == 0:
                parts.append(text[begin : match.start()])
                begin = match.start()
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                parts.append(text[begin : match.end()])
                begin = match.end()
    parts.append(text[begin:])
    return [part for part in parts if part]


def _is_group(part: str) -> bool:
    return len(part) >= 2 and part[0] == "(" and part[-1] == ")" and part[-2] != "\\"


def _explicit_weight(inner: str) -> tuple[str, float | None]:
    """Split "text:1.3" into its text and number; without both the whole is text."""
    text, _, number = inner.rpartition(":")
    if not text:
        return inner, None
    try:
        weight = float(number)
    except ValueError:
        return inner, None
    return (text, weight) if math.isfinite(weight) else (inner, None)


Token: TypeAlias = "int | Tensor"
WeightedToken: TypeAlias = "tuple[Token, float]"


def _deal(groups: Sequence[list[WeightedToken]], room: int) -> list[list[WeightedToken]]:
    """Fill chunks in order. A group that does not fit is cut, or moved whole to the next chunk if it is short."""
    batches: list[list[WeightedToken]] = [[]]
    for group in groups:
        rest = group
        while len(batches[-1]) + len(rest) > room:
            if len(group) >= _KEPT_WHOLE or len(group) > room:
                space = room - len(batches[-1])
                batches[-1] += rest[:space]
                rest = rest[space:]
            batches.append([])
        batches[-1] += rest
    return batches


def _finish(batch: Sequence[WeightedToken], config: TextConfig) -> TokenChunk:
    batch = [(token, weight) for token, weight in batch if isinstance(token, int) or len(token) == config.hidden_size]
    padding = config.max_position_embeddings - 2 - len(batch)
    tokens = [token if isinstance(token, int) else config.bos_token_id for token, _ in batch]
    ids = [config.bos_token_id, *tokens, config.eos_token_id]
    weights = [1.0, *(weight for _, weight in batch), 1.0]
    return TokenChunk(
        (*ids, *[config.pad_token_id] * padding),
        (*weights, *[1.0] * padding),
        tuple((place, token) for place, (token, _) in enumerate(batch, start=1) if not isinstance(token, int)),
    )
