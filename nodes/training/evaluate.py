"""Measure a model that draws the training domain: `python -m nodes.training.evaluate MODEL`, which is `make eval-embedded`.

The judge is trained first, on pictures for training, and kept in the folder; killed at any moment, the same command goes on.
Prints a table, and writes it with the fixed sheet of prompts beside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from nodes.diffusion.judge import Judge
from nodes.diffusion.sampling import plain_latent
from nodes.diffusion.training.initial import seeded
from nodes.training.autoencoder import reconstructed
from nodes.training.captioned_latents import Networks
from nodes.training.checkpoint import write_atomically
from nodes.training.job import Trained as Step
from nodes.training.job import train_to_end
from nodes.training.judging import JudgeTask, Vocabulary, answers_of, asked, compose, drawn, small
from nodes.training.model import LatentDiffusion, read_model
from nodes.training.pixels import in_batches
from nodes.training.sample_sheet import write_sample_sheet
from nodes.training.scorecard import Scores, Subject, Trained, measure
from nodes.training_data.composition import Composition
from nodes.training_parts import decaying, sampled_latents
from nodes.weights.embedded import EMBEDDED_CHECKPOINT, embedded_checkpoints
from nodes.weights.files import read_header

_DRAWN_AT_ONCE = 16
_RECONSTRUCTED = 5  # one picture in so many is seen through the autoencoder
_COMPARED_WITH = 1000


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:7.0f} s  {text}", file=sys.stderr, flush=True)

    model = read_model(options.model)
    metadata = read_header(options.model).metadata
    vocabulary = Vocabulary.of(json.loads(metadata["known_words"]))
    subject = _subject(model, vocabulary)
    trained = _judge(subject, options.folder, options.judge_pictures, options.judge_steps, tell)
    sections = measure(subject, trained, options.prompts, options.spread_prompts, tell)
    tell("the sheet of 36 prompts")
    options.folder.mkdir(parents=True, exist_ok=True)
    write_sample_sheet(model, subject.size, options.folder / "sheet.png")
    page = table(options.model.name, sections)
    (options.folder / "scores.md").write_text(page, encoding="utf-8")
    (options.folder / "scores.json").write_text(json.dumps(sections, indent=1) + "\n", encoding="utf-8")
    print(page)
    tell("done")
    return 0


def table(name: str, sections: Mapping[str, Scores]) -> str:
    """All scores as Markdown: questions by anchors, then the rest."""
    columns = [title for title in sections if title not in ("fidelity", "novelty")]
    questions = list(sections[columns[0]])
    lines = [f"# {name}", "", f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for question in questions:
        cells = [_cell(*sections[column][question]) for column in columns]
        lines.append(f"| {question} | {' | '.join(cells)} |")
    for title in ("fidelity", "novelty"):
        lines += ["", f"| {title} | | N |", "|---|---|---|"]
        lines += [f"| {what} | {value:.3f} | {number} |" for what, (value, number) in sections[title].items()]
    return "\n".join([*lines, ""])


def _cell(share: float, number: int) -> str:
    return f"{100 * share:.1f} % of {number}" if number else "not asked"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nodes.training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", default=embedded_checkpoints()[EMBEDDED_CHECKPOINT])
    parser.add_argument(
        "--folder", type=Path, default=Path("build/evaluation"), help="where the judge and the results go"
    )
    parser.add_argument("--prompts", type=int, default=480, help="how many held-out compositions are asked for")
    parser.add_argument("--spread-prompts", type=int, default=24, help="how many of them are drawn from eight seeds")
    parser.add_argument("--judge-pictures", type=int, default=8000)
    parser.add_argument("--judge-steps", type=int, default=2000)
    return parser


def _subject(model: LatentDiffusion, vocabulary: Vocabulary) -> Subject:
    networks = Networks(model.config, model.unet, model.text, model.tokenizer)
    size = model.config.native_size[0]
    cells = (size // model.vae.config.downscale,) * 2

    @torch.no_grad()
    def draw(prompts: Sequence[str], seed: int, cfg: float | None) -> Tensor:
        pictures = []
        for start in range(0, len(prompts), _DRAWN_AT_ONCE):
            some = prompts[start : start + _DRAWN_AT_ONCE]
            latents = plain_latent(
                model.config, sampled_latents(networks, some, cells, seed * 100_003 + start, cfg=cfg)
            )
            pictures.append(torch.cat([model.vae.decode(part) for part in in_batches(latents, 8)]).clamp(-1, 1))
        return torch.cat(pictures)

    return Subject(model, networks, draw, vocabulary, size)


def _judge(subject: Subject, folder: Path, pictures: int, steps: int, tell: Callable[[str], None]) -> Trained:
    """The judge of a vocabulary, trained if it is not there."""
    words = json.dumps(
        [[thing.code for thing in subject.vocabulary.things], subject.vocabulary.places, pictures, steps]
    )
    folder = folder / f"judge-{hashlib.blake2b(words.encode(), digest_size=6).hexdigest()}"
    judge, path = seeded(0, lambda: Judge(subject.vocabulary.questions)), folder / "judge.safetensors"
    scenes = folder / "pictures.safetensors"
    compositions = compose(subject.vocabulary, "training", pictures)
    if not scenes.is_file():
        tell(f"{pictures} pictures for the judge")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(scenes, {"seen": _seen(subject, compositions)}, {})
    seen = load_file(scenes)["seen"].float()
    if not path.is_file():
        tell("training the judge")
        task = JudgeTask(judge, seen, answers_of(subject.vocabulary, compositions), batch=64, seed=0)

        def watch(trained: Step) -> None:
            if trained.step and trained.step % 100 == 0:
                tell(f"judge {trained.step}/{steps}, loss {sum(trained.losses[-50:]) / 50:.3f}")

        state = train_to_end(task, decaying(steps, 2e-3, 0.99, weight_decay=0.01), folder, watch)
        write_atomically(path, state.average, {})
    judge.load_state_dict(load_file(path))
    return Trained(judge, asked(judge, seen[:_COMPARED_WITH])[1])


def _seen(subject: Subject, compositions: Sequence[Composition]) -> Tensor:
    """Pictures as the judge sees them, float16; some of them through the autoencoder."""
    parts = []
    for start in range(0, len(compositions), 64):
        pixels = drawn(compositions[start : start + 64], subject.size)
        with torch.no_grad():
            pixels[::_RECONSTRUCTED] = reconstructed(subject.model.vae, pixels[::_RECONSTRUCTED])
        parts.append(small(pixels).half())
    return torch.cat(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
