"""Measuring from the command line, all of it in small: figures with their anchors, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nodes.diffusion.training.trainable_adapters import new_adapter
from nodes.training.evaluate import main
from nodes.training.export import known_words
from nodes.training.lora_file import write_lora
from nodes.training.model import read_model
from nodes.training.scores_page import table
from nodes.training.subject_adherence import with_lora
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from tests.nodes.training_models import write_tiny_model

QUICK = ["--prompts", "4", "--spread-prompts", "1", "--judge-pictures", "8", "--judge-steps", "2"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says which words it knows."""
    folder = tmp_path_factory.mktemp("model")
    with safe_open(write_tiny_model(folder / "plain.safetensors"), "pt") as plain:
        tensors = {name: plain.get_tensor(name) for name in plain.keys()}  # noqa: SIM118
        metadata = {**plain.metadata(), "known_words": json.dumps(known_words())}
    save_file(tensors, folder / "tiny.safetensors", metadata)
    return folder / "tiny.safetensors"


@pytest.fixture
def lora(file: Path, tmp_path: Path) -> Path:
    """An adapter that changes what is drawn."""
    model = read_model(file)
    adapter = new_adapter(model.unet, "LoRA", 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in adapter.parameters.values():
            parameter.add_(0.5)
    write_lora(tmp_path / "zorp.safetensors", adapter, WeightsRef(file, "", Part.UNET, model.config), torch.float32, 1)
    return tmp_path / "zorp.safetensors"


def test_a_lora_is_laid_over_the_model(file: Path, lora: Path) -> None:
    model = read_model(file)
    changed = with_lora(model, file, lora)
    inputs = torch.randn(1, 4, 4, 4), torch.tensor([500]), torch.randn(1, 7, model.config.unet.context_dim)
    with torch.no_grad():
        assert not torch.allclose(changed.unet(*inputs), model.unet(*inputs), rtol=1e-3)
    assert changed.vae is model.vae


def test_a_model_is_measured(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(file), "--folder", str(tmp_path), *QUICK]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert list(scores["sections"]) == [
        *("real pictures", "through the autoencoder", "drawn", "drawn, cfg 1", "drawn, prompts shuffled"),
        *("fidelity", "novelty"),
    ]
    assert (scores["model"], scores["judge"]) == ("tiny.safetensors", {"pictures": 8, "steps": 2})
    assert scores["sections"]["drawn"]["object"][1] == 4
    assert table(scores) in capsys.readouterr().out
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_is_asked_for_what_another_knows_too(file: Path, tmp_path: Path) -> None:
    with safe_open(file, "pt") as known:
        tensors = {name: known.get_tensor(name) for name in known.keys()}  # noqa: SIM118
        words = json.loads(known.metadata()["known_words"]) | {"places": ["sea"], "times": ["night"]}
        save_file(tensors, tmp_path / "less.safetensors", known.metadata() | {"known_words": json.dumps(words)})
    assert main([str(file), "--words-of", str(tmp_path / "less.safetensors"), "--folder", str(tmp_path), *QUICK]) == 0
    assert json.loads((tmp_path / "scores.json").read_text())["words_of"] == "less.safetensors"


def test_a_lora_is_measured(file: Path, lora: Path, tmp_path: Path) -> None:
    assert main([str(file), "--lora", str(lora), "--folder", str(tmp_path), *QUICK]) == 0
    scores = json.loads((tmp_path / "lora.json").read_text())
    assert scores["lora"] == "zorp.safetensors"
    assert {title: scores["sections"][title]["altogether"][1] for title in scores["sections"]} == dict.fromkeys(
        ("real pictures", "through the autoencoder", "drawn with the LoRA", "drawn without it"), 4
    )
