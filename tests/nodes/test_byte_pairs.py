"""Learning a tokenizer: which pairs of symbols are joined, and what it reads afterwards."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from nodes.diffusion.tokenizer import Tokenizer, clip_vocabulary, join, symbols_of
from nodes.diffusion.training.byte_pairs import SYMBOLS_BESIDE_MERGES, count_words, learn_merges
from nodes.sockets import Dataset
from nodes.training.sources import SceneSource

ROOT = Path(__file__).parents[2]
SCENES = Dataset(SceneSource("training", 32, 24))


def test_the_most_frequent_pairs_are_merged_first() -> None:
    merges = learn_merges(Counter({"cat": 5, "hat": 3, "cab": 1}), 3)
    assert merges == ["a t</w>", "c at</w>", "h at</w>"]


def counted_anew(counts: Counter[str], most: int) -> list[str]:
    """As Sennrich et al. (2016) have it: every pair is counted again for every merge."""
    words = [(symbols_of(word), count) for word, count in sorted(counts.items())]
    merges: list[str] = []
    while len(merges) < most:
        pairs: Counter[str] = Counter()
        for symbols, count in words:
            for left, right in pairwise(symbols):
                pairs[f"{left} {right}"] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default="")
        if pairs[best] < 2:
            break
        merges.append(best)
        words = [
            (join(symbols, [f"{left} {right}" for left, right in pairwise(symbols)], best), count)
            for symbols, count in words
        ]
    return merges


@pytest.mark.parametrize("seed", range(20))
def test_merges_are_those_of_counting_anew_each_time(seed: int) -> None:
    random = Random(seed)
    counts = Counter({"".join(random.choices("abc", k=random.randint(1, 9))): random.randint(1, 5) for _ in range(60)})
    told: list[int] = []
    merges = learn_merges(counts, 80, told.append)
    assert merges == counted_anew(counts, 80)
    assert told == list(range(len(merges)))


def test_merging_ends_when_nothing_occurs_twice() -> None:
    assert learn_merges(Counter({"ab": 1}), 10) == []
    assert learn_merges(Counter({"ab": 2}), 10) == ["a b</w>"]


def test_a_learned_tokenizer_reads_any_text_and_knows_its_words_whole() -> None:
    texts = [SCENES.source.caption(index % 24, Random(index)) for index in range(300)]
    merges = learn_merges(count_words(texts), 500)
    assert merges == learn_merges(count_words(reversed(texts)), 500)
    tokenizer, ids = Tokenizer(merges), clip_vocabulary(merges)
    assert len(ids) == len(merges) + SYMBOLS_BESIDE_MERGES
    assert len(tokenizer.encode("background")) == 1
    for text in ("(", "!", "zorp", "naïve 🦊", "a\x00b"):
        assert all(0 <= one < len(ids) - 2 for one in tokenizer.encode(text))
