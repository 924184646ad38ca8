"""Prompts as nodes encode them: through the towers of a CLIP, its adapters and the embeddings a prompt names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import torch
from torch import Tensor

from graph.context import Context
from graph.declare import Mentions, Multiline
from graph.result import Report
from nodes.diffusion.clip import TextEncoding, encode_prompt
from nodes.diffusion.config import TextConfig
from nodes.diffusion.prompt import TokenChunk, empty_chunk, tokenize_prompt
from nodes.folders import Folders
from nodes.models import Models
from nodes.sockets import Clip
from nodes.sockets.tensors import expect_finite
from nodes.weights.embeddings import PATTERN, SUFFIXES, is_keyed, load_embedding

Prompt = Annotated[str, Multiline(dynamic_prompts=True), Mentions("embeddings", PATTERN, SUFFIXES)]
"""The text field of a prompt. The embeddings it names are part of a node's key."""

_FOLDER: Final = "embeddings"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt through all towers: embedding [1, T, D of all towers], pooled of the last [1, P], and what was amiss."""

    embedding: Tensor
    pooled: Tensor
    report: Report


@dataclass(frozen=True, slots=True)
class _Embeddings:
    """The embeddings folder as one tower sees it. Notes names that lead nowhere."""

    folders: Folders
    config: TextConfig
    missing: dict[str, None] = field(default_factory=dict)

    def __call__(self, name: str) -> Tensor | None:
        paths = (self.folders.find(_FOLDER, name + suffix) for suffix in ("", *SUFFIXES) if is_keyed(name))
        path = next((path for path in paths if path is not None), None)
        if path is None:
            self.missing[name.strip(",")] = None
            return None
        self.missing.pop(name, None)
        return load_embedding(path, self.config)


def encode(clip: Clip, texts: Sequence[str], context: Context) -> Encoded:
    """Encode one text for each tower. Raises a `WeightsError` for an embedding that cannot be read."""
    models, folders = Models.of(context), context.service(Folders)
    encodings: list[TextEncoding] = []
    missing: dict[str, None] = {}
    chunked: list[tuple[TokenChunk, ...]] = []
    for tower, text in zip(clip.towers, texts, strict=True):
        config = tower.config.text[len(chunked)]
        embeddings = _Embeddings(folders, config)
        chunked.append(tokenize_prompt(text, models.tokenizer(tower), config, embeddings))
        missing |= embeddings.missing
    longest = max(map(len, chunked))
    for tower, chunks in zip(clip.towers, chunked, strict=True):
        with models.text_encoder(tower, clip.adapters) as encoder, torch.inference_mode():
            padded = (*chunks, *[empty_chunk(encoder.config)] * (longest - len(chunks)))
            encoding = encode_prompt(encoder, padded, clip.layer)
        encodings.append(TextEncoding(encoding.context.cpu().clone(), encoding.pooled.cpu().clone()))
    embedding = torch.cat([encoding.context for encoding in encodings], dim=-1)  # (1, T, D of all towers)
    expect_finite(embedding, "the encoded prompt")
    return Encoded(embedding, encodings[-1].pooled, _report(missing))


def _report(missing: dict[str, None]) -> Report:
    return Report(text=tuple(f"there is no embedding {name!r}: it is left out of the prompt" for name in missing))
