"""`latentgraph train`: sittings that go on from each other, and several processes that train one workflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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
def line(latentgraph: CommandLine) -> CommandLine:
    folder = latentgraph.folder / "models" / "checkpoints"
    folder.mkdir()
    write_tiny_model(folder / "tiny.safetensors")
    return latentgraph


def train(line: CommandLine, *arguments: str) -> int:
    return line("train", str(SITTING), "--full-priority", "--quiet", *line.places, *SMALL, *arguments).code


def done(line: CommandLine) -> tuple[int, list[str]]:
    """How many sittings, and the checkpoints that are kept."""
    told = json.loads((line.folder / "output/training/sitting-sittings.json").read_text())
    return told["done"], [one["checkpoint"] for one in told["made"]]


def kept(*numbers: int) -> list[str]:
    return [f"checkpoints/sitting_{number:05}_.safetensors" for number in numbers]


def test_each_sitting_goes_on_from_the_checkpoint_of_the_one_before(line: CommandLine) -> None:
    assert train(line, "--sittings", "2") == 0
    assert done(line) == (2, kept(1, 2))
    assert train(line, "--sittings", "2") == 0
    assert done(line) == (2, kept(1, 2))
    assert train(line, "--sittings", "3") == 0
    assert done(line) == (3, kept(1, 2, 3))
    runs = list((line.folder / "output" / "training").glob("diffusion-*/run.json"))
    assert sorted(json.loads(run.read_text())["seed"] for run in runs) == [0, 1, 2]
    files = sorted((line.folder / "output" / "checkpoints").iterdir())
    weights = [path.read_bytes() for path in files]
    assert len(set(weights)) == 3
    assert open_checkpoint(files[2]).config.native_size == (32, 32)


def test_what_the_last_sittings_left_is_kept_and_nothing_else_is_touched(line: CommandLine) -> None:
    other = line.folder / "output" / "training" / "lora-other"
    other.mkdir(parents=True)
    assert train(line, "--sittings", "5") == 0
    assert done(line) == (5, kept(3, 4, 5))
    output = line.folder / "output"
    assert sorted(path.name for path in (output / "checkpoints").iterdir()) == [
        f"sitting_{number:05}_.safetensors" for number in (3, 4, 5)
    ]
    runs = list((output / "training").glob("diffusion-*/run.json"))
    assert sorted(json.loads(run.read_text())["seed"] for run in runs) == [2, 3, 4]
    assert other.is_dir()


def test_a_sitting_that_was_refused_does_not_count(line: CommandLine) -> None:
    assert train(line, "--sittings", "1") == 0
    assert train(line, "--sittings", "2", "--rate", "2") == 2
    assert done(line)[0] == 1


def test_sittings_that_began_from_another_checkpoint_are_not_gone_on_with_unasked(line: CommandLine) -> None:
    checkpoints = line.folder / "models" / "checkpoints"
    (checkpoints / "other.safetensors").write_bytes((checkpoints / "tiny.safetensors").read_bytes())
    assert train(line, "--sittings", "1") == 0
    told = line("train", str(SITTING), *line.places, *SMALL, "--checkpoint", "other.safetensors", "--sittings", "2")
    assert told.code == 2
    assert "began from tiny.safetensors" in told.err
    assert str(line.folder / "output/training/sitting-sittings.json") in told.err
    assert done(line)[0] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"done": 1, "made": [{}]}', '{"done": "x", "made": []}'])
def test_a_file_of_sittings_that_does_not_say_is_told(text: str, line: CommandLine) -> None:
    file = line.folder / "output" / "training" / "sitting-sittings.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    told = line("train", str(SITTING), *line.places, *SMALL, "--sittings", "2")
    assert told.code == 2
    assert f"{file} does not say how many sittings are done" in told.err
    assert file.read_text() == text


def test_a_workflow_without_the_parameters_takes_no_sittings(line: CommandLine) -> None:
    told = line("train", str(WORKFLOWS / "text_to_image.json"), "--full-priority", *line.places, "--sittings", "2")
    assert told.code == 2
    assert "--sitting" in told.err


@pytest.mark.parametrize("number", ["0", "-1"])
def test_no_sittings_are_no_number_of_them(line: CommandLine, number: str) -> None:
    told = line("train", str(SITTING), "--full-priority", *line.places, "--sittings", number)
    assert told.code == 2
    assert "at least 1" in told.err
    assert not (line.folder / "output" / "training").exists()


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
    assert done(line)[0] == 2
    assert len(list((line.folder / "output" / "checkpoints").iterdir())) == 2
    assert len(list((line.folder / "output" / "training").glob("diffusion-*/result.safetensors"))) == 2
