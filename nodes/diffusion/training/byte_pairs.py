"""Learn a merge table: the pairs of symbols that occur most, joined one after another (Sennrich et al., 2016).

Words begin as `tokenizer.symbols_of` has them, so every byte has a symbol inside a word and one at its end, and what is
learned is read by CLIP's tokenizer as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from heapq import heappop, heappush

from nodes.diffusion.tokenizer import join, symbols_of, words_of

Watch = Callable[[int], object]

SYMBOLS_BESIDE_MERGES = 2 * 256 + 2
"""Every byte inside and at the end of a word, start and end: what a vocabulary has without any merge."""


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    return counts


def learn_merges(counts: Mapping[str, int], most: int, watch: Watch = lambda _made: None) -> list[str]:
    """At most so many merges "left right", the most frequent first; pairs of equal frequency in alphabetical order.

    It ends early when no pair occurs twice. `watch` is told how many there are, before each.
    """
    words = [(symbols_of(word), count) for word, count in sorted(counts.items())]
    pairs = _Pairs()
    for number, (symbols, count) in enumerate(words):
        pairs.count(number, symbols, count)
    merges: list[str] = []
    while len(merges) < most and (found := pairs.most_frequent()):
        watch(len(merges))
        best, places = found
        merges.append(best)
        for number in places:
            symbols, count = words[number]
            joined = join(symbols, _neighbours(symbols), best)
            pairs.count(number, symbols, -count)
            pairs.count(number, joined, count)
            words[number] = (joined, count)
    return merges


class _Pairs:
    """How often each pair of symbols occurs, and in which words, by their numbers."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._within: defaultdict[str, set[int]] = defaultdict(set)
        self._queue: list[tuple[int, str]] = []  # (-count, pair), also with counts that are no longer true

    def count(self, number: int, symbols: list[str], times: int) -> None:
        """Count the pairs of a word so many times more, or less."""
        for pair in _neighbours(symbols):
            self._counts[pair] += times
            self._within[pair].add(number)
            heappush(self._queue, (-self._counts[pair], pair))

    def most_frequent(self) -> tuple[str, set[int]] | None:
        """The pair that occurs most, and the words it is in, or was; None where none occurs twice."""
        while self._queue:
            negative, pair = heappop(self._queue)
            if -negative == self._counts[pair] >= 2:
                return pair, self._within.pop(pair)
        return None


def _neighbours(symbols: list[str]) -> list[str]:
    return [f"{left} {right}" for left, right in zip(symbols, symbols[1:], strict=False)]
