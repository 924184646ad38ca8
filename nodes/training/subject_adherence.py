"""How well a LoRA has learned its subject: the judge is shown what is drawn from held-out prompts of the example creature.

Beside it the same anchors as always: real pictures, these through the autoencoder, and the model without the LoRA.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final, cast

import torch
from torch import Tensor

from nodes.diffusion.judge import Judge
from nodes.diffusion.unet import UNet
from nodes.training.autoencoder import reconstructed
from nodes.training.judging import Vocabulary, asked, compose, drawn
from nodes.training.model import LatentDiffusion
from nodes.training.scorecard import Draw, Scores
from nodes.training.trained_judge import Tell, with_creature
from nodes.training_data.captions import evaluation_prompt
from nodes.training_data.composition import Composition, background_key
from nodes.training_data.example_set import ZORP
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.lora import AdapterRef
from nodes.weights.patched import load_patched

_BEYOND_EXAMPLES: Final = 10**6
"""The first seed, far from those of the example set."""

_SEARCHED: Final = 600
_MOST_ALIKE: Final = 4


def with_lora(model: LatentDiffusion, file: Path, lora: Path) -> LatentDiffusion:
    """A model of a file under a LoRA at strength 1. Raises a `WeightsError` where it does not fit."""
    ref = WeightsRef(file, "", Part.UNET, model.config)
    unet = load_patched(ref, (AdapterRef(lora, "", 1.0),), torch.float32, torch.float32)
    return replace(model, unet=cast("UNet", unet))


def subject_adherence(
    vocabulary: Vocabulary, judge: Judge, plain: tuple[LatentDiffusion, Draw], taught: Draw, number: int, tell: Tell
) -> Mapping[str, Scores]:
    """The share of pictures in which the judge sees the creature, by section. `plain` is the model without the LoRA."""
    kinds = subjects(vocabulary, number)
    wanted = [picture for some in kinds.values() for picture in some]
    texts = [evaluation_prompt(picture, Random(index)) for index, picture in enumerate(wanted)]
    model, draw = plain
    tell(f"{len(wanted)} pictures of the creature")
    shown = {"real pictures": drawn(wanted, model.config.native_size[0])}
    with torch.no_grad():
        shown["through the autoencoder"] = reconstructed(model.vae, shown["real pictures"])
    tell("drawing with the LoRA")
    shown["drawn with the LoRA"] = taught(texts, 0, None)
    tell("drawing without it")
    shown["drawn without it"] = draw(texts, 0, None)
    sections: dict[str, Scores] = {}
    for title, pixels in shown.items():
        seen = torch.split(_seen(vocabulary, judge, pixels), [len(some) for some in kinds.values()])
        sections[title] = {kind: (float(part.mean()), len(part)) for kind, part in zip(kinds, seen, strict=True)} | {
            "altogether": (float(torch.cat(seen).mean()), len(wanted))
        }
    return sections


def subjects(vocabulary: Vocabulary, number: int) -> dict[str, list[Composition]]:
    """Pictures with one creature, of two kinds: with backgrounds as in the example set, but none of its pictures, and with
    backgrounds that are never drawn behind it for training, none of them more than a few times."""
    alone = replace(vocabulary, things=(ZORP,))
    alike = (picture for picture in compose(alone, "training", 3 * number, _BEYOND_EXAMPLES) if _single(picture))
    kept: list[Composition] = []
    times: Counter[str] = Counter()
    for picture in compose(alone, "held out", _SEARCHED):
        key = background_key(picture.background)
        if _single(picture) and times[key] < _MOST_ALIKE:
            times[key] += 1
            kept.append(picture)
    half = number // 2
    return {"backgrounds as in the examples": list(islice(alike, half)), "held-out backgrounds": kept[:half]}


def _single(picture: Composition) -> bool:
    return picture.layout == "single"


def _seen(vocabulary: Vocabulary, judge: Judge, pixels: Tensor) -> Tensor:
    """1 for each picture in which the judge sees the creature, else 0."""
    creature = with_creature(vocabulary).things.index(ZORP)
    said, _ = asked(judge, pixels)
    return (said["object"] == creature).float()
