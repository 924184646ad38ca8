"""LoRA training as nodes: it learns, its file is what everybody reads, and it survives whatever ends it."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from graph.context import Context
from graph.declare import ATTRIBUTE, implementation
from graph.errors import Cancelled
from nodes.builtin.lora import lora_loader_model_only
from nodes.builtin.loss_graph import loss_graph
from nodes.builtin.sampling import ksampler
from nodes.builtin.train_lora import lora_model_loader, save_lora, train_lora
from nodes.diffusion.adapters import adapted
from nodes.diffusion.training.recomputing import recomputed
from nodes.diffusion.training.trainable_adapters import Algorithm, new_adapter
from nodes.diffusion.unet import UNet
from nodes.errors import UnsuitableInput
from nodes.memory.policy import DevicePolicy
from nodes.sockets import Conditioning, Latent, LoraModel, LossMap, Model
from nodes.training import job
from nodes.training.adapter_task import AdapterTask, picks
from nodes.training.errors import TrainingError
from nodes.training.gradients import Gradients
from nodes.training.lora_file import write_lora
from nodes.training.loss_curve import draw_losses, training_preview
from nodes.training.ranks import Share
from nodes.weights.keymaps import Part
from nodes.weights.lora import check_adapter, load_changes
from tests.nodes.checkpoints import reference, write_tiny_checkpoint
from tests.nodes.loaded import Loaded
from tests.nodes.tiny import MODEL, TEXT, TEXT_PROJECTED, UNET, UNET_LABELLED, UNET_LINEAR, tiny_unet
from tests.nodes.training_bench import load_trainable

FLAT = Latent(torch.tensor([3.0, -2.0, 4.0, -5.0])[None, :, None, None].expand(4, 4, 4, 4).contiguous())
LATENTS = Latent(torch.randn(4, 4, 4, 4, generator=torch.Generator().manual_seed(1)) * 5)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return load_trainable(tmp_path)


def prompts(loaded: Loaded) -> Conditioning:
    return Conditioning(tuple(loaded.prompt(word).entries[0] for word in ("cat", "at", "on", "cat on")))


def train(loaded: Loaded, context: Context | None = None, **options: Any) -> tuple[Model, LoraModel, LossMap, int]:
    settings: dict[str, Any] = {"batch_size": 2, "steps": 6, "learning_rate": 1e-2, "rank": 2, "training_dtype": "fp32"}
    inputs = {"model": loaded.model, "latents": LATENTS, "positive": prompts(loaded)}
    return train_lora(**{**inputs, **settings, **options}, context=context or loaded.context)[:4]


def sampled(loaded: Loaded, model: Model) -> Tensor:
    return ksampler(
        model=model, seed=1, steps=2, cfg=2.0, sampler_name="euler", scheduler="normal", positive=loaded.prompt("cat"),
        negative=loaded.prompt(""), latent_image=Latent(torch.zeros(1, 4, 4, 4)), denoise=1.0, context=loaded.context,
    ).samples  # fmt: skip


# The adapter itself


@pytest.mark.parametrize("algorithm", ["LoRA", "LoHa", "LoKr"])
@pytest.mark.parametrize("config", [UNET, UNET_LABELLED], ids=["sd1", "sdxl"])
def test_an_adapter_begins_as_no_change_and_is_read_back_as_trained(
    algorithm: Algorithm, config: Any, tmp_path: Path
) -> None:
    model = replace(MODEL, unet=config)
    ref = reference(write_tiny_checkpoint(tmp_path / "m.safetensors", model), Part.UNET)
    network = tiny_unet(config)
    adapter = new_adapter(network, algorithm, 3, torch.Generator().manual_seed(0))
    x, t, context = torch.randn(2, 4, 8, 8), torch.tensor([5, 500]), torch.randn(2, 7, config.context_dim)
    y = None if config.adm_in_channels is None else torch.randn(2, config.adm_in_channels)
    torch.testing.assert_close(adapted(network, adapter.changes())(x, t, context, y), network(x, t, context, y))
    with torch.no_grad():
        for parameter in adapter.parameters.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    write_lora(tmp_path / "lora.safetensors", adapter, ref, torch.float32, 1)
    assert check_adapter(tmp_path / "lora.safetensors", [ref]) == ()
    read = load_changes(tmp_path / "lora.safetensors", ref)
    ours = adapter.changes()
    assert read.keys() == ours.keys()
    for layer, (change,) in read.items():
        weight = network.get_submodule(layer).weight
        assert isinstance(weight, Tensor)
        torch.testing.assert_close(change.delta(weight), ours[layer][0].change.delta(weight), rtol=1e-4, atol=1e-6)  # type: ignore[union-attr]


NAMES = {
    "SD 1.x": (MODEL, "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight"),
    "SD 2.x": (
        replace(MODEL, unet=UNET_LINEAR),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
    ),
    "SDXL": (
        replace(MODEL, unet=UNET_LABELLED, text=(TEXT, TEXT_PROJECTED)),
        "lora_unet_input_blocks_3_1_transformer_blocks_1_attn2_to_k.lora_up.weight",
    ),
}


@pytest.mark.parametrize("family", NAMES)
def test_files_have_the_names_of_kohya(family: str, tmp_path: Path) -> None:
    config, name = NAMES[family]
    path = write_tiny_checkpoint(tmp_path / "m.safetensors", config)
    adapter = new_adapter(tiny_unet(config.unet), "LoRA", 2, torch.Generator().manual_seed(0))
    write_lora(tmp_path / "lora.safetensors", adapter, reference(path, Part.UNET), torch.bfloat16, 5)
    with safe_open(tmp_path / "lora.safetensors", "pt") as file:
        assert name in set(file.keys())
        assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.bfloat16}  # noqa: SIM118
        assert file.metadata()["ss_network_dim"] == "2"


def test_recomputing_stages_changes_nothing_but_memory() -> None:
    network = tiny_unet()
    x, t, context = torch.randn(1, 4, 8, 8), torch.tensor([300]), torch.randn(1, 7, 24)
    gradients = []
    for view in (lambda one: one, recomputed):
        adapter = new_adapter(network, "LoRA", 2, torch.Generator().manual_seed(0))
        seen: UNet = view(adapted(network, adapter.changes()))
        parameters = list(adapter.parameters.values())
        gradients.append(torch.autograd.grad(seen(x, t, context).square().sum(), parameters, allow_unused=True))
    assert all((a is None and b is None) or torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_every_example_is_used_before_any_comes_again() -> None:
    uses = picks(7, 0, 12, 4)
    assert [sorted(uses[start : start + 4]) for start in (0, 4, 8)] == [[0, 1, 2, 3]] * 3
    assert uses[5:9] == picks(7, 5, 4, 4)
    assert picks(8, 0, 12, 4) != uses


# Nodes


@pytest.mark.parametrize("algorithm", ["LoRA", "LoHa", "LoKr"])
def test_training_learns_and_changes_what_is_drawn(algorithm: Algorithm, loaded: Loaded) -> None:
    model, lora, loss, steps = train(
        loaded, steps=40, algorithm=algorithm, latents=FLAT, batch_size=4, gradient_checkpointing=False
    )
    assert (len(loss.losses), steps) == (40, 40)
    assert loss.losses[-10:].mean() < 0.8 * loss.losses[:10].mean()
    plain, changed = sampled(loaded, loaded.model), sampled(loaded, model)
    assert not torch.equal(plain, changed)
    assert torch.equal(sampled(loaded, lora_model_loader(model=loaded.model, lora=lora, strength_model=1.0)), changed)
    assert lora_model_loader(model=loaded.model, lora=lora, strength_model=0.0) == loaded.model


def test_a_saved_adapter_draws_the_same(loaded: Loaded) -> None:
    model, lora, loss, steps = train(loaded)
    saved = save_lora(lora=lora, prefix="loras/mine", steps=steps, context=loaded.context).files[0]
    assert saved.name == "loras/mine_6_steps_00001_.safetensors"
    assert "mine_6_steps_00001_.safetensors" in loaded.folders.names("loras")
    found, _ = lora_loader_model_only(
        model=loaded.model, lora_name="mine_6_steps_00001_.safetensors", strength_model=1.0, context=loaded.context
    )
    assert torch.equal(sampled(loaded, found), sampled(loaded, model))
    more = train(loaded, existing_lora="mine_6_steps_00001_.safetensors", seed=3)
    assert more[3] == 12
    assert len(more[2].losses) == 6
    curve = loss_graph(loss=loss, filename_prefix="loss", context=loaded.context).files[0]
    assert Path(curve.path).read_bytes().startswith(b"\x89PNG")


def test_what_of_an_adapter_is_not_trained_on_is_said(loaded: Loaded) -> None:
    _, lora, _, _ = train(loaded)
    text = "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight"
    path = loaded.folders.root("output") / "loras" / "both.safetensors"
    path.parent.mkdir()
    save_file({**load_file(lora.adapter.path), text: torch.zeros(2, 8)}, path)
    *_, report = train_lora(
        model=loaded.model, latents=LATENTS, positive=prompts(loaded), steps=2, training_dtype="fp32",
        existing_lora=path.name, context=loaded.context,
    )  # fmt: skip
    assert report.text[1] == f"1 tensors of {path.name} are for other parts, and not in this LoRA: {text}"


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": 1},
        {"rank": 3},
        {"learning_rate": 2e-2},
        {"optimizer": "SGD"},
        {"loss_function": "L1"},
        {"batch_size": 1},
    ],
    ids=str,
)
def test_what_decides_the_numbers_makes_another_run(changed: dict[str, Any], loaded: Loaded) -> None:
    assert train(loaded)[1] != train(loaded, **changed)[1]


def test_another_version_of_the_node_makes_another_run(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(loaded)[1]
    declared = implementation(train_lora)
    assert declared is not None
    newer = replace(declared, spec=replace(declared.spec, version=declared.spec.version + 1))
    monkeypatch.setattr(train_lora, ATTRIBUTE, newer)
    assert train(loaded)[1].adapter.path != first.adapter.path


def test_two_processes_never_train_in_one_folder(loaded: Loaded) -> None:
    with loaded.watched(cancel_at=3) as (context, _), pytest.raises(Cancelled):
        train(loaded, context)
    (folder,) = loaded.folders.root("output").glob("training/*")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with open(folder / "lock", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(TrainingError, match=folder.name) as error:
            train(loaded)
    assert error.value.code == "run_in_use"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(train(loaded)[2].losses) == 6


@pytest.mark.parametrize("options", [
    {"optimizer": "Adam"}, {"optimizer": "SGD"}, {"optimizer": "RMSprop"}, {"loss_function": "Huber"},
    {"loss_function": "SmoothL1"}, {"training_dtype": "bf16"}, {"grad_accumulation_steps": 2},
    {"gradient_checkpointing": False},
], ids=str)  # fmt: skip
def test_every_choice_trains_and_goes_on_bit_for_bit(options: dict[str, Any], loaded: Loaded, tmp_path: Path) -> None:
    straight = train(loaded, **options)[2].losses
    again = load_trainable(tmp_path / "other")
    with again.watched(cancel_at=3) as (context, _), pytest.raises(Cancelled):
        train(again, context, **options)
    assert torch.equal(train(again, **options)[2].losses, straight)


@pytest.mark.parametrize(("has_bf16", "same_as_fp32"), [(True, False), (False, True)])
def test_a_device_without_bfloat16_trains_in_float32(
    loaded: Loaded, tmp_path: Path, has_bf16: bool, same_as_fp32: bool
) -> None:  # noqa: FBT001
    other = load_trainable(tmp_path / "other")
    policy = replace(other.context.service(DevicePolicy), bf16=has_bf16)
    context = replace(other.context, services={**other.context.services, DevicePolicy: policy})
    losses = train(other, context, training_dtype="bf16")[2].losses
    assert torch.equal(losses, train(loaded, training_dtype="fp32")[2].losses) is same_as_fp32


def test_gradient_accumulation_is_a_larger_batch(loaded: Loaded) -> None:
    at_once = train(loaded, batch_size=4)[2].losses
    in_parts = train(loaded, batch_size=2, grad_accumulation_steps=2)[2].losses
    torch.testing.assert_close(in_parts, at_once, rtol=1e-4, atol=1e-5)


def test_progress_and_previews(loaded: Loaded) -> None:
    with loaded.watched() as (context, progress):
        train(loaded, context)
    assert progress.seen == [(step, 6) for step in range(7)]
    preview = progress.previews[-1]
    assert preview is not None
    assert preview().startswith(b"\xff\xd8")


def test_a_run_that_is_done_is_not_trained_again(loaded: Loaded) -> None:
    first = train(loaded)
    with loaded.watched() as (context, progress):
        second = train(loaded, context)
    assert progress.seen == []
    assert second[1] == first[1]
    assert list(first[1].adapter.path.parent.glob("checkpoint-*")) == []


KILLED = """
import sys
from pathlib import Path
from nodes.training import job
from tests.nodes.test_train_lora import train
from tests.nodes.training_bench import load_trainable

job.SECONDS_BETWEEN = 0.0
job._LONGEST_SHARE = 0
loaded = load_trainable(Path(sys.argv[1]))
print(train(loaded, steps=40, gradient_checkpointing=False)[2].losses.numpy().tobytes().hex())
"""


def test_after_kill_9_the_same_loss_curve_goes_on(loaded: Loaded, tmp_path: Path) -> None:
    """Killed at some moment; every loss is that of a run which was never killed, to the last bit."""
    straight = train(loaded, steps=40, gradient_checkpointing=False)[2].losses.numpy().tobytes().hex()
    base = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(base)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    while process.poll() is None and newest(base) < 8:
        time.sleep(0.02)
    assert process.poll() is None, "it was over before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 8 <= newest(base) < 40
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == straight


def newest(base: Path) -> int:
    steps = [
        int(path.stem.removeprefix("checkpoint-")) for path in base.glob("output/training/*/checkpoint-*.safetensors")
    ]
    return max(steps, default=0)


def test_loss_that_is_not_finite_stops_with_the_last_good_checkpoint_named(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = AdapterTask.gradients
    with loaded.watched(cancel_at=3) as (context, _), pytest.raises(Cancelled):
        train(loaded, context)

    def broken(task: AdapterTask, step: int, share: Share) -> Gradients:
        found = sound(task, step, share)
        return found if step < 5 else replace(found, loss=float("nan"))

    monkeypatch.setattr(AdapterTask, "gradients", broken)
    with pytest.raises(TrainingError) as error:
        train(loaded)
    assert error.value.code == "diverged"
    assert "checkpoint-000000004.safetensors" in str(error.value)
    monkeypatch.undo()
    assert len(train(loaded)[2].losses) == 6


def test_latents_beyond_all_measure_stop_at_the_first_step(loaded: Loaded) -> None:
    with pytest.raises(TrainingError) as error:
        train(loaded, latents=Latent(LATENTS.samples * 1e30))
    assert (error.value.code, "none yet" in str(error.value)) == ("diverged", True)


def test_a_full_disk_loses_no_earlier_checkpoint(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses to write more than a few bytes, in the middle of a checkpoint."""
    monkeypatch.setattr(job, "SECONDS_BETWEEN", 0.0)
    with loaded.watched(cancel_at=3) as (context, _), pytest.raises(Cancelled):
        train(loaded, context)
    (folder,) = loaded.folders.root("output").glob("training/*")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(TrainingError) as error:
            train(loaded)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.code == "cannot_save"
    assert max(name for name in before if name.startswith("checkpoint")) in str(error.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(train(loaded)[2].losses) == 6


def test_latents_and_conditionings_must_belong_together(loaded: Loaded) -> None:
    two = Conditioning(prompts(loaded).entries[:2])
    with pytest.raises(UnsuitableInput, match="4 latents and 2 conditionings"):
        train(loaded, positive=two)
    assert len(train(loaded, positive=loaded.prompt("cat"))[2].losses) == 6
    with pytest.raises(UnsuitableInput):
        train(loaded, latents=Latent(torch.zeros(4, 8, 4, 4)))


@pytest.mark.parametrize("losses", [[], [1.0], [2.0, 2.0], [3.0, float("nan"), 1.0], [1 / n for n in range(1, 3000)]])
def test_any_losses_are_drawn(losses: list[float]) -> None:
    assert draw_losses(losses).size == (640, 400)
    assert training_preview(losses, draw_losses(losses)).startswith(b"\xff\xd8")
