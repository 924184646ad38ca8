"""The tokenizer that belongs to a checkpoint: its own, if its metadata has one, else CLIP's full vocabulary."""

from __future__ import annotations

import gzip
from pathlib import Path

from graph.errors import InputError
from graph.json import loads
from nodes.diffusion.tokenizer import END, START, Tokenizer
from nodes.weights.embedded import CLIP_MERGES
from nodes.weights.errors import WeightsConfig
from nodes.weights.files import read_header

# CLIP uses the first 48,894 merges of its list: 512 byte symbols, these, start and end make 49,408 ids.
_CLIP_MERGE_COUNT = 49_152 - 256 - 2


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer for the text encoders in a file. Raises a `WeightsError` for an unusable file or vocabulary."""
    metadata = read_header(path).metadata
    if "tokenizer.vocab" not in metadata:
        return clip_tokenizer()
    vocabulary = _vocabulary(metadata["tokenizer.vocab"], path.name)
    return Tokenizer(_merges(metadata.get("tokenizer.merges", "")), vocabulary)


def clip_tokenizer() -> Tokenizer:
    """CLIP's tokenizer, built from the packaged table (about a tenth of a second)."""
    text = gzip.decompress(CLIP_MERGES.read_bytes()).decode("utf-8")
    return Tokenizer(_merges(text)[:_CLIP_MERGE_COUNT])


def _merges(text: str) -> list[str]:
    """Lines "left right" after the line that names the version."""
    lines = text.split("\n")
    return [line for line in (lines[1:] if "#version" in lines[0] else lines) if line]


def _vocabulary(text: str, file_name: str) -> dict[str, int]:
    try:
        table = loads(text, source=f"tokenizer.vocab in {file_name}")
    except InputError as error:
        raise WeightsConfig(error.problems[0].message) from error
    ids = {token: index for token, index in table.items() if type(index) is int} if isinstance(table, dict) else {}
    if not isinstance(table, dict) or len(ids) != len(table) or START not in ids or END not in ids:
        raise WeightsConfig(
            f"{file_name}: its tokenizer.vocab does not map tokens to ids, {START} and {END} among them",
            hint="Save the vocabulary in the format of CLIP's vocab.json.",
        )
    return ids
