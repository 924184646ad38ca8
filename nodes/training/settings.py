"""What a training run is made with: one frozen value, written beside its checkpoints and read on resuming."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training.errors import TrainingError

Kind = Literal["autoencoder", "diffusion"]

_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that decides the numbers of a run.

    `base` is the model file it begins from, `picture_size` the side of the training pictures in pixels,
    `first_seed` that of the first picture. `ema` is the largest decay of the averaged weights; `clip` the
    largest gradient norm. `crop` and `decoder_only` are the autoencoder's: the side of the crops it sees, and whether its
    encoder, hence every latent, stays as it is. Latents are trained on from a pool of `pool_blocks` blocks of `block`
    pictures each, every picture about `uses` times; `held_out` pictures measure progress. A run ends at `stop_at`
    steps, or never.
    """

    kind: Kind
    base: str
    batch: int
    learning_rate: LearningRate
    picture_size: int = 128
    workers: int = 2
    seed: int = 0
    first_seed: int = 0
    ema: float = 0.9995
    weight_decay: float = 0.01
    clip: float = 1.0
    caption_dropout: float = 0.1
    crop: int = 64
    decoder_only: bool = False
    block: int = 512
    pool_blocks: int = 8
    uses: int = 8
    held_out: int = 200
    stop_at: int | None = None

    def __post_init__(self) -> None:
        if self.batch % self.workers:
            raise TrainingError("batch_not_divisible", f"a batch of {self.batch} does not split over {self.workers}")


def write_settings(folder: Path, settings: RunSettings) -> None:
    """Write the settings of a new run into its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _FILE).write_text(json.dumps(asdict(settings), indent=1) + "\n", encoding="utf-8")


def read_settings(folder: Path) -> RunSettings | None:
    """The settings of the run in a folder, None if there is none."""
    path = folder / _FILE
    if not path.exists():
        return None
    fields = json.loads(path.read_text(encoding="utf-8"))
    return RunSettings(**{**fields, "learning_rate": LearningRate(**fields["learning_rate"])})
