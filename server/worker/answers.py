"""What the service asks a worker besides jobs: about model files and prompts. The HTTP process opens no model and loads no
tokenizer; a worker does both anyway. Questions are answered on a thread of their own while jobs run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from graph.errors import GraphError
from graph.json import Json, JsonObject
from nodes.diffusion.config import SD15, TextConfig
from nodes.diffusion.prompt import tokenize_prompt
from nodes.diffusion.tokenizer import Tokenizer
from nodes.folders import Folders
from nodes.weights.detect import detect, detect_part
from nodes.weights.errors import WeightsError
from nodes.weights.files import Header, read_header
from nodes.weights.keymaps import Part
from nodes.weights.metadata import read_config
from nodes.weights.vocabulary import clip_tokenizer, load_tokenizer
from server.worker.process import Answer

_PARTS: Final = {"checkpoints": Part.UNET, "diffusion_models": Part.UNET, "text_encoders": Part.TEXT, "vae": Part.VAE}
_LOCATED: Final = 8
"""Chunks whose beginnings are looked for."""
_FAMILY_KEYS: Final = ("modelspec.architecture", "ss_base_model_version")
"""Where files that are no whole model may say which one they belong to."""


_Identity = tuple[str, int, int]
"""Path, size and time of change: a file with the same has the same content."""


@dataclass(slots=True)
class Answers:
    """Answers from the files in `folders`. What a file said is remembered until the file changes."""

    folders: Folders
    _families: dict[_Identity, str | None] = field(default_factory=dict)
    _tokenizers: dict[str, tuple[_Identity, Tokenizer, TextConfig]] = field(default_factory=dict)

    def by_question(self) -> Mapping[str, Answer]:
        return {"families": self.families, "metadata": self.metadata, "tokens": self.tokens}

    def families(self, asked: JsonObject) -> JsonObject:
        """`folder` and `names`: of each name the family of models it belongs to, null where the file does not tell."""
        folder = str(asked["folder"])
        names = cast("list[str]", asked["names"])
        return {name: self._family(folder, name) for name in names}

    def metadata(self, asked: JsonObject) -> JsonObject:
        """`folder` and `name`: the metadata in the file's header. Raises a `WeightsError` for a file that has none."""
        path = self._path(str(asked["folder"]), str(asked["name"]))
        return {name: text for name, text in read_header(path).metadata.items()}  # noqa: C416 - widens the type

    def tokens(self, asked: JsonObject) -> JsonObject:
        """`text`, and `checkpoint` or null: how many tokens in all, how many fit a chunk, and of each chunk how many it
        holds and `from` which character of the text on, left out of the later ones of very many."""
        checkpoint = cast("str | None", asked.get("checkpoint"))
        tokenizer, config = self._tokenizer(None if checkpoint is None else self._path("checkpoints", checkpoint))
        text = str(asked["text"])
        counts = _counts(text, tokenizer, config)
        starts = _starts(text, counts, lambda part: sum(_counts(part, tokenizer, config)))
        chunks: list[Json] = [{"tokens": count, "from": start} for count, start in zip(counts, starts, strict=False)]
        chunks += [{"tokens": count} for count in counts[len(starts) :]]
        return {"tokens": sum(counts), "room": config.max_position_embeddings - 2, "chunks": chunks}

    def _family(self, folder: str, name: str) -> str | None:
        path = self.folders.find(folder, name)
        if path is None:
            return None
        identity = _identity(path)
        if identity not in self._families:
            self._families[identity] = _family_of(folder, path)
        return self._families[identity]

    def _tokenizer(self, checkpoint: Path | None) -> tuple[Tokenizer, TextConfig]:
        """That of a checkpoint, or CLIP's."""
        name = str(checkpoint or "")
        identity = _identity(checkpoint) if checkpoint else (name, 0, 0)
        known = self._tokenizers.get(name)
        if known is None or known[0] != identity:
            read = _tokenizer_of(checkpoint) if checkpoint else (clip_tokenizer(), SD15.text[0])
            self._tokenizers[name] = known = (identity, *read)
        return known[1:]

    def _path(self, folder: str, name: str) -> Path:
        path = self.folders.find(folder, name)
        if path is None:
            raise GraphError(f"there is no file {name!r} in {folder!r}", code="file_not_found")
        return path


def _identity(path: Path) -> _Identity:
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


def _tokenizer_of(path: Path) -> tuple[Tokenizer, TextConfig]:
    return load_tokenizer(path), _config(read_header(path))


def _counts(text: str, tokenizer: Tokenizer, config: TextConfig) -> list[int]:
    return [_length(chunk.ids, config) for chunk in tokenize_prompt(text, tokenizer, config)]


def _starts(text: str, counts: Sequence[int], count: Callable[[str], int]) -> list[int]:
    """Where each chunk begins: the longest beginning of the text that is all in the chunks before it, found by halving. Of
    very many chunks only the first ones are looked for."""
    starts = [0]
    before = 0
    for held in counts[: min(len(counts) - 1, _LOCATED)]:
        before += held
        low, high = starts[-1], len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if count(text[:middle]) <= before else (low, middle - 1)
        starts.append(low)
    return starts


def _length(ids: Sequence[int], config: TextConfig) -> int:
    """The tokens between the start token and the end token with the padding after it."""
    end = len(ids)
    while ids[end - 1] in (config.pad_token_id, config.eos_token_id):
        end -= 1
    return end - 1


def _family_of(folder: str, path: Path) -> str | None:
    try:
        header = read_header(path)
        part = _PARTS.get(folder)
        if part is not None:
            return detect_part(header, part).family
    except (WeightsError, OSError):
        return None
    told = (header.metadata.get(key) for key in _FAMILY_KEYS)
    return next((one for one in told if one), None)


def _config(header: Header) -> TextConfig:
    carried = read_config(header.metadata, header.path.name)
    return (carried or detect(header)).text[0]
