"""Making a model as nodes: the formulas of each part, and that each survives what ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graph.context import Context
from graph.errors import Cancelled
from graph.result import Report
from graph.values import Values
from nodes.builtin.evaluation import evaluate_diffusion_model, evaluate_vae
from nodes.builtin.export_checkpoint import export_checkpoint
from nodes.builtin.training_data import captioned_pictures, encode_dataset
from nodes.builtin.training_models import (
    distill_diffusion_model,
    new_diffusion_model,
    train_diffusion_model,
    train_tokenizer,
    train_vae,
)
from nodes.diffusion.cfg_patches import RescaleCfg
from nodes.diffusion.config import ScheduleConfig
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.schedulers import SCHEDULERS
from nodes.diffusion.training.distillation import guided, intervals, teacher_target, truncated_snr_weight
from nodes.errors import UnsuitableInput
from nodes.sockets import VALUE_TYPES, Dataset, LatentDataset, TokenizerTable
from nodes.training.checkpoint import write_atomically
from nodes.training.errors import TrainingError
from nodes.training.history import history_of
from nodes.training.sources import SceneSource
from nodes.weights.files import read_header
from nodes.weights.hypernetworks import HypernetworkRef
from nodes.weights.load import WeightsRef, open_checkpoint
from tests.nodes.loaded import Loaded
from tests.nodes.training_bench import load_trainable, write_picture

ROOT = Path(__file__).parents[2]
SCENES = Dataset(SceneSource("training", 32, 24))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_trainable(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def latents(loaded: Loaded) -> LatentDataset:
    return encode_dataset(dataset=SCENES, vae=loaded.vae, context=loaded.context)


# Distillation


def test_a_teacher_that_knows_the_picture_teaches_the_picture() -> None:
    """With a perfect prediction every step count arrives at the same place."""
    x0, epsilon = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    sigmas = SCHEDULERS["simple"](noise_schedule(ScheduleConfig()), 8)
    for part in intervals(sigmas, 2):
        target = teacher_target(lambda x, sigma: x0, x0 + part[0] * epsilon, list(part))
        torch.testing.assert_close(target, x0, rtol=1e-3, atol=1e-3)


def test_the_target_of_one_step_is_where_two_steps_arrive() -> None:
    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        return x / (1 + sigma)

    x, sigmas = torch.randn(1, 1, 2, 2), [torch.tensor(value) for value in (4.0, 2.0, 1.0)]
    reached = x
    for sigma, sigma_next in ((4.0, 2.0), (2.0, 1.0)):
        reached = reached + (reached - reached / (1 + sigma)) / sigma * (sigma_next - sigma)
    student = teacher_target(denoise, x, sigmas)
    torch.testing.assert_close(x + (x - student) / 4.0 * (1.0 - 4.0), reached)


@pytest.mark.parametrize(("teacher", "student"), [(8, 4), (16, 4), (4, 1), (6, 3)])
def test_intervals_join_and_cover_all_steps(teacher: int, student: int) -> None:
    sigmas = SCHEDULERS["simple"](noise_schedule(ScheduleConfig()), teacher)
    parts = intervals(sigmas, student)
    assert [len(part) for part in parts] == [teacher // student + 1] * student
    assert all(torch.equal(a[-1], b[0]) for a, b in zip(parts, parts[1:], strict=False))
    torch.testing.assert_close(
        torch.stack([part[0] for part in parts]), SCHEDULERS["simple"](noise_schedule(ScheduleConfig()), student)[:-1]
    )
    with pytest.raises(ValueError, match="do not divide"):
        intervals(sigmas, teacher + 1)


@pytest.mark.parametrize(("sigma", "weight"), [(10.0, 1.0), (1.0, 1.0), (0.5, 4.0), (0.1, 5.0)])
def test_errors_are_weighted_by_the_truncated_signal_to_noise_ratio(sigma: float, weight: float) -> None:
    assert float(truncated_snr_weight(torch.tensor(sigma))) == pytest.approx(weight)
    assert float(guided(torch.tensor(3.0), torch.tensor(1.0), 4.0)) == pytest.approx(9.0)


# Training


def parameters_of(ref: WeightsRef | object) -> bytes:
    assert isinstance(ref, WeightsRef)
    return ref.path.read_bytes()


def run_vae(loaded: Loaded, context: Any) -> tuple[list[float], bytes]:
    vae, loss, _ = train_vae(
        vae=loaded.vae, dataset=SCENES, steps=5, batch_size=2, learning_rate=1e-3, crop=32, ema=0.5, context=context
    )
    return loss.losses.tolist(), parameters_of(vae.weights)


def run_diffusion(loaded: Loaded, context: Any) -> tuple[list[float], bytes]:
    latents = encode_dataset(dataset=SCENES, vae=loaded.vae, context=loaded.context)
    model, _, loss, _ = train_diffusion_model(
        model=loaded.model, clip=loaded.clip, latents=latents, steps=5, batch_size=4, ema=0.5, context=context
    )
    return loss.losses.tolist(), parameters_of(model.weights)


def run_distillation(loaded: Loaded, context: Any) -> tuple[list[float], bytes]:
    latents = encode_dataset(dataset=SCENES, vae=loaded.vae, context=loaded.context)
    model, loss, _ = distill_diffusion_model(
        model=loaded.model, clip=loaded.clip, latents=latents, steps=5, student_steps=2, teacher_steps=4, batch_size=2,
        context=context,
    )  # fmt: skip
    assert model.config.defaults.steps == 2
    return loss.losses.tolist(), parameters_of(model.weights)


RUNS = {"vae": run_vae, "diffusion": run_diffusion, "distillation": run_distillation}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_cancelled_run_goes_on_bit_for_bit(run: Any, tmp_path: Path) -> None:
    straight, again = load_trainable(tmp_path / "straight"), load_trainable(tmp_path / "again")
    losses, weights = run(straight, straight.context)
    with again.watched(cancel_at=2) as (context, progress), pytest.raises(Cancelled):
        run(again, context)
    assert (progress.seen[-1], len(losses)) == ((2, 5), 5)
    assert run(again, again.context) == (losses, weights)


KILLED = """
import os, signal, sys
from pathlib import Path
from nodes.training import job
from tests.nodes.test_train_models import RUNS
from tests.nodes.training_bench import load_trainable, write_picture

kept = job.save_checkpoint

def save(folder, state):
    kept(folder, state)
    if state.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

job.SECONDS_BETWEEN, job._LONGEST_SHARE, job.save_checkpoint = 0.0, 0, save
loaded = load_trainable(Path(sys.argv[2]))
RUNS[sys.argv[1]](loaded, loaded.context)
"""


@pytest.mark.parametrize("kind", RUNS)
def test_a_killed_run_goes_on_bit_for_bit(kind: str, tmp_path: Path) -> None:
    straight, again = load_trainable(tmp_path / "straight"), load_trainable(tmp_path / "again")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", KILLED, kind, str(tmp_path / "again")]
    killed = subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=280)
    assert killed.returncode == -signal.SIGKILL
    with again.watched() as (context, progress):
        resumed = RUNS[kind](again, context)
    assert [step for step, of in progress.seen if of == 5] == [3, 4, 5]
    assert resumed == RUNS[kind](straight, straight.context)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_run_is_known_by_the_same_name_wherever_its_files_are(run: Any, tmp_path: Path) -> None:
    """So processes that train together agree on it, and what one machine began another can finish."""
    here = load_trainable(tmp_path / "here")
    shutil.copytree(tmp_path / "here" / "models", tmp_path / "there" / "models")
    there = load_trainable(tmp_path / "there")
    runs = []
    for loaded in (here, there):
        run(loaded, loaded.context)
        runs.append([path.name for path in (loaded.folders.root("output") / "training").iterdir()])
    assert runs[0] == runs[1]


def test_the_schedule_that_is_laid_over_a_model_is_trained(loaded: Loaded, latents: LatentDataset) -> None:
    plain = loaded.model.config.schedule
    other = replace(plain, prediction="eps" if plain.prediction == "v" else "v")
    losses = []
    for model in (loaded.model, replace(loaded.model, schedule=other)):
        made, _, loss, _ = train_diffusion_model(
            model=model, clip=loaded.clip, latents=latents, steps=1, batch_size=4, context=loaded.context
        )
        losses.append(loss.losses.tolist())
        assert made.config.schedule == model.config.schedule
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    "over",
    [
        {"patches": (RescaleCfg(0.7),)},
        {"hypernetworks": (HypernetworkRef(Path("h.pt"), "h", 1.0),)},
    ],
    ids=lambda over: next(iter(over)),
)
def test_what_is_laid_over_sampling_is_not_trained_into_a_model(
    over: dict[str, Any], loaded: Loaded, latents: LatentDataset
) -> None:
    with pytest.raises(UnsuitableInput, match="sampled"):
        train_diffusion_model(
            model=replace(loaded.model, **over), clip=loaded.clip, latents=latents, steps=1, context=loaded.context
        )


def test_a_disk_that_is_full_at_the_end_costs_no_step(
    loaded: Loaded, latents: LatentDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(context: Context) -> Report:
        return train_diffusion_model(
            model=loaded.model, clip=loaded.clip, latents=latents, steps=3, batch_size=4, context=context
        )[3]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nodes.builtin.training_models.write_parts", full)
    with pytest.raises(TrainingError, match="No space left on device") as refused:
        train(loaded.context)
    assert refused.value.code == "cannot_save"
    monkeypatch.undo()
    with loaded.watched() as (context, progress):
        report = train(context)
    assert progress.seen == [(3, 3)]
    assert [Path(one.path).name for one in report.files] == ["result.safetensors"]


def test_a_file_tells_what_runs_its_parts_went_through(loaded: Loaded, latents: LatentDataset) -> None:
    options = {"steps": 2, "batch_size": 4, "context": loaded.context}
    vae, _, _ = train_vae(vae=loaded.vae, dataset=SCENES, crop=32, **options)  # type: ignore[arg-type]
    first, clip, _, _ = train_diffusion_model(model=loaded.model, clip=loaded.clip, latents=latents, **options)  # type: ignore[arg-type]
    model, clip, _, _ = train_diffusion_model(model=first, clip=clip, latents=latents, seed=1, **options)  # type: ignore[arg-type]
    student, _, _ = distill_diffusion_model(model=model, clip=clip, latents=latents, **options)  # type: ignore[arg-type]
    report = export_checkpoint(model=student, clip=clip, vae=vae, filename_prefix="told", context=loaded.context)
    told = json.loads(read_header(Path(report.files[0].path)).metadata["training"])
    assert [(run["kind"], run["seed"]) for run in told["unet"]] == [
        ("diffusion", 0),
        ("diffusion", 1),
        ("distilled", 0),
    ]
    assert [(run["kind"], run["steps"], run["pictures"]) for run in told["vae"]] == [("vae", 2, SCENES.source.count)]


@pytest.mark.parametrize("text", ["", "{}", "[]", "not JSON", '{"unet": 3}'])
def test_what_other_programs_say_of_training_is_no_history(text: str, loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_atomically(path, {"one": torch.ones(1)}, {"training": text})
    assert history_of(replace(loaded.model.weights, path=path)) == []


def test_a_model_learns_what_its_pictures_have_in_common(loaded: Loaded, latents: LatentDataset) -> None:
    options = {"steps": 60, "batch_size": 8, "learning_rate": 3e-3, "ema": 0.9, "context": loaded.context}
    before, _, _ = evaluate_diffusion_model(
        model=loaded.model, clip=loaded.clip, latents=latents, context=loaded.context
    )
    model, clip, loss, report = train_diffusion_model(model=loaded.model, clip=loaded.clip, latents=latents, **options)  # type: ignore[arg-type]
    after, noisy, told = evaluate_diffusion_model(model=model, clip=clip, latents=latents, context=loaded.context)
    assert after < 0.8 * before
    assert f"{after:.4f}" in told.text[0]
    assert loss.losses[-20:].mean() < loss.losses[:20].mean()
    assert "loss" in report.text[0]


def test_a_new_model_has_the_layout_and_the_words_of_its_tokenizer(loaded: Loaded) -> None:
    table, _ = train_tokenizer(dataset=SCENES, vocabulary_size=600, captions=200, context=loaded.context)
    model, clip, vae, made = new_diffusion_model(
        tokenizer=table, size="nano", prediction="eps", picture_size=32, context=loaded.context
    )
    assert model.config.schedule.prediction == "eps"
    assert clip.towers[0].config.text[0].vocab_size == 600
    again = new_diffusion_model(tokenizer=table, size="nano", prediction="eps", picture_size=32, context=loaded.context)
    assert again == (model, clip, vae, made)
    assert [Path(one.path) for one in made.files] == [model.weights.path]
    report = export_checkpoint(
        model=model, clip=clip, vae=vae, filename_prefix="checkpoints/new", precision="fp16", license="MIT",
        attribution="us", dataset=SCENES, context=loaded.context,
    )  # fmt: skip
    path = Path(report.files[0].path)
    assert open_checkpoint(path).config.text[0].vocab_size == 600
    assert b'"license": "MIT"' in path.read_bytes()[:2_000_000].replace(b'":"', b'": "')


def test_the_autoencoder_is_measured_on_pictures(loaded: Loaded) -> None:
    mean, low, image, report = evaluate_vae(vae=loaded.vae, dataset=SCENES, number=10, context=loaded.context)
    assert low <= mean
    assert image.pixels.shape == (16, 32, 32, 3)
    assert "(10 pictures)" in report.text[0]


@pytest.mark.parametrize(("teacher", "student"), [(4, 4), (6, 4), (2, 4)])
def test_steps_that_do_not_divide_are_refused(
    teacher: int, student: int, loaded: Loaded, latents: LatentDataset
) -> None:
    with pytest.raises(UnsuitableInput, match="no multiple"):
        distill_diffusion_model(
            model=loaded.model, clip=loaded.clip, latents=latents, teacher_steps=teacher, student_steps=student,
            context=loaded.context,
        )  # fmt: skip


@pytest.mark.parametrize("crop", [12, 40])
def test_crops_that_do_not_fit_are_refused(crop: int, loaded: Loaded) -> None:
    with pytest.raises(UnsuitableInput, match="do not fit"):
        train_vae(vae=loaded.vae, dataset=SCENES, steps=1, batch_size=1, crop=crop, context=loaded.context)


def test_sources_are_values_that_come_back(loaded: Loaded, latents: LatentDataset) -> None:
    values = Values(VALUE_TYPES)
    write_picture(loaded.folders.root("input") / "values" / "1.png", (40, 32), 1, "a cat")
    dataset, _ = captioned_pictures(folder="values", size=24, context=loaded.context)
    for value in (SCENES, dataset, TokenizerTable(("a b", "c d"))):
        name, encoded = values.encode(value)
        assert values.decode(name, encoded) == value
    name, encoded = values.encode(latents)
    back = values.decode(name, encoded)
    assert isinstance(back, LatentDataset)
    assert torch.equal(back.latents, latents.latents)
    assert back.source == latents.source
