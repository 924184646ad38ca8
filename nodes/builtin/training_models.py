"""Making a latent diffusion model: its tokenizer, its networks, and the training of each, one after another."""

from __future__ import annotations

from random import Random
from typing import Annotated, Final, Literal

from graph.context import Context
from graph.declare import Range, node
from graph.result import Report
from nodes.builtin.ranges import Share
from nodes.builtin.sampling import Cfg, SeedValue
from nodes.builtin.training_data import PictureSide
from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.training.byte_pairs import SYMBOLS_BESIDE_MERGES, count_words, learn_merges
from nodes.diffusion.training.initial import seeded, start_from_nothing
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae as VaeModule
from nodes.errors import UnsuitableInput
from nodes.models import Models
from nodes.sockets import Clip, Dataset, LatentDataset, LossMap, Model, TokenizerTable, Vae
from nodes.training.autoencoder import ReconstructionTask
from nodes.training.captioned_latents import BatchSettings, DistillationTask, NoisePredictionTask
from nodes.training.errors import saving
from nodes.training.job import decaying
from nodes.training.model_sizes import SizeName, new_config
from nodes.training.parts_file import tokenizer_metadata, tokenizer_of, write_parts
from nodes.training.precision import TrainingDtype
from nodes.training_jobs import TrainingJob
from nodes.training_parts import (
    about_run,
    blocks_of,
    computed_in,
    crops_of,
    draw_reconstructions,
    draw_samples,
    finish_autoencoder,
    history,
    networks_to_train,
    ref_of,
    unet_to_train,
    vae_to_train,
)
from nodes.weights.keymaps import Part

TrainingSteps = Annotated[int, Range(1, 10_000_000)]
TrainingBatch = Annotated[int, Range(1, 4096)]
Rate = Annotated[float, Range(1e-7, 1.0, 1e-6)]
Ema = Annotated[float, Range(0.0, 0.99999, 0.0001)]

_CATEGORY: Final = "training/model"


@node("TrainTokenizer", display_name="Train Tokenizer", category=_CATEGORY, returns="TOKENIZER")
def train_tokenizer(
    *,
    dataset: Dataset,
    vocabulary_size: Annotated[int, Range(SYMBOLS_BESIDE_MERGES, 49408)] = 2048,
    captions: Annotated[int, Range(1, 1_000_000)] = 20000,
    context: Context,
) -> tuple[TokenizerTable, Report]:
    """Learn how to cut captions into tokens: byte pairs in CLIP's form, the most frequent words whole.

    It reads so many captions, every picture in turn and each time in other words.
    """
    source, texts = dataset.source, []
    for number in range(captions):
        if number % 256 == 0:
            context.progress(number, captions)
        texts.append(source.caption(number % source.count, Random(number)))
    most = vocabulary_size - SYMBOLS_BESIDE_MERGES
    merges = learn_merges(count_words(texts), most, lambda made: context.progress(made, most))
    return TokenizerTable(tuple(merges)), Report(text=(f"{len(merges) + SYMBOLS_BESIDE_MERGES} tokens",))


@node("NewDiffusionModel", display_name="New Diffusion Model", category=_CATEGORY, returns=("MODEL", "CLIP", "VAE"))
def new_diffusion_model(
    *,
    tokenizer: TokenizerTable,
    size: SizeName = "small",
    prediction: Literal["v", "eps"] = "v",
    picture_size: PictureSide = 128,
    seed: SeedValue = 0,
    context: Context,
) -> tuple[Model, Clip, Vae, Report]:
    """The networks of a model that has learned nothing yet, in the layout of Stable Diffusion 1.x.

    nano is for trying things out, small is what ships (16 million weights), medium has a wider U-Net.
    """
    config = new_config(size, prediction, picture_size, len(tokenizer.merges) + SYMBOLS_BESIDE_MERGES)
    job = TrainingJob(context, "new", new_diffusion_model, (tokenizer,), size, prediction, picture_size, seed)
    if not job.result.is_file():
        parts = {
            Part.UNET: start_from_nothing(seeded(seed, lambda: UNet(config.unet))),
            Part.VAE: seeded(seed + 1, lambda: VaeModule(config.vae)),
            Part.TEXT: seeded(seed + 2, lambda: TextEncoder(config.text[0])),
        }
        with saving(job.folder, "no model is kept there"):
            write_parts(job.result, parts, config, tokenizer_metadata(tokenizer.merges))
    unet, text, vae = (ref_of(job, part, context) for part in (Part.UNET, Part.TEXT, Part.VAE))
    return Model(unet), Clip((text,)), Vae(vae), job.made()


@node("TrainVAE", display_name="Train VAE", category=_CATEGORY, version=2, returns=("VAE", "loss"), lane="device")
def train_vae(
    *,
    vae: Vae,
    dataset: Dataset,
    steps: TrainingSteps = 4000,
    batch_size: TrainingBatch = 32,
    learning_rate: Rate = 0.0009,
    crop: Annotated[int, Range(8, 1024, 8)] = 64,
    decoder_only: bool = False,
    ema: Ema = 0.999,
    seed: SeedValue = 0,
    context: Context,
) -> tuple[Vae, LossMap, Report]:
    """Train an autoencoder on crops of pictures: absolute errors at several scales, edges, and a little KL.

    Afterwards its latents are whitened. With decoder_only the encoder, and so every latent, stays as it is.
    """
    job = TrainingJob(
        context, "vae", train_vae, (vae, dataset), steps, batch_size, learning_rate, crop, decoder_only, ema, seed
    )
    if not job.done:
        with job.claimed():
            if crop > dataset.source.size or crop % vae.config.vae.downscale:
                raise UnsuitableInput(
                    f"crops of {crop} pixels do not fit pictures of {dataset.source.size}",
                    hint=f"Use a multiple of {vae.config.vae.downscale}, no larger than the pictures.",
                )
            module = vae_to_train(vae, context)
            dtype = computed_in("bf16", context)
            crops = crops_of(dataset, batch_size, crop, seed, dtype, decoder_only=decoder_only)
            task = ReconstructionTask(module, crops, blocks_of(dataset))
            losses = job.run(task, decaying(steps, learning_rate, ema), draw_reconstructions(module, dataset))
            config = finish_autoencoder(module, vae.config, dataset, whiten=not decoder_only)
            run = about_run("vae", dataset.source, steps, batch_size, learning_rate, seed) | {"crop": crop}
            job.finish(
                losses,
                run,
                lambda path: write_parts(path, {Part.VAE: module}, config, history(vae.weights, run, context)),
            )
    return Vae(ref_of(job, Part.VAE, context)), LossMap(job.losses()), job.told()


@node(
    "TrainDiffusionModel",
    display_name="Train Diffusion Model",
    category=_CATEGORY,
    version=3,
    returns=("MODEL", "CLIP", "loss"),
    lane="device",
)
def train_diffusion_model(
    *,
    model: Model,
    clip: Clip,
    latents: LatentDataset,
    steps: TrainingSteps = 10000,
    batch_size: TrainingBatch = 64,
    learning_rate: Rate = 0.0005,
    train_text_encoder: bool = True,
    caption_dropout: Share = 0.1,
    min_snr_gamma: Annotated[float, Range(0.0, 100.0, 0.5)] = 5.0,
    ema: Ema = 0.9995,
    training_dtype: TrainingDtype = "bf16",
    seed: SeedValue = 0,
    optimizer: Literal["AdamW", "Muon"] = "AdamW",
    context: Context,
) -> tuple[Model, Clip, LossMap, Report]:
    """Train a U-Net, and its text encoder with it, to see the noise (or velocity) in noised latents, given their captions.

    The rate warms up, stays, and falls to zero over the last third. Min-SNR weighs timesteps (0: all alike); the result is
    the average of the weights over the last steps (ema 0: the weights). In bf16 only where the device has it, else in fp32.
    Muon learns more from each picture than AdamW, and takes a little longer over it.
    """
    dtype = computed_in(training_dtype, context)
    settings = BatchSettings(batch_size, seed, dtype, caption_dropout)
    job = TrainingJob(
        context,
        "diffusion",
        train_diffusion_model,
        (model, clip, latents),
        *(
            steps,
            batch_size,
            learning_rate,
            train_text_encoder,
            caption_dropout,
            min_snr_gamma,
            ema,
            training_dtype,
            optimizer,
            seed,
        ),
    )
    if not job.done:
        with job.claimed():
            networks = networks_to_train(model, clip, latents, context)
            tokenizer = tokenizer_of(Models.of(context).located_weights(clip.towers[0]).path)
            task = NoisePredictionTask(networks, latents, settings, gamma=min_snr_gamma, with_text=train_text_encoder)
            draw = draw_samples(networks, latents)
            schedule = decaying(steps, learning_rate, ema, weight_decay=0.01, optimizer=optimizer, dtype=dtype)
            losses = job.run(task, schedule, draw)
            parts = {Part.UNET: networks.unet, Part.TEXT: networks.text}
            run = about_run("diffusion", latents.source, steps, batch_size, learning_rate, seed) | {
                "text_encoder": train_text_encoder,
                "optimizer": optimizer,
            }
            metadata = {**tokenizer, **history(model.weights, run, context)}
            job.finish(losses, run, lambda path: write_parts(path, parts, networks.config, metadata))
    unet, text = ref_of(job, Part.UNET, context), ref_of(job, Part.TEXT, context)
    return Model(unet), Clip((text,), clip.layer), LossMap(job.losses()), job.told()


@node(
    "DistillDiffusionModel",
    display_name="Distill Diffusion Model",
    category=_CATEGORY,
    version=3,
    returns=("MODEL", "loss"),
    lane="device",
)
def distill_diffusion_model(
    *,
    model: Model,
    clip: Clip,
    latents: LatentDataset,
    steps: TrainingSteps = 2000,
    student_steps: Annotated[int, Range(1, 100)] = 4,
    teacher_steps: Annotated[int, Range(1, 1000)] = 16,
    cfg: Cfg = 4.0,
    batch_size: TrainingBatch = 32,
    learning_rate: Rate = 0.0002,
    ema: Ema = 0.999,
    training_dtype: TrainingDtype = "bf16",
    seed: SeedValue = 0,
    context: Context,
) -> tuple[Model, LossMap, Report]:
    """Train a student to reach in a few Euler steps (scheduler simple, cfg 1) what the model reaches in more, guided.

    Several of these after another halve the steps each time: progressive distillation (Salimans and Ho, 2022). In bf16 only
    where the device has it, else in fp32.
    """
    if teacher_steps % student_steps or teacher_steps == student_steps:
        raise UnsuitableInput(
            f"{teacher_steps} steps of the teacher are no multiple of {student_steps} of the student",
            hint="Use, for example, 16 and 4.",
        )
    settings = BatchSettings(batch_size, seed, computed_in(training_dtype, context))
    job = TrainingJob(
        context,
        "distilled",
        distill_diffusion_model,
        (model, clip, latents),
        *(steps, student_steps, teacher_steps, cfg, batch_size, learning_rate, ema, training_dtype, seed),
    )
    if not job.done:
        with job.claimed():
            networks = networks_to_train(model, clip, latents, context, sampled_in=student_steps)
            task = DistillationTask(
                networks,
                unet_to_train(model, context).requires_grad_(requires_grad=False),
                latents,
                settings,
                student_steps=student_steps,
                teacher_steps=teacher_steps,
                cfg=cfg,
            )
            losses = job.run(task, decaying(steps, learning_rate, ema), draw_samples(networks, latents))
            run = about_run("distilled", latents.source, steps, batch_size, learning_rate, seed)
            run |= {"student_steps": student_steps, "teacher_steps": teacher_steps, "cfg": cfg}
            metadata = history(model.weights, run, context)
            job.finish(
                losses, run, lambda path: write_parts(path, {Part.UNET: networks.unet}, networks.config, metadata)
            )
    return Model(ref_of(job, Part.UNET, context)), LossMap(job.losses()), job.told()
