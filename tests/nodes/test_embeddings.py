"""Textual inversion: the forms of files, and where their vectors go in a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from nodes.diffusion.clip import encode_prompt
from nodes.diffusion.config import CLIP_L, OPENCLIP_G, OPENCLIP_H, TextConfig
from nodes.diffusion.prompt import empty_chunk, tokenize_prompt
from nodes.diffusion.tokenizer import END, START, Tokenizer
from nodes.prompting import encode
from nodes.weights.embeddings import PATTERN, load_embedding
from nodes.weights.errors import WeightsError
from tests.nodes.loaded import load_tiny
from tests.nodes.tiny import TEXT, tiny_text_encoder

WORDS = {"a</w>": 1, "b</w>": 2, "c</w>": 3, ",</w>": 4, START: 49406, END: 49407}
TOKENIZER = Tokenizer([], WORDS)
CONFIG = replace(TEXT, max_position_embeddings=12)


def vectors(count: int, width: int = 24) -> Tensor:
    return torch.arange(count * width, dtype=torch.float32).reshape(count, width) / 100 + 1


KNOWN: Mapping[str, Tensor] = {"two": vectors(2), "one": vectors(1) + 3, "wide": vectors(3, 30), "od,d": vectors(1) + 5}


def placed(prompt: str, config: TextConfig = CONFIG) -> list[list[int | str]]:
    """The tokens of each chunk between start and end, vectors as the name and row of their embedding."""
    chunks = tokenize_prompt(prompt, TOKENIZER, config, KNOWN.get)
    return [_shown(chunk.ids, dict(chunk.vectors)) for chunk in chunks]


def _shown(ids: tuple[int, ...], given: Mapping[int, Tensor]) -> list[int | str]:
    shown: list[int | str] = [_named(given[place]) if place in given else token for place, token in enumerate(ids)]
    end = shown.index(49407)
    return shown[1:end]


def _named(vector: Tensor) -> str:
    return next(
        f"{name}{row}" for name, some in KNOWN.items() for row, one in enumerate(some) if torch.equal(one, vector)
    )


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [
        ("embedding:two", ["two0", "two1"]),
        ("a embedding:two b", [1, "two0", "two1", 2]),
        ("a\nembedding:one", [1, "one0"]),
        ("a embedding:two, b", [1, "two0", "two1", 4, 2]),
        ("embedding:od,d a", ["od,d0", 1]),
        ("(embedding:one:0.5)b", ["one0", 2]),
        ("a embedding:nowhere b", [1, 2]),
        ("a embedding:nowhere, b", [1, 4, 2]),
        ("a embedding:wide b", [1, 2]),
        ("embedding:", []),
        ("embedding:one embedding:one", ["one0", "one0"]),
    ],
)
def test_vectors_take_the_place_of_tokens(prompt: str, tokens: list[int | str]) -> None:
    assert placed(prompt) == [tokens]


def test_an_embedding_is_a_word_of_its_own() -> None:
    assert not any(chunk.vectors for chunk in tokenize_prompt("aembedding:one", TOKENIZER, CONFIG, KNOWN.get))


def test_without_a_folder_names_are_text() -> None:
    chunks = tokenize_prompt("embedding:two", TOKENIZER, CONFIG)
    assert not any(chunk.vectors for chunk in chunks)
    assert len(chunks) == -(-len(TOKENIZER.encode("embedding:two")) // 10)


def test_weights_count_for_vectors_as_for_tokens() -> None:
    (chunk,) = tokenize_prompt("a (embedding:two:0.5)", TOKENIZER, CONFIG, KNOWN.get)
    assert chunk.weights[:5] == (1.0, 1.0, 0.5, 0.5, 1.0)


def test_an_embedding_is_not_cut_at_the_end_of_a_chunk() -> None:
    assert placed("a a a a a a a a a embedding:two") == [[1] * 9, ["two0", "two1"]]


def test_a_vector_of_a_token_encodes_as_that_token() -> None:
    encoder = tiny_text_encoder(CONFIG)
    table = encoder.text_model.embeddings.token_embedding.weight
    plain = tokenize_prompt("a b (c:1.3)", TOKENIZER, CONFIG)
    given = tokenize_prompt("a embedding:b (c:1.3)", TOKENIZER, CONFIG, {"b": table[2:3]}.get)
    with torch.inference_mode():
        one, other = encode_prompt(encoder, plain), encode_prompt(encoder, given)
        empty = encode_prompt(encoder, [empty_chunk(CONFIG)])
    assert torch.equal(one.context, other.context)
    assert torch.equal(one.pooled, other.pooled)
    assert not torch.allclose(one.context, empty.context)


FORMS: dict[str, tuple[dict[str, Tensor], TextConfig, Tensor]] = {
    "one tensor": ({"emb_params": vectors(3, 768)}, CLIP_L, vectors(3, 768)),
    "one vector": ({"emb_params": vectors(1, 768)[0]}, CLIP_L, vectors(1, 768)),
    "SD 2.x": ({"emb_params": vectors(2, 1024)}, OPENCLIP_H, vectors(2, 1024)),
    "SDXL, first tower": ({"clip_g": vectors(2, 1280), "clip_l": vectors(2, 768)}, CLIP_L, vectors(2, 768)),
    "SDXL, second tower": ({"clip_g": vectors(2, 1280), "clip_l": vectors(2, 768)}, OPENCLIP_G, vectors(2, 1280)),
    "a bundle": ({"bundle_emb.cat.string_to_param.*": vectors(2, 768)}, CLIP_L, vectors(2, 768)),
    "half precision": ({"emb_params": torch.ones(2, 768).half()}, CLIP_L, torch.ones(2, 768)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_files(form: str, tmp_path: Path) -> None:
    tensors, config, expected = FORMS[form]
    path = tmp_path / "embedding.safetensors"
    save_file(tensors, path)
    assert torch.equal(load_embedding(path, config), expected)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"PK\x03\x04rest", "weights_pickle"), (b"\x80\x02rest", "weights_pickle"), (b"", "weights_empty")],
)
def test_other_files_are_refused(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "embedding.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        load_embedding(path, CLIP_L)
    assert caught.value.code == code


def test_a_tensor_that_is_no_list_of_vectors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "embedding.safetensors"
    save_file({"weight": torch.zeros(2, 3, 4)}, path)
    with pytest.raises(WeightsError, match="no embedding"):
        load_embedding(path, CLIP_L)


@pytest.mark.parametrize(
    ("name", "prompt", "is_seen"),
    [("cat", "embedding:cat, a", True), ("a(b)", r"embedding:a\(b\)", True), ("od,d", "embedding:od,d", False)],
)
def test_a_file_that_the_key_of_a_node_does_not_have_is_not_used(
    tmp_path: Path, name: str, prompt: str, *, is_seen: bool
) -> None:
    """Else a change of the file would go unnoticed: a node's key has the files that the pattern finds in its text."""
    tiny = load_tiny(tmp_path)
    root = tiny.folders.root("embeddings")
    root.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": vectors(1)}, root / f"{name}.safetensors")
    found = [match[1].replace("\\", "") for match in re.finditer(PATTERN, prompt)]
    assert (found == [name]) is is_seen
    assert bool(encode(tiny.clip, [prompt], tiny.context).report.text) is not is_seen
