"""The judge of a model, trained on pictures for training and kept in a folder named by everything that it depends on.

It knows one thing more than the model: the creature of the example set, so that a LoRA can be judged, and so that there is
one more wrong answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor

import nodes.diffusion.judge
import nodes.training.judging
import nodes.training_data
from nodes.diffusion.judge import Judge
from nodes.diffusion.training.initial import seeded
from nodes.diffusion.vae import Vae
from nodes.training.autoencoder import reconstructed
from nodes.training.checkpoint import write_atomically
from nodes.training.job import Trained as Step
from nodes.training.job import decaying, train_to_end
from nodes.training.judging import JudgeTask, Vocabulary, answers_of, asked, compose, drawn, small
from nodes.training.scorecard import Trained
from nodes.training_data.composition import Composition
from nodes.training_data.example_set import ZORP

Tell = Callable[[str], None]

_RATE: Final = 2e-3
_EMA: Final = 0.99
_WEIGHT_DECAY: Final = 0.01
_BATCH: Final = 64
_RECONSTRUCTED: Final = 5  # one picture in so many is seen through the autoencoder
_COMPARED_WITH: Final = 1000
_SOURCES: Final = (".py", ".json", ".webp")


def with_creature(vocabulary: Vocabulary) -> Vocabulary:
    """What the judge knows: the model's words, and the creature as the last of the things."""
    return replace(vocabulary, things=(*vocabulary.things, ZORP))


def trained_judge(
    vocabulary: Vocabulary, vae: Vae, size: int, folder: Path, *, pictures: int, steps: int, tell: Tell
) -> Trained:
    """The judge of a model's words and autoencoder, trained if it is not there. Killed at any moment, it goes on."""
    judged = with_creature(vocabulary)
    folder = folder / f"judge-{judge_key(judged, vae, size, pictures=pictures, steps=steps)}"
    path, scenes = folder / "judge.safetensors", folder / "pictures.safetensors"
    judge = seeded(0, lambda: Judge(judged.questions))
    compositions = compose(judged, "training", pictures)
    if not scenes.is_file():
        tell(f"{pictures} pictures for the judge")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(scenes, {"seen": _seen(vae, size, compositions)}, {})
    seen = load_file(scenes)["seen"].float()
    if not path.is_file():
        tell("training the judge")
        task = JudgeTask(judge, seen, answers_of(judged, compositions), batch=_BATCH, seed=0)

        def watch(trained: Step) -> None:
            if trained.step and trained.step % 100 == 0:
                tell(f"judge {trained.step}/{steps}, loss {sum(trained.losses[-50:]) / 50:.3f}")

        state = train_to_end(task, decaying(steps, _RATE, _EMA, weight_decay=_WEIGHT_DECAY), folder, watch)
        write_atomically(path, state.average, {})
    judge.load_state_dict(load_file(path))
    return Trained(judge, asked(judge, seen[:_COMPARED_WITH])[1])


def judge_key(vocabulary: Vocabulary, vae: Vae, size: int, *, pictures: int, steps: int) -> str:
    """A name for everything that decides what a judge says: its words, its pictures (how many, how large, how they are
    drawn, and through which autoencoder some are seen), how it is built and how it is taught."""
    settings = [pictures, steps, size, _RATE, _EMA, _WEIGHT_DECAY, _BATCH, _RECONSTRUCTED]
    digest = hashlib.blake2b(json.dumps([asdict(vocabulary), settings]).encode(), digest_size=8)
    for name, tensor in sorted(vae.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().float().contiguous().numpy().tobytes())
    for path in _sources():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _sources() -> list[Path]:
    """What draws the pictures, teaches and is taught."""
    drawing = Path(nodes.training_data.__file__ or "").parent
    drawn_with = [path for path in sorted(drawing.rglob("*")) if path.suffix in _SOURCES]
    return [*drawn_with, *(Path(module.__file__ or "") for module in (nodes.training.judging, nodes.diffusion.judge))]


def _seen(vae: Vae, size: int, compositions: Sequence[Composition]) -> Tensor:
    """Pictures as the judge sees them, float16; some of them through the autoencoder."""
    parts = []
    for start in range(0, len(compositions), _BATCH):
        pixels = drawn(compositions[start : start + _BATCH], size)
        with torch.no_grad():
            pixels[::_RECONSTRUCTED] = reconstructed(vae, pixels[::_RECONSTRUCTED])
        parts.append(small(pixels).half())
    return torch.cat(parts)
