"""Emphasis syntax, tokens and chunks: tables of cases, properties, and parity with transformers and the reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from nodes.diffusion.config import CLIP_L
from nodes.diffusion.prompt import (
    Piece,
    TokenChunk,
    empty_chunk,
    parse_emphasis,
    tokenize_prompt,
)
from nodes.diffusion.tokenizer import Tokenizer
from nodes.weights.vocabulary import clip_tokenizer
from tests.nodes.golden import SHARED, golden_json, needs_shared

GOLDEN = golden_json("prompts.json") if SHARED.is_dir() else {}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return clip_tokenizer()


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("", []),
        ("plain", [("plain", 1.0)]),
        ("(a)", [("a", 1.1)]),
        ("((a))", [("a", 1.1 * 1.1)]),
        ("(a:1.3)", [("a", 1.3)]),
        ("(a: 1.3 )", [("a", 1.3)]),
        ("(a:-0.5)", [("a", -0.5)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("(a:1:2)", [("a:1", 2.0)]),
        ("(:1.3)", [(":1.3", 1.1)]),
        ("(a:nan)", [("a:nan", 1.1)]),
        ("(a:inf)", [("a:inf", 1.1)]),
        ("()", []),
        ("x(a)y(b:2)z", [("x", 1.0), ("a", 1.1), ("y", 1.0), ("b", 2.0), ("z", 1.0)]),
        ("((a:2) b)", [("a", 2.0), (" b", 1.1)]),
        ("((a) b:2)", [("a", 2.0 * 1.1), (" b", 2.0)]),
        (r"\(a\)", [("(a)", 1.0)]),
        (r"(a\):1.5)", [("a)", 1.5)]),
        (r"(a\)", [("(a)", 1.0)]),
        ("(a", [("(a", 1.0)]),
        ("(a (b:2)", [("a ", 2.0), ("(b", 2.0)]),
        ("a) (b:2)", [("a) (b:2)", 1.0)]),
        ("a) b ((c:2)", [("a) b (", 1.0), ("c", 2.0)]),
        ("[a] {b}", [("[a] {b}", 1.0)]),
    ],
)
def test_emphasis(prompt: str, pieces: list[tuple[str, float]]) -> None:
    assert parse_emphasis(prompt) == tuple(Piece(text, weight) for text, weight in pieces)


@given(st.text(alphabet="ab ():.\\19", max_size=60))
def test_every_string_parses_and_loses_no_letter(prompt: str) -> None:
    text = "".join(piece.text for piece in parse_emphasis(prompt))
    assert [one for one in text if one in "ab"] == [one for one in prompt if one in "ab"]


def test_nesting_has_no_limit_that_fails() -> None:
    deep = "(" * 10_000 + "a" + ")" * 10_000
    (piece,) = parse_emphasis(deep)
    assert piece.text.strip("()") == "a"


@pytest.mark.parametrize("prompt", GOLDEN, ids=lambda prompt: prompt[:30])
@pytest.mark.golden
@needs_shared
def test_reference_prompts(prompt: str, tokenizer: Tokenizer) -> None:
    expected = GOLDEN[prompt]
    assert [[piece.text, piece.weight] for piece in parse_emphasis(prompt)] == expected["pieces"]
    chunks = tokenize_prompt(prompt, tokenizer, CLIP_L)
    assert [[list(pair) for pair in zip(one.ids, one.weights, strict=True)] for one in chunks] == expected["sd1"]


class TestChunks:
    @staticmethod
    def words(chunks: tuple[TokenChunk, ...]) -> list[int]:
        """Number of tokens in each chunk, without start, end and padding."""
        return [one.ids.index(CLIP_L.eos_token_id) - 1 for one in chunks]

    @pytest.mark.parametrize(
        ("prompt", "counts"),
        [
            ("", [0]),
            ("cat " * 75, [75]),
            ("cat " * 76, [75, 1]),
            ("cat " * 151, [75, 75, 1]),
            ("cat " * 72 + "(dog dog dog dog:1.2)", [72, 4]),
            ("cat " * 72 + "(dog dog dog dog dog dog dog dog:1.2)", [75, 5]),
            ("cat " * 75 + "(dog:1.2)", [75, 1]),
        ],
        ids=["empty", "full", "one over", "three", "short group kept whole", "long group cut", "group after full"],
    )
    def test_tokens_are_dealt(self, prompt: str, counts: list[int], tokenizer: Tokenizer) -> None:
        chunks = tokenize_prompt(prompt, tokenizer, CLIP_L)
        assert self.words(chunks) == counts
        assert all(len(one.ids) == len(one.weights) == 77 for one in chunks)

    def test_the_empty_prompt_is_the_empty_chunk(self, tokenizer: Tokenizer) -> None:
        assert tokenize_prompt("", tokenizer, CLIP_L) == (empty_chunk(CLIP_L),)

    @given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=12))
    def test_no_token_is_lost_and_order_is_kept(self, tokenizer: Tokenizer, groups: list[tuple[int, bool]]) -> None:
        prompt = "".join(f"({'cat ' * n}:1.2)" if heavy else "dog " * n for n, heavy in groups)
        dealt = [
            (token, weight)
            for one in tokenize_prompt(prompt, tokenizer, CLIP_L)
            for token, weight in zip(one.ids, one.weights, strict=True)
            if token not in (CLIP_L.bos_token_id, CLIP_L.eos_token_id)
        ]
        pieces = [(token, one.weight) for one in parse_emphasis(prompt) for token in tokenizer.encode(one.text)]
        assert dealt == pieces


@pytest.fixture(scope="module")
def theirs(tokenizer: Tokenizer) -> CLIPTokenizer:
    """transformers' tokenizer over the same vocabulary."""
    merges: Any = [tuple(pair.split(" ")) for pair in tokenizer._rank]
    return CLIPTokenizer(vocab=dict(tokenizer._ids), merges=merges)


class TestTokenizer:
    @pytest.mark.parametrize(
        "text",
        [
            "a photo of a cat",
            "it's the cat's, don't they'll",
            "Ünïcödé façade naïve",
            "日本語の文章 한국어 العربية",
            "emoji 🦊🏔️ and ½ ² Ⅷ",
            "tabs\tand\nnew  lines",
            "ΟΔΥΣΣΕΥΣ",
            "e\u0301 combining",
            "x" * 300,
            "!!! ,,, ... ((()))",
            "a<|endoftext|>b",
            "",
        ],
    )
    def test_equals_transformers(self, text: str, tokenizer: Tokenizer, theirs: CLIPTokenizer) -> None:
        assert tokenizer.encode(text) == theirs(text)["input_ids"][1:-1]

    # Unassigned characters are left out: which of them are letters differs between versions of Unicode.
    @given(st.text(st.characters(exclude_categories=("Cn", "Cs")), max_size=40))
    def test_equals_transformers_on_anything(self, tokenizer: Tokenizer, theirs: CLIPTokenizer, text: str) -> None:
        assert tokenizer.encode(text) == theirs(text)["input_ids"][1:-1]

    def test_vocabulary_has_its_usual_size(self, tokenizer: Tokenizer) -> None:
        assert sorted(tokenizer._ids.values()) == list(range(49_408))
