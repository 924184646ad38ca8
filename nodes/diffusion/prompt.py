"""From a prompt as typed to chunks of weighted tokens.

`(text)` weighs its content 1.1 times, `(text:1.3)` exactly 1.3, inner weights win, `\\(` and `\\)` are literal, and
parentheses that do not close are text. Tokens are dealt into chunks that fit the text tower, each with its start and
end token.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodes.diffusion.config import TextConfig
from nodes.diffusion.tokenizer import Tokenizer

_EMPHASIS = 1.1
_MAX_DEPTH = 64  # deeper parentheses are text: their weights would mean nothing, and parsing stays linear
_KEPT_WHOLE = 8  # a group of fewer tokens than this never straddles two chunks
_PARENTHESIS = re.compile(r"\\[()]|[()]")
_ESCAPED = re.compile(r"\\([()])")
_EMBEDDING = re.compile(r"(?:^|(?<=\s))embedding:([^\s,]+)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the prompt under one weight, escapes resolved."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """As many token ids as the text tower takes (77 for CLIP), each with its weight."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


def parse_emphasis(prompt: str) -> tuple[Piece, ...]:
    """Split a prompt into weighted pieces. Every string is valid; the empty one has no piece."""
    return tuple(Piece(_ESCAPED.sub(r"\1", text), weight) for text, weight in _weigh(prompt, 1.0, 0))


def tokenize_prompt(prompt: str, tokenizer: Tokenizer, config: TextConfig) -> tuple[TokenChunk, ...]:
    """Parse, tokenize and deal a prompt into chunks; at least one chunk."""
    groups = [[(token, piece.weight) for token in tokenizer.encode(piece.text)] for piece in parse_emphasis(prompt)]
    room = config.max_position_embeddings - 2  # the start and the end token
    return tuple(_finish(batch, config) for batch in _deal(groups, room))


def empty_chunk(config: TextConfig) -> TokenChunk:
    """The chunk of the empty prompt."""
    return _finish([], config)


def embedding_names(prompt: str) -> tuple[str, ...]:
    """Names referred to by `embedding:name`, in order of appearance."""
    return tuple(match[1] for piece in parse_emphasis(prompt) for match in _EMBEDDING.finditer(piece.text))


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


WeightedToken = tuple[int, float]


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
    padding = config.max_position_embeddings - 2 - len(batch)
    ids = [config.bos_token_id, *(token for token, _ in batch), config.eos_token_id]
    weights = [1.0, *(weight for _, weight in batch), 1.0]
    return TokenChunk(
        (*ids, *[config.pad_token_id] * padding),
        (*weights, *[1.0] * padding),
    )
