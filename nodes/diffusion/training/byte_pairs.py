"""Learn a merge table: the pairs of symbols that occur most, joined one after another (Sennrich et al., 2016).

Words begin as `tokenizer.symbols_of` has them, so every byte has a symbol inside a word and one at its end, and what is
learned is read by CLIP's tokenizer as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nodes.diffusion.tokenizer import join, symbols_of, words_of

SYMBOLS_BESIDE_MERGES = 2 * 256 + 2
"""Every byte inside and at the end of a word, start and end: what a vocabulary has without any merge."""


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    return counts


def learn_merges(counts: Mapping[str, int], most: int) -> list[str]:
    """At most so many merges "left right", the most frequent first; pairs of equal frequency in alphabetical order.

    It ends early when no pair occurs twice.
    """
    words = [(symbols_of(word), count) for word, count in sorted(counts.items())]
    merges: list[str] = []
    while len(merges) < most:
        pairs: Counter[str] = Counter()
        for symbols, count in words:
            for pair in _neighbours(symbols):
                pairs[pair] += count
        if not pairs:
            break
        best, occurs = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        if occurs < 2:
            break
        merges.append(best)
        words = [(join(symbols, _neighbours(symbols), best), count) for symbols, count in words]
    return merges


def _neighbours(symbols: list[str]) -> list[str]:
    return [f"{left} {right}" for left, right in zip(symbols, symbols[1:], strict=False)]
