"""Measure a model that draws the training domain: `python -m nodes.training.evaluate MODEL`, which is `make eval-embedded`;
with `--lora FILE`, a LoRA of it that was trained on the example creature: `make eval-lora`. With `--words-of OTHER` it is
asked only for what another model knows, too: so two models are compared on the same pictures.

The judge is trained first, on pictures for training, and kept in the folder; killed at any moment, the same command goes on.
Prints a table, and writes it, the figures as JSON and the fixed sheet of prompts into the folder.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from graph.json import JsonObject
from nodes.diffusion.sampling import plain_latent
from nodes.training.captioned_latents import Networks
from nodes.training.drawing import sampled_latents
from nodes.training.judging import Vocabulary
from nodes.training.model import LatentDiffusion, read_model
from nodes.training.pixels import in_batches
from nodes.training.sample_sheet import write_sample_sheet
from nodes.training.scorecard import Draw, Scores, Subject, Trained, measure
from nodes.training.scores_page import table
from nodes.training.sources import digest_of
from nodes.training.subject_adherence import subject_adherence, with_lora
from nodes.training.trained_judge import Tell, trained_judge
from nodes.weights.embedded import EMBEDDED_CHECKPOINT, embedded_checkpoints
from nodes.weights.files import read_header

_DRAWN_AT_ONCE = 16


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    tell = _teller()
    model = read_model(options.model)
    subject = _subject(model, _vocabulary(options))
    judge = trained_judge(
        subject.vocabulary,
        model.vae,
        subject.size,
        options.folder,
        pictures=options.judge_pictures,
        steps=options.judge_steps,
        tell=tell,
    )
    scores = _scores_of_lora(subject, judge, options, tell) if options.lora else _scores(subject, judge, options, tell)
    options.folder.mkdir(parents=True, exist_ok=True)
    name = "lora" if options.lora else "scores"
    (options.folder / f"{name}.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    page = f"# {(options.lora or options.model).name}\n\n{table(scores)}"
    (options.folder / f"{name}.md").write_text(page, encoding="utf-8")
    print(page)
    tell("done")
    return 0


def _scores(subject: Subject, judge: Trained, options: argparse.Namespace, tell: Tell) -> JsonObject:
    sections = measure(subject, judge, options.prompts, options.spread_prompts, tell)
    tell("the sheet of 36 prompts")
    write_sample_sheet(subject.model, subject.networks, options.folder / "sheet.png")
    return {**_about(options), "sections": {title: _listed(scores) for title, scores in sections.items()}}


def _scores_of_lora(subject: Subject, judge: Trained, options: argparse.Namespace, tell: Tell) -> JsonObject:
    taught = with_lora(subject.model, options.model, options.lora)
    sections = subject_adherence(
        subject.vocabulary, judge.judge, (subject.model, subject.draw), _drawing(taught), options.prompts, tell
    )
    about = {**_about(options), "lora": options.lora.name, "lora_digest": digest_of(options.lora)}
    return {**about, "sections": {title: _listed(scores) for title, scores in sections.items()}}


def _vocabulary(options: argparse.Namespace) -> Vocabulary:
    """What is asked: all that the model knows, or what another knows, too."""
    known = _known_to(options.model)
    return known if options.words_of is None else known.shared_with(_known_to(options.words_of))


def _known_to(model: Path) -> Vocabulary:
    return Vocabulary.of(json.loads(read_header(model).metadata["known_words"]))


def _listed(scores: Scores) -> JsonObject:
    return {what: [value if number else None, number] for what, (value, number) in scores.items()}


def _about(options: argparse.Namespace) -> JsonObject:
    """What was measured, and with which judge."""
    judge: JsonObject = {"pictures": options.judge_pictures, "steps": options.judge_steps}
    about: JsonObject = {"model": options.model.name, "digest": digest_of(options.model), "judge": judge}
    return about if options.words_of is None else {**about, "words_of": options.words_of.name}


def _teller() -> Tell:
    began = time.monotonic()
    return lambda text: print(f"{time.monotonic() - began:7.0f} s  {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nodes.training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", default=embedded_checkpoints()[EMBEDDED_CHECKPOINT])
    parser.add_argument("--lora", type=Path, help="measure a LoRA that was trained on the example creature instead")
    parser.add_argument("--words-of", type=Path, metavar="OTHER", help="ask only for what this model knows, too")
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
    return Subject(model, networks, _drawing(model), vocabulary, model.config.native_size[0])


def _drawing(model: LatentDiffusion) -> Draw:
    """How a model draws, at its own size with its own habits."""
    networks = Networks(model.config, model.unet, model.text, model.tokenizer)
    cells = (model.config.native_size[0] // model.vae.config.downscale,) * 2

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

    return draw


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
