"""Training LoRA and its relatives on a few pictures, using them at once, and keeping them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, cast

import torch

from graph.context import Context
from graph.declare import FileIn, Range, SocketOnly, node
from graph.errors import listed
from graph.result import Report
from graph.spec import ExtraName
from nodes.builtin.lora import AdapterStrength
from nodes.diffusion.noise import seeded_generator
from nodes.diffusion.sampling import scaled_latent
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.diffusion.training.losses import LossName
from nodes.diffusion.training.trainable_adapters import Algorithm, TrainableAdapter, adapter_from, new_adapter
from nodes.diffusion.unet import UNet
from nodes.errors import UnsuitableInput
from nodes.folders import Folders
from nodes.models import Models
from nodes.sampling import expect_fitting
from nodes.saving import Numbered, Prefix, fill_prefix
from nodes.sockets import Conditioning, Latent, LoraModel, LossMap, Model
from nodes.training.adapter_task import AdapterSettings, AdapterTask, Examples
from nodes.training.job import Schedule
from nodes.training.lora_file import write_lora
from nodes.training.optimizers import ElementwiseOptimizer
from nodes.training.precision import TrainingDtype, held_in
from nodes.training_jobs import TrainingJob
from nodes.training_parts import computed_in
from nodes.weights.lora import AdapterRef, load_changes, tensors_beside
from nodes.weights.patched import load_patched

_NONE: Final = "[None]"
ExistingLora = Annotated[str, FileIn("loras", extra=(ExtraName(_NONE),))]


@node(
    "TrainLoraNode",
    display_name="Train LoRA",
    category="training",
    returns=("model_with_lora", "lora", "loss", "steps"),
    lane="device",
    experimental=True,
    version=2,
    words=("finetune", "dreambooth"),
)
def train_lora(
    *,
    model: Model,
    latents: Latent,
    positive: Conditioning,
    batch_size: Annotated[int, Range(1, 10000, 1)] = 1,
    grad_accumulation_steps: Annotated[int, Range(1, 1024, 1)] = 1,
    steps: Annotated[int, Range(1, 100000)] = 16,
    learning_rate: Annotated[float, Range(1e-07, 1.0, 1e-06)] = 0.0005,
    rank: Annotated[int, Range(1, 128)] = 8,
    optimizer: ElementwiseOptimizer = "AdamW",
    loss_function: LossName = "MSE",
    seed: Annotated[int, Range(0, 2**64 - 1)] = 0,
    training_dtype: TrainingDtype = "bf16",
    lora_dtype: TrainingDtype = "bf16",
    algorithm: Algorithm = "LoRA",
    gradient_checkpointing: bool = True,
    existing_lora: ExistingLora = _NONE,
    context: Context,
) -> tuple[Model, LoraModel, LossMap, int, Report]:
    """Train an adapter of a diffusion model on latents, each with its conditioning (or all with one).

    The model itself stays as it is. Cancelled or killed, the same run goes on from its last checkpoint; with
    `existing_lora` it begins from an adapter that is there. In bf16 only where the device has it, else in fp32.
    """
    examples = _examples(model, latents, positive)
    known = model.config
    changes, before = _existing(existing_lora, context)
    job = TrainingJob(
        context,
        "lora",
        train_lora,
        (model, latents, positive),
        *(batch_size, grad_accumulation_steps, steps, learning_rate, rank, optimizer, loss_function, seed),
        *(training_dtype, lora_dtype, algorithm, "" if changes is None else changes.digest),
    )
    if not job.done:
        with job.claimed():
            dtype = computed_in(training_dtype, context)
            network = _network(model, dtype, context)
            adapter = _adapter(network, algorithm, rank, seed, changes, model)
            settings = AdapterSettings(
                batch_size, grad_accumulation_steps, loss_function, dtype, gradient_checkpointing, seed
            )
            task = AdapterTask(network, known, adapter, examples, settings)
            losses = job.run(task, _schedule(steps, learning_rate, optimizer))
            saved_in = torch.bfloat16 if lora_dtype == "bf16" else torch.float32
            job.finish(
                losses,
                {"kind": "lora", "steps": steps, "rank": rank, "algorithm": algorithm, "seed": seed},
                lambda path: write_lora(path, adapter, model.weights, saved_in, steps + before),
            )
    ref = AdapterRef(job.result, context.service(Folders).digest(job.result), 1.0)
    with_lora = replace(model, adapters=(*model.adapters, ref))
    report = job.told() + _left_out(changes, model)
    return with_lora, LoraModel(ref), LossMap(job.losses()), steps + before, report


@node(
    "LoraModelLoader",
    display_name="Load LoRA Model",
    category="loaders",
    returns="MODEL",
    lane="io",
    experimental=True,
)
def lora_model_loader(*, model: Model, lora: LoraModel, strength_model: AdapterStrength = 1.0) -> Model:
    """Lay a trained adapter over a model, without saving it first."""
    if strength_model == 0.0:
        return model
    return replace(model, adapters=(*model.adapters, replace(lora.adapter, strength=strength_model)))


@node(
    "SaveLoRANode",
    display_name="Save LoRA Weights",
    category="loaders",
    saves="output",
    lane="io",
    experimental=True,
)
def save_lora(
    *,
    lora: LoraModel,
    prefix: Prefix = "loras/ComfyUI_trained_lora",
    steps: Annotated[int | None, SocketOnly()] = None,
    context: Context,
) -> Report:
    """Save a trained adapter into the output folder, in kohya's form. It is found again among the LoRAs."""
    path = Models.of(context).located((lora.adapter,))[0]
    assert isinstance(path, AdapterRef)
    stem = fill_prefix(prefix, width=0, height=0, now=datetime.now())
    if steps is not None:
        stem += f"_{steps}_steps"
    series = Numbered(context.service(Folders), "output", stem, ".safetensors")
    return Report(files=(series.save(path.path.read_bytes()),))


def _schedule(steps: int, rate: float, optimizer: ElementwiseOptimizer) -> Schedule:
    """One rate throughout, and torch's own weight decay: AdamW alone has any."""
    decay = 0.01 if optimizer == "AdamW" else 0.0
    return Schedule(steps, LearningRate(rate, warmup=0), weight_decay=decay, optimizer=optimizer)


def _examples(model: Model, latents: Latent, positive: Conditioning) -> Examples:
    """Latents with their conditionings. Raises `UnsuitableInput` where they do not belong together."""
    config = model.config
    if model.hypernetworks:
        raise UnsuitableInput(
            "a hypernetwork over the model is not trained with", hint="Lay it over the result instead."
        )
    if config.schedule.prediction not in ("eps", "v"):
        raise UnsuitableInput(f"a model that predicts {config.schedule.prediction} cannot be trained")
    expect_fitting(config, (positive,), latents.samples)
    entries = positive.entries
    if len(entries) == 1:
        entries = entries * latents.batch
    if len(entries) != latents.batch:
        raise UnsuitableInput(
            f"there are {latents.batch} latents and {len(entries)} conditionings",
            hint="Give one conditioning for each latent, or one for all.",
        )
    return Examples(scaled_latent(config, latents.samples), entries)


def _network(model: Model, dtype: TrainingDtype, context: Context) -> UNet:
    """A U-Net of our own, frozen, with what is laid over the model worked into its weights."""
    models = Models.of(context)
    held = held_in(dtype, model.weights.config.unet.model_channels)
    ref = models.located_weights(model.weights)
    module = load_patched(ref, models.located(model.adapters), held, held)
    return cast("UNet", module.to(models.device(model.weights)))


def _existing(name: str, context: Context) -> tuple[AdapterRef | None, int]:
    """The adapter to begin from, and how many steps it says it was trained for."""
    if name == _NONE:
        return None, 0
    folders = context.service(Folders)
    path = folders.existing("loras", name, "LoRA")
    return AdapterRef(path, folders.digest(path), 1.0), _steps_of(path)


def _left_out(existing: AdapterRef | None, model: Model) -> Report:
    """What of the adapter that a run began from is not in what came of it."""
    beside = () if existing is None else tensors_beside(existing.path, model.weights)
    if existing is None or not beside:
        return Report()
    text = f"{len(beside)} tensors of {existing.path.name} are for other parts, and not in this LoRA: {listed(beside)}"
    return Report(text=(text,))


def _steps_of(path: Path) -> int:
    found = re.search(r"_(\d{1,9})_steps", path.name)
    return int(found[1]) if found else 0


def _adapter(
    network: UNet, algorithm: Algorithm, rank: int, seed: int, existing: AdapterRef | None, model: Model
) -> TrainableAdapter:
    if existing is None:
        return new_adapter(network, algorithm, rank, seeded_generator(seed))
    changes = load_changes(existing.path, model.weights)
    adapter = adapter_from(changes, next(network.parameters()).device) if algorithm == "LoRA" else None
    if adapter is None:
        raise UnsuitableInput(
            f"{existing.path.name} cannot be trained on as {algorithm}",
            hint="Only plain LoRAs for this kind of model can be gone on from, with the algorithm LoRA.",
        )
    return adapter
