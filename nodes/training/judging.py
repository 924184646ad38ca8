"""Training and asking the judge: which questions there are, what their answers are in a composition, and how it is taught.

It learns on renders of compositions that are for training, blurred, shifted, under noise and through the autoencoder: it
shall judge pictures and not how sharp they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nodes.diffusion.judge import SIDE, Judge
from nodes.training.chance import step_generator
from nodes.training.gradients import Gradients, gradients_of
from nodes.training.pixels import in_batches, to_pixels
from nodes.training.ranks import Share
from nodes.training_data.captions import evaluation_prompt
from nodes.training_data.composition import Composition, Gradient, Plain, Scenery, Split, composition
from nodes.training_data.example_set import ExampleSprites
from nodes.training_data.objects import ObjectKind, object_kinds
from nodes.training_data.rendering import reduced, render

NOT_ASKED = -100
"""The answer where a question does not arise: torch's own number for it."""

_AT_ONCE = 64
_NOISE = 0.15
_SHIFT = 4


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that a model knows, as far as it can be asked about them."""

    things: tuple[ObjectKind, ...]
    places: tuple[str, ...]
    times: tuple[str, ...]
    backgrounds: tuple[str, ...]
    colours: tuple[str, ...]

    @staticmethod
    def of(known_words: Mapping[str, Sequence[str]]) -> Vocabulary:
        """From what a model's file says."""
        nouns = set(known_words["objects"])
        recolourable = set(known_words["recolourable"])
        things = tuple(
            thing
            for thing in object_kinds()
            if thing.noun in nouns and (not thing.recolourable or thing.noun in recolourable)
        )
        rest = (tuple(known_words[key]) for key in ("places", "times", "background_colours", "object_colours"))
        places, times, backgrounds, colours = rest
        return Vocabulary(things, places, times, backgrounds, colours)

    def shared_with(self, other: Vocabulary) -> Vocabulary:
        """The words of both: asked for these alone, two models are asked for the same pictures."""
        return Vocabulary(
            tuple(thing for thing in self.things if thing in other.things),
            tuple(place for place in self.places if place in other.places),
            tuple(time for time in self.times if time in other.times),
            tuple(colour for colour in self.backgrounds if colour in other.backgrounds),
            tuple(colour for colour in self.colours if colour in other.colours),
        )

    @property
    def questions(self) -> dict[str, int]:
        """How many answers each question has. The last place is none: a plain background."""
        return {
            "object": len(self.things),
            "place": len(self.places) + 1,
            "time": len(self.times),
            "colour": len(self.colours),
            "count": 3,
        }

    def fits(self, picture: Composition) -> bool:
        """Whether everything in a picture has a word here, and one noun is enough."""
        if picture.layout not in ("single", "row"):
            return False
        if any(placed.colour is not None and placed.colour not in self.colours for placed in picture.objects):
            return False
        match picture.background:
            case Plain(colour=colour):
                return colour in self.backgrounds
            case Gradient(first=first, second=second):
                return {first, second} <= set(self.backgrounds)
            case Scenery(place=place, time=time):
                return place in self.places and time in self.times

    def answers(self, picture: Composition) -> dict[str, int]:
        """The right answers for a picture that fits."""
        placed, background = picture.objects[0], picture.background
        scenery = background if isinstance(background, Scenery) else None
        return {
            "object": [thing.code for thing in self.things].index(placed.thing.code),
            "place": len(self.places) if scenery is None else self.places.index(scenery.place),
            "time": NOT_ASKED if scenery is None or scenery.time is None else self.times.index(scenery.time),
            "colour": NOT_ASKED if placed.colour is None else self.colours.index(placed.colour),
            "count": len(picture.objects) - 1,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Scenes:
    """Pictures [N, 3, size, size] in -1..1 with what is in them."""

    compositions: tuple[Composition, ...]
    pixels: Tensor

    @property
    def prompts(self) -> list[str]:
        """For each the sentence that leaves nothing out."""
        return [evaluation_prompt(picture, Random(number)) for number, picture in enumerate(self.compositions)]


def compose(vocabulary: Vocabulary, split: Split, number: int, first_seed: int = 0) -> list[Composition]:
    """The first so many compositions of a split that fit a vocabulary."""
    found: list[Composition] = []
    for seed in count(first_seed):
        picture = composition(seed, split, vocabulary.things)
        if vocabulary.fits(picture):
            found.append(picture)
        if len(found) == number:
            return found
    raise AssertionError("unreachable: count() never ends")


def drawn(compositions: Sequence[Composition], size: int) -> Tensor:
    """The pictures of compositions, the creature's among them: [N, 3, size, size] in -1..1."""
    sprites = ExampleSprites()
    pictures = np.stack([np.asarray(reduced(render(picture, sprites), size)) for picture in compositions])
    return to_pixels(pictures)


def small(pixels: Tensor) -> Tensor:
    """Pictures as the judge sees them."""
    return F.adaptive_avg_pool2d(pixels, SIDE)


class JudgeTask:
    """Teaches a judge. `seen` are pictures [N, 3, 64, 64], `answers` int64 [N] for each question."""

    def __init__(self, judge: Judge, seen: Tensor, answers: Mapping[str, Tensor], *, batch: int, seed: int) -> None:
        self._judge, self._seen, self._answers, self._batch, self._seed = judge.train(), seen, answers, batch, seed

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return dict(self._judge.named_parameters())

    def gradients(self, step: int, share: Share) -> Gradients:
        """A share draws pictures of its own."""
        generator = step_generator(self._seed, step, share.number)
        rows = torch.randint(len(self._seen), (self._batch // share.count,), generator=generator)
        logits = self._judge(disturbed(self._seen[rows], generator))
        loss = torch.zeros(())
        for name, answers in self._answers.items():
            wanted = answers[rows]
            if bool((wanted != NOT_ASKED).any()):
                loss = loss + F.cross_entropy(logits[name], wanted, ignore_index=NOT_ASKED)
        return gradients_of(loss, self.parameters)


def disturbed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Shifted by a few pixels, a third of them blurred, with noise of any strength up to a limit."""
    across, down = (int(torch.randint(-_SHIFT, _SHIFT + 1, (1,), generator=generator)) for _ in range(2))
    padded = F.pad(pictures, (_SHIFT,) * 4, mode="replicate")
    shifted = padded[..., _SHIFT + down : _SHIFT + down + SIDE, _SHIFT + across : _SHIFT + across + SIDE]
    blurred = F.interpolate(F.avg_pool2d(shifted, 2), scale_factor=2.0, mode="bilinear")
    chosen = torch.rand(len(pictures), generator=generator)[:, None, None, None]  # (B, 1, 1, 1)
    strength = torch.rand(len(pictures), generator=generator)[:, None, None, None] * _NOISE
    return torch.where(chosen < 1 / 3, blurred, shifted) + strength * torch.randn(shifted.shape, generator=generator)


@torch.no_grad()
def asked(judge: Judge, pixels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """What a judge says of pictures, int64 [N] for each question, and its features [N, D]."""
    judge.eval()
    answers: dict[str, list[Tensor]] = {}
    features = []
    for part in in_batches(small(pixels), _AT_ONCE):
        for name, logits in judge(part).items():
            answers.setdefault(name, []).append(logits.argmax(1))
        features.append(judge.features(part))
    return {name: torch.cat(some) for name, some in answers.items()}, torch.cat(features)


def answers_of(vocabulary: Vocabulary, compositions: Sequence[Composition]) -> dict[str, Tensor]:
    """The right answers to all questions, int64 [N] each."""
    each = [vocabulary.answers(picture) for picture in compositions]
    return {name: torch.tensor([one[name] for one in each]) for name in vocabulary.questions}


def right(said: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, tuple[float, int]]:
    """For each question the share of right answers, and how often it arose."""
    found = {}
    for name, answers in wanted.items():
        asked_at = answers != NOT_ASKED
        number = int(asked_at.sum())
        share = float((said[name][asked_at] == answers[asked_at]).float().mean()) if number else float("nan")
        found[name] = (share, number)
    return found
