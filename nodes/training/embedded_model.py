"""Train the embedded model from the command line; every command can be killed and given again.

    python -m nodes.training.embedded_model train training-runs/128 --base MODEL.safetensors
    python -m nodes.training.embedded_model train training-runs/128                      (resumes)
    python -m nodes.training.embedded_model decay training-runs/128 training-runs/128-final --steps 3000
    python -m nodes.training.embedded_model export training-runs/128-final model.safetensors

`--kind autoencoder` trains the VAE instead; its export is the base of a diffusion run. A run's settings are fixed
when it begins (`run.json`); a run without an end trains at a constant rate until it is stopped, and `decay`
branches off a short run that brings the rate to zero: what is shipped.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from nodes.diffusion.training.learning_rate import LearningRate
from nodes.diffusion.training.whitening import fold_whitening
from nodes.training.autoencoder import AutoencoderTask
from nodes.training.checkpoint import latest_checkpoint
from nodes.training.errors import TrainingError
from nodes.training.export import export_model
from nodes.training.latent_diffusion import DiffusionTask
from nodes.training.loop import averaged, resumed, train
from nodes.training.model import LatentDiffusion, read_model
from nodes.training.picture_blocks import BlockOrder, render_block
from nodes.training.pixels import in_batches, to_pixels
from nodes.training.settings import RunSettings, read_settings, write_settings
from nodes.training_data.sprites import SpriteSet

_WHITENED_OVER = 256  # pictures


def main(arguments: Sequence[str]) -> int:
    """Run one command; 1 and a sentence on standard error where it cannot be done."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)  # the workers are the threads
    try:
        match options.command:
            case "train":
                _train(options.run, _settings(options))
            case "decay":
                _train(options.into, _branch(options.run, options.into, options.steps))
            case "export":
                _export(options.run, options.file)
    except TrainingError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nodes.training.embedded_model", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("train", help="begin a run, or go on with it")
    start.add_argument("run", type=Path)
    start.add_argument("--kind", choices=("diffusion", "autoencoder"), default="diffusion")
    start.add_argument("--base", type=Path, help="the model file to begin from")
    start.add_argument("--batch", type=int, default=64)
    start.add_argument("--rate", type=float, default=5e-4)
    start.add_argument("--size", type=int, default=128, help="side of the pictures in pixels")
    start.add_argument("--workers", type=int, default=2)
    start.add_argument("--first-seed", type=int, default=0)
    start.add_argument("--decoder-only", action="store_true")
    finish = commands.add_parser("decay", help="branch off a run whose learning rate falls to zero")
    finish.add_argument("run", type=Path)
    finish.add_argument("into", type=Path)
    finish.add_argument("--steps", type=int, default=3000)
    export = commands.add_parser("export", help="write the averaged weights as one model file")
    export.add_argument("run", type=Path)
    export.add_argument("file", type=Path)
    return parser


def _settings(options: argparse.Namespace) -> RunSettings:
    """Those of the run that is there, else new ones from the command line, written down."""
    existing = read_settings(options.run)
    if existing is not None:
        return existing
    if options.base is None:
        raise TrainingError("no_base", f"{options.run} holds no run yet: name the model to begin from with --base")
    diffusion = options.kind == "diffusion"
    settings = RunSettings(
        kind=options.kind,
        base=str(options.base.resolve()),
        batch=options.batch,
        learning_rate=LearningRate(options.rate, warmup=300 if diffusion else 100),
        picture_size=options.size,
        workers=options.workers,
        first_seed=options.first_seed,
        ema=0.9995 if diffusion else 0.999,
        weight_decay=0.01 if diffusion else 0.0,
        decoder_only=options.decoder_only,
    )
    write_settings(options.run, settings)
    return settings


def _existing(folder: Path) -> RunSettings:
    settings = read_settings(folder)
    if settings is None or latest_checkpoint(folder) is None:
        raise TrainingError("no_run", f"{folder} holds no run with a checkpoint")
    return settings


def _branch(run: Path, into: Path, steps: int) -> RunSettings:
    """A run that begins at the last checkpoint of another and ends with a rate of zero."""
    begun = read_settings(into)
    if begun is not None:
        return begun
    settings = _existing(run)
    newest = latest_checkpoint(run)
    assert newest is not None
    into.mkdir(parents=True, exist_ok=True)
    shutil.copy2(newest, into / newest.name)
    done = int(newest.stem.removeprefix("checkpoint-"))
    rate = replace(settings.learning_rate, decay_from=done, decay=steps)
    branched = replace(settings, learning_rate=rate, stop_at=done + steps)
    write_settings(into, branched)
    return branched


def _train(folder: Path, settings: RunSettings) -> None:
    stops: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stops.append(received))
    task = _task(read_model(Path(settings.base)), settings, folder)
    try:
        train(task, settings, folder, stopped=lambda: bool(stops))
    finally:
        task.close()


def _task(model: LatentDiffusion, settings: RunSettings, folder: Path) -> DiffusionTask | AutoencoderTask:
    if settings.kind == "autoencoder":
        return AutoencoderTask(model.vae, settings)
    return DiffusionTask(model, settings, folder)


def _export(folder: Path, target: Path) -> None:
    settings = _existing(folder)
    model = read_model(Path(settings.base))
    task = _task(model, settings, folder)
    try:
        state = resumed(task, settings, folder)
    finally:
        task.close()
    training = {
        "kind": settings.kind,
        "steps": state.step,
        "samples": state.step * settings.batch,
        "picture_size": settings.picture_size,
        "optimizer": "AdamW",
        "ema": settings.ema,
        "caption_dropout": settings.caption_dropout,
    }
    with averaged(state):
        if settings.kind == "autoencoder" and not settings.decoder_only:
            _whiten(model, settings.picture_size)
        export_model(model, Path(settings.base), target, settings.picture_size, training)


@torch.no_grad()
def _whiten(model: LatentDiffusion, size: int) -> None:
    pixels = to_pixels(render_block(BlockOrder("training", size, _WHITENED_OVER), 0, SpriteSet()))
    latents = torch.cat([model.vae.encode(part).mode() for part in in_batches(pixels, 8)])
    deviation, mean = torch.std_mean(latents, dim=(0, 2, 3))
    fold_whitening(model.vae, mean, deviation, model.config.scale_factor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
