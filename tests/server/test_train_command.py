"""`latentgraph train`: sittings that go on from each other, and several processes that train one workflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nodes.weights.load import open_checkpoint
from tests.nodes.training_models import write_tiny_model
from tests.server.cli import ROOT, WORKFLOWS, CommandLine

SITTING = WORKFLOWS / "training" / "sitting.json"
SMALL = [
    "--checkpoint",
    "tiny.safetensors",
    "--side",
    "32",
    "--pictures",
    "8",
    "--held-out",
    "4",
    "--steps",
    "3",
    "--batch",
    "4",
]


@pytest.fixture
def line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    write_tiny_model(tmp_path / "models" / "checkpoints" / "tiny.safetensors")
    return CommandLine(tmp_path, capsys)


def train(line: CommandLine, *arguments: str) -> int:
    return line("train", str(SITTING), "--full-priority", "--quiet", *line.places, *SMALL, *arguments).code


def done(line: CommandLine) -> dict[str, object]:
    told: dict[str, object] = json.loads((line.folder / "output/training/sitting-sittings.json").read_text())
    return told


def test_each_sitting_goes_on_from_the_checkpoint_of_the_one_before(line: CommandLine) -> None:
    assert train(line, "--sittings", "2") == 0
    assert done(line) == {"done": 2, "checkpoint": "sitting_00002_.safetensors"}
    assert train(line, "--sittings", "1") == 0
    assert done(line) == {"done": 3, "checkpoint": "sitting_00003_.safetensors"}
    runs = list((line.folder / "output" / "training").glob("diffusion-*/run.json"))
    assert sorted(json.loads(run.read_text())["seed"] for run in runs) == [0, 1, 2]
    files = sorted((line.folder / "output" / "checkpoints").iterdir())
    weights = [path.read_bytes() for path in files]
    assert len(set(weights)) == 3
    assert open_checkpoint(files[2]).config.native_size == (32, 32)


def test_a_sitting_that_was_refused_does_not_count(line: CommandLine) -> None:
    assert train(line, "--sittings", "1") == 0
    assert train(line, "--sittings", "1", "--rate", "2") == 2
    assert done(line)["done"] == 1


def test_a_workflow_without_the_parameters_takes_no_sittings(line: CommandLine) -> None:
    told = line("train", str(WORKFLOWS / "text_to_image.json"), "--full-priority", *line.places, "--sittings", "2")
    assert told.code == 2
    assert "--sitting" in told.err


def test_a_sitting_has_to_save_a_checkpoint(line: CommandLine) -> None:
    document = json.loads(SITTING.read_text())
    del document["nodes"]["save"]
    document["parameters"] = [one for one in document["parameters"] if one["name"] != "name"]
    file = line.write("unsaved.json", document)
    told = line("train", str(file), "--full-priority", *line.places, *SMALL, "--sittings", "2")
    assert told.code == 2
    assert "no checkpoint to go on from" in told.err


def test_processes_of_a_launcher_train_one_workflow_and_the_first_saves(line: CommandLine) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "server", "train", str(SITTING), "--full-priority", *line.places, *SMALL, "--sittings", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    ended = subprocess.run(
        [*launcher, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=280
    )
    assert ended.returncode == 0, ended.stderr
    assert done(line)["done"] == 2
    assert len(list((line.folder / "output" / "checkpoints").iterdir())) == 2
    assert len(list((line.folder / "output" / "training").glob("diffusion-*/result.safetensors"))) == 2
