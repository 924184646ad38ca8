"""CLIP's byte-level BPE: text to token ids.

Sennrich et al. (2016) over bytes, in the variant of Radford et al. (2021): lower case, words split by a pattern, `</w>` at
the end of a word. The tables (merges, and ids where a model has its own) come from outside: this file reads no file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

import regex

START = "<|startoftext|>"
END = "<|endoftext|>"
_END_OF_WORD = "</w>"
_WORD = regex.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
_CACHED_WORDS = 16_384


class Tokenizer:
    """Encodes text with one merge table. Immutable but for a bounded cache of words; safe to share."""

    def __init__(self, merges: Sequence[str], vocabulary: Mapping[str, int] | None = None) -> None:
        """`merges` are lines "left right", the most frequent pair first.

        Without a vocabulary, ids follow CLIP's rule: bytes, bytes that end a word, merges in order, start, end.
        """
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._ids = vocabulary if vocabulary is not None else clip_vocabulary(merges)
        self._unknown = self._ids[END]
        self._word_ids = lru_cache(_CACHED_WORDS)(self._encode_word)

    def encode(self, text: str) -> list[int]:
        """Token ids of the text alone: no start, end or padding."""
        ids: list[int] = []
        for word in words_of(text):
            ids.extend(self._word_ids(word))
        return ids

    def _encode_word(self, word: str) -> tuple[int, ...]:
        if word in (START, END):
            return (self._ids[word],)
        return tuple(self._ids.get(symbol, self._unknown) for symbol in self._merge(symbols_of(word)))

    def _merge(self, symbols: list[str]) -> list[str]:
        """Join the best-ranked neighbouring pair, everywhere it occurs, until no pair is in the table."""
        worst = len(self._rank)
        while len(symbols) > 1:
            pairs = [f"{left} {right}" for left, right in zip(symbols, symbols[1:], strict=False)]
            best = min(pairs, key=lambda pair: self._rank.get(pair, worst))
            if best not in self._rank:
                break
            symbols = join(symbols, pairs, best)
        return symbols


def words_of(text: str) -> list[str]:
    """The words of a text as they are encoded, each alone."""
    return list(_WORD.findall(_normalise(text)))


def symbols_of(word: str) -> list[str]:
    """A word before any merge: a symbol for each byte, the last with the mark of a word's end."""
    symbols = [_BYTE_SYMBOLS[byte] for byte in word.encode("utf-8")]
    symbols[-1] += _END_OF_WORD
    return symbols


def join(symbols: list[str], pairs: list[str], best: str) -> list[str]:
    """The symbols with one pair joined wherever it occurs; `pairs` are their neighbours, "left right"."""
    joined: list[str] = []
    index = 0
    while index < len(symbols):
        if index < len(pairs) and pairs[index] == best:
            joined.append(symbols[index] + symbols[index + 1])
            index += 2
        else:
            joined.append(symbols[index])
            index += 1
    return joined


def _normalise(text: str) -> str:
    # Lower case one character at a time: the whole-string rule for a final sigma is not CLIP's.
    return "".join(character.lower() for character in unicodedata.normalize("NFC", text))


def _byte_symbols() -> list[str]:
    """A printable character for each byte (Radford et al., 2019): itself if printable in Latin-1, else from 256 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


_BYTE_SYMBOLS = _byte_symbols()


def clip_vocabulary(merges: Sequence[str]) -> dict[str, int]:
    """The id of each symbol, where ids follow CLIP's rule."""
    # CLIP numbers the printable bytes first, then the rest.
    letters = sorted(_BYTE_SYMBOLS)
    endings = [letter + _END_OF_WORD for letter in letters]
    words = [pair.replace(" ", "") for pair in merges]
    return {symbol: index for index, symbol in enumerate([*letters, *endings, *words, START, END])}
