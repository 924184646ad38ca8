"""Several processes train together: what they come to is what one comes to, and only the first of them writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from socket import socket
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from graph.errors import Cancelled
from nodes.builtin.train_lora import train_lora
from nodes.builtin.training_data import encode_dataset
from nodes.builtin.training_models import distill_diffusion_model, train_diffusion_model, train_vae
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.sockets import Conditioning, Dataset, Latent, LatentDataset, LossMap
from nodes.training import job
from nodes.training.checkpoint import TrainingState, latest_checkpoint, save_checkpoint, step_of
from nodes.training.gradients import Gradients
from nodes.training.job import Schedule, train_to_end
from nodes.training.ranks import ProcessLost, Share, all_here, joined, leave, shared_out
from nodes.training.sources import SceneSource
from tests.nodes.loaded import Loaded
from tests.nodes.training_bench import load_trainable

ROOT = Path(__file__).parents[2]
SCENES = Dataset(SceneSource("training", 32, 8))
STEPS = 6


def latents_of(loaded: Loaded) -> LatentDataset:
    return encode_dataset(dataset=SCENES, vae=loaded.vae, context=loaded.context)


def diffusion(loaded: Loaded, batch: int = 4, seed: int = 0, optimizer: Literal["AdamW", "Muon"] = "AdamW") -> LossMap:
    return train_diffusion_model(
        model=loaded.model, clip=loaded.clip, latents=latents_of(loaded), steps=STEPS, batch_size=batch,
        training_dtype="fp32", seed=seed, optimizer=optimizer, context=loaded.context,
    )[2]  # fmt: skip


def distilled(loaded: Loaded) -> LossMap:
    return distill_diffusion_model(
        model=loaded.model, clip=loaded.clip, latents=latents_of(loaded), steps=STEPS, student_steps=2, teacher_steps=4,
        batch_size=4, training_dtype="fp32", context=loaded.context,
    )[1]  # fmt: skip


def autoencoder(loaded: Loaded) -> LossMap:
    return train_vae(vae=loaded.vae, dataset=SCENES, steps=STEPS, batch_size=4, crop=32, context=loaded.context)[1]


def lora(loaded: Loaded) -> LossMap:
    samples = torch.randn(4, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    prompts = tuple(loaded.prompt(word).entries[0] for word in ("cat", "at", "on", "cat on"))
    return train_lora(
        model=loaded.model, latents=Latent(samples), positive=Conditioning(prompts), steps=STEPS, batch_size=2,
        grad_accumulation_steps=2, learning_rate=1e-2, rank=2, training_dtype="fp32", context=loaded.context,
    )[2]  # fmt: skip


KINDS: dict[str, Callable[[Loaded], LossMap]] = {
    "diffusion": diffusion,
    "Muon": partial(diffusion, optimizer="Muon"),
    "distilled": distilled,
    "autoencoder": autoencoder,
    "lora": lora,
}


def main(kind: str, base: Path) -> None:
    """One of several processes: trains, and tells what it came to and how often it saved a checkpoint."""
    saved = []

    def counting(folder: Path, state: TrainingState) -> Path:
        saved.append(state.step)
        return save_checkpoint(folder, state)

    for name, value in (("save_checkpoint", counting), ("SECONDS_BETWEEN", 0.0), ("_LONGEST_SHARE", 0)):
        setattr(job, name, value)
    with joined() as share:
        losses = KINDS[kind](load_trainable(base)).losses.tolist()
        told = {"losses": losses, "saved": saved}
        (base / f"told-{share.number}.json").write_text(json.dumps(told), encoding="utf-8")
        all_here()
        leave(0)


def together(kind: str, base: Path, processes: int = 2) -> list[dict[str, list[float]]]:
    """What each of several processes told."""
    load_trainable(base)
    code = f"from tests.nodes.test_training_ranks import main; from pathlib import Path; main({kind!r}, Path({str(base)!r}))"
    (base / "process.py").write_text(code)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run(
        [*launcher, str(base / "process.py")], cwd=ROOT, env=environment, check=True, capture_output=True, timeout=280
    )
    return [json.loads((base / f"told-{number}.json").read_text()) for number in range(processes)]


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_come_to_what_one_with_the_double_batch_comes_to(kind: str, tmp_path: Path) -> None:
    """Each of the two computes half of the batch that the one computes."""
    first, second = together(kind, tmp_path / "two")
    alone = KINDS[kind](load_trainable(tmp_path / "one")).losses
    assert len(alone) == STEPS
    assert first["losses"] == second["losses"]
    tolerance = 2e-2 if kind == "autoencoder" else 1e-4  # the autoencoder computes in bfloat16
    torch.testing.assert_close(torch.tensor(first["losses"]).double(), alone, rtol=tolerance, atol=1e-5)
    assert first["saved"] == list(range(1, STEPS + 1))
    assert second["saved"] == []


def test_two_processes_go_on_with_what_one_has_begun(tmp_path: Path) -> None:
    straight = diffusion(load_trainable(tmp_path / "straight")).losses
    begun = load_trainable(tmp_path / "begun")
    with begun.watched(cancel_at=3) as (context, _), pytest.raises(Cancelled):
        diffusion(Loaded(begun.model, begun.clip, begun.vae, context, begun.folders))
    first, _ = together("diffusion", tmp_path / "begun")
    assert first["saved"] == [5, 6]
    assert first["losses"][:4] == straight[:4].tolist()
    torch.testing.assert_close(torch.tensor(first["losses"]).double(), straight, rtol=1e-4, atol=1e-5)


class Halves:
    """A weight that goes down; the second process dies in the fourth step."""

    def __init__(self) -> None:
        self._weight = nn.Parameter(torch.ones(2, 2))

    @property
    def parameters(self) -> Mapping[str, nn.Parameter]:
        return {"w": self._weight}

    def gradients(self, step: int, share: Share) -> Gradients:
        if (step, share.number) == (3, 1):
            os._exit(1)
        return Gradients(float(step), (torch.ones(2, 2),))


def lose(base: Path) -> None:
    """One of two processes of a run that the second leaves."""
    with joined():
        try:
            train_to_end(Halves(), Schedule(STEPS, LearningRate(1e-3, 0)), base / "run", lambda _: None)
        except ProcessLost as error:
            (base / "lost").write_text(error.code, encoding="utf-8")


def begin_two(function: Callable[[Path], None], base: Path) -> None:
    """The function in two processes, and its end in both. Without the launcher, which would end one for the other."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    name = function.__name__
    code = f"from tests.nodes.test_training_ranks import {name}; from pathlib import Path; {name}(Path({str(base)!r}))"
    shared = {**os.environ, "PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**shared, "RANK": str(number), "WORLD_SIZE": "2"})
        for number in range(2)
    ]
    for process in started:
        process.wait(280)


def test_a_process_that_is_lost_ends_the_others_with_a_checkpoint(tmp_path: Path) -> None:
    begin_two(lose, tmp_path)
    assert (tmp_path / "lost").read_text() == "process_lost"
    newest = latest_checkpoint(tmp_path / "run")
    assert newest is not None
    assert step_of(newest) == 3


SIDES = (1, 9, 4, 4, 2, 6)


def share_out(base: Path) -> None:
    """One of two processes that square matrices of these sides: says which it squared, and what it has of all."""
    with joined() as share:
        squared = []

        def square(matrix: Tensor) -> Tensor:
            squared.append(len(matrix))
            return matrix @ matrix

        made = shared_out(square, [torch.full((side, side), float(side)) for side in SIDES])
        told = {"squared": squared, "made": [float(one.mean()) for one in made]}
        (base / f"told-{share.number}.json").write_text(json.dumps(told), encoding="utf-8")
        all_here()


def test_work_is_shared_out_evenly_and_what_comes_of_it_is_everywhere(tmp_path: Path) -> None:
    begin_two(share_out, tmp_path)
    first, second = (json.loads((tmp_path / f"told-{number}.json").read_text()) for number in range(2))
    assert first["made"] == second["made"] == [side**3 for side in SIDES]
    assert first["squared"] == [9]  # 729 multiplications of 1,082
    assert second["squared"] == [1, 4, 4, 2, 6]
