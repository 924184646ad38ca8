"""Measures a model file: adherence to prompts, fidelity and novelty, each beside its ceiling and its floor.

All prompts are of compositions that are held out. The judge shares its domain with the model, so three anchors stand beside
every figure: real held-out pictures, the same through the autoencoder, and drawn pictures under shuffled prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from nodes.diffusion.judge import Judge
from nodes.diffusion.training.reconstruction import psnr
from nodes.training.autoencoder import reconstructed
from nodes.training.captioned_latents import Networks
from nodes.training.distances import frechet_distance, nearest, spread
from nodes.training.judging import NOT_ASKED, Vocabulary, answers_of, asked, compose, drawn, right
from nodes.training.measuring import prediction_errors
from nodes.training.model import LatentDiffusion
from nodes.training.pixel_rules import background_colours, sides
from nodes.training.pixels import in_batches
from nodes.training_data.captions import evaluation_prompt
from nodes.training_data.composition import Composition, Plain, another

Scores = dict[str, tuple[float, int]]
"""Share or value, and over how many."""

Draw = Callable[[Sequence[str], int, float | None], Tensor]
"""Prompts, seed and cfg (None: the model's own) to pictures [N, 3, H, W] in -1..1."""

_SPREAD_SEEDS = 8
_SIDE = 0.5 - 0.115


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is measured: a model, how it draws, and the words it can be asked about."""

    model: LatentDiffusion
    networks: Networks
    draw: Draw
    vocabulary: Vocabulary
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A judge with the features of some pictures that are for training."""

    judge: Judge
    features: Tensor


def adherence(vocabulary: Vocabulary, judge: Judge, pixels: Tensor, wanted: Sequence[Composition]) -> Scores:
    """How often pictures show what compositions say: by the judge, and by rules of pixels."""
    said, _ = asked(judge, pixels)
    scores = right(said, answers_of(vocabulary, wanted))
    both = [place == there for place, there in zip(*_place_and_time(said, answers_of(vocabulary, wanted)), strict=True)]
    scores["place and time"] = (sum(both) / max(1, len(both)), len(both))
    plain = [index for index, picture in enumerate(wanted) if isinstance(picture.background, Plain)]
    seen = background_colours(pixels[plain], vocabulary.backgrounds) if plain else []
    hits = [colour == _colour(wanted[index]) for index, colour in zip(plain, seen, strict=True)]
    scores["background colour"] = (sum(hits) / max(1, len(hits)), len(hits))
    aside = [index for index in plain if _side(wanted[index]) != "middle"]
    found = sides(pixels[aside]) if aside else []
    kept = [side == _side(wanted[index]) for index, side in zip(aside, found, strict=True)]
    scores["side"] = (sum(kept) / max(1, len(kept)), len(kept))
    return scores


def measure(
    subject: Subject, trained: Trained, prompts: int, spread_prompts: int, tell: Callable[[str], None]
) -> Mapping[str, Scores]:
    """Everything, by section; the spread over seeds for so many of the prompts. `tell` hears how far it is."""
    vocabulary, judge = subject.vocabulary, trained.judge
    wanted = compose(vocabulary, "held out", prompts)
    texts = [evaluation_prompt(picture, Random(number)) for number, picture in enumerate(wanted)]
    tell(f"{prompts} held-out pictures")
    real = drawn(wanted, subject.size)
    with torch.no_grad():
        through = reconstructed(subject.model.vae, real)
    tell("drawing from prompts")
    made = subject.draw(texts, 0, None)
    unguided = subject.draw(texts[: prompts // 2], 0, 1.0)
    shuffled = wanted[1:] + wanted[:1]
    sections: dict[str, Scores] = {
        "real pictures": adherence(vocabulary, judge, real, wanted),
        "through the autoencoder": adherence(vocabulary, judge, through, wanted),
        "drawn": adherence(vocabulary, judge, made, wanted),
        "drawn, cfg 1": adherence(vocabulary, judge, unguided, wanted[: prompts // 2]),
        "drawn, prompts shuffled": adherence(vocabulary, judge, made, shuffled),
    }
    tell("distances")
    sections["fidelity"] = _fidelity(subject, trained, (wanted, texts), (real, through, made))
    singles = [picture for picture in wanted if picture.layout == "single"][:spread_prompts]
    sections["novelty"] = _novelty(subject, trained, singles, (real, made))
    return sections


def _fidelity(
    subject: Subject,
    trained: Trained,
    asked_for: tuple[Sequence[Composition], Sequence[str]],
    pictures: tuple[Tensor, Tensor, Tensor],
) -> Scores:
    wanted, texts = asked_for
    real, through, made = pictures
    quality = psnr(through, real)
    other = drawn(compose(subject.vocabulary, "held out", len(wanted), first_seed=10**6), subject.size)
    features = [asked(trained.judge, pixels)[1] for pixels in (real, made, other)]
    base = frechet_distance(features[0], features[2])
    number = min(len(wanted), 100)
    scale = subject.model.config.scale_factor
    learned = compose(subject.vocabulary, "training", number, first_seed=10**6)
    losses = []
    for pixels, captions in (
        (real[:number], texts[:number]),
        (drawn(learned, subject.size), [evaluation_prompt(picture, Random(0)) for picture in learned]),
    ):
        with torch.no_grad():
            latents = torch.cat([subject.model.vae.encode(part).mode() for part in in_batches(pixels, 8)]) * scale
        losses.append(float(prediction_errors(subject.networks, latents, captions).mean()))
    return {
        "PSNR of the autoencoder, dB": (float(quality.mean()), len(real)),
        "PSNR, 10th percentile, dB": (float(quality.quantile(0.1)), len(real)),
        "Frechet distance over real to real": (frechet_distance(features[2], features[1]) / base, len(made)),
        "held-out loss": (losses[0], number),
        "held-out loss over training loss": (losses[0] / losses[1], number),
    }


def _novelty(
    subject: Subject, trained: Trained, singles: Sequence[Composition], pictures: tuple[Tensor, Tensor]
) -> Scores:
    real, made = (asked(trained.judge, pixels)[1] for pixels in pictures)
    ratio = nearest(made, trained.features) / nearest(real, trained.features).median()
    ratios = []
    for number, picture in enumerate(singles):
        text = evaluation_prompt(picture, Random(number))
        seeds = torch.cat([subject.draw([text], seed, None) for seed in range(_SPREAD_SEEDS)])
        others = drawn([another(picture, seed) for seed in range(_SPREAD_SEEDS)], subject.size)
        ratios.append(spread(asked(trained.judge, seeds)[1]) / spread(asked(trained.judge, others)[1]))
    return {
        "nearest training picture, over that of real ones, median": (float(ratio.median()), len(made)),
        "share nearer than half": (float((ratio < 0.5).float().mean()), len(made)),
        "spread over seeds, over that of real pictures": (sum(ratios) / len(ratios), len(ratios)),
    }


def _place_and_time(said: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> tuple[list[object], list[object]]:
    """Both answers for each picture in a landscape with a time of day."""
    rows = (wanted["time"] != NOT_ASKED).nonzero().flatten().tolist()
    pairs = [[(int(one["place"][row]), int(one["time"][row])) for row in rows] for one in (said, wanted)]
    return list(pairs[0]), list(pairs[1])


def _colour(picture: Composition) -> str:
    assert isinstance(picture.background, Plain)
    return picture.background.colour


def _side(picture: Composition) -> str:
    """The side that a prompt names: of single objects clearly off the middle."""
    if picture.layout != "single":
        return "middle"
    x = picture.objects[0].centre[0]
    return "left" if x < _SIDE else "right" if x > 1 - _SIDE else "middle"
