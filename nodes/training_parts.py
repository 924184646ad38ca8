"""Models under training, as nodes have them: modules of their own from handles, handles from what was trained, and the
pictures that show how far it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import torch
from PIL import Image as Pillow
from torch import Tensor, nn

from graph.context import Context
from graph.json import JsonObject
from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.config import ModelConfig, SamplerDefaults
from nodes.diffusion.training.whitening import fold_whitening
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae as VaeModule
from nodes.errors import UnsuitableInput
from nodes.folders import Folders
from nodes.memory.policy import DevicePolicy
from nodes.models import Models
from nodes.sockets import Clip, Dataset, LatentDataset, Model, Vae
from nodes.training.autoencoder import BLOCK, reconstructed
from nodes.training.captioned_latents import Networks
from nodes.training.drawing import sampled_latents
from nodes.training.export import colours_of_latents
from nodes.training.history import after
from nodes.training.pixels import Pictures, in_batches, to_image, to_pixels
from nodes.training.precision import TrainingDtype
from nodes.training.sources import PictureSource
from nodes.training_data.contact_sheet import sheet
from nodes.training_jobs import DrawSamples, TrainingJob
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, load_part
from nodes.weights.networks import TaesdRef
from nodes.weights.patched import load_patched

_SHOWN: Final = 6
_SHOWN_STEPS: Final = 12
_WHITENED_OVER: Final = 256
_LEAST_WHITENED_OVER: Final = 8
_WHITENED_PIXELS: Final = 256 * 256**2
"""Pictures that an autoencoder is whitened over, fewer where they are large: at most so many pixels, but some."""
_DISTILLED: Final = SamplerDefaults(sampler="euler", scheduler="simple", cfg=1.0)


@dataclass(frozen=True, slots=True)
class Crops:
    """The settings of an autoencoder's task: a `CropSettings`."""

    batch: int
    crop: int
    picture_size: int
    decoder_only: bool
    seed: int
    dtype: TrainingDtype


def networks_to_train(
    model: Model, clip: Clip, latents: LatentDataset, context: Context, sampled_in: int | None = None
) -> Networks:
    """Modules of our own of a model and its text encoder, with what is laid over them worked in.

    `sampled_in` is how many steps the result takes where that is not the model's own habit. Raises `UnsuitableInput` for
    models that take more than one text encoder's output or are not sampled as they are, and for latents of other channels.
    """
    config, models = model.config, Models.of(context)
    if len(config.text) > 1 or config.unet.adm_in_channels is not None:
        raise UnsuitableInput(f"a {config.family} model is not trained whole here", hint="Train a LoRA for it.")
    if model.hypernetworks or model.patches:
        hint = "Take hypernetworks and patches of the model off; lay them over what comes of it."
        raise UnsuitableInput("what is laid over how this model is sampled cannot be trained into it", hint=hint)
    if latents.latents.shape[1] != config.unet.in_channels:
        raise UnsuitableInput(f"a {config.family} model takes {config.unet.in_channels} channels of latents")
    side = latents.source.size
    config = replace(config, text=clip.towers[0].config.text[:1], native_size=(side, side))
    if latents.preview_rgb is not None:
        config = replace(config, preview_rgb=latents.preview_rgb)
    if sampled_in is not None:
        config = replace(config, defaults=replace(_DISTILLED, steps=sampled_in))
    tower = models.located_weights(clip.towers[0])
    text = load_patched(tower, models.located(clip.adapters), torch.float32, torch.float32)
    text = text.to(models.device(model.weights))
    unet = unet_to_train(model, context)
    return Networks(config, unet, cast("TextEncoder", text), models.tokenizer(tower), clip.layer)


def unet_to_train(model: Model, context: Context) -> UNet:
    """A U-Net of our own in float32, laid out as convolutions in bfloat16 are quickest on."""
    models = Models.of(context)
    ref = models.located_weights(model.weights)
    module = load_patched(ref, models.located(model.adapters), torch.float32, torch.float32)
    module = module.to(models.device(model.weights))
    return cast("UNet", module.to(memory_format=torch.channels_last))  # type: ignore[call-overload]


def vae_to_train(vae: Vae, context: Context) -> VaeModule:
    """An autoencoder of our own in float32. Raises `UnsuitableInput` for a tiny one."""
    if not isinstance(vae.weights, WeightsRef):
        raise UnsuitableInput("a tiny autoencoder is not trained here", hint="Use the VAE of a checkpoint.")
    models = Models.of(context)
    module = load_part(models.located_weights(vae.weights), torch.float32).module
    return cast("VaeModule", module.to(models.device(vae.weights)))


def ref_of(job: TrainingJob, part: Part, context: Context) -> WeightsRef:
    """A part of what a run made."""
    return WeightsRef(job.result, context.service(Folders).digest(job.result), part, job.config())


def about_run(
    kind: str, source: PictureSource, steps: int, batch_size: int, learning_rate: float, seed: int
) -> JsonObject:
    """What every run tells of itself, in its folder and in the file that comes of it."""
    return {
        "kind": kind,
        "side": source.size,
        "pictures": source.count,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }


def history(weights: WeightsRef | TaesdRef, run: JsonObject, context: Context) -> dict[str, str]:
    """What the file says that comes of a run on a part: metadata. `weights` is the handle that the run began from."""
    return after(Models.of(context).located_weights(weights), run) if isinstance(weights, WeightsRef) else {}


def computed_in(wanted: TrainingDtype, context: Context) -> TrainingDtype:
    """float32 where the device has no instructions for bfloat16: without them that takes ten times as long."""
    return wanted if context.service(DevicePolicy).bf16 else "fp32"


def crops_of(dataset: Dataset, batch: int, crop: int, seed: int, dtype: TrainingDtype, *, decoder_only: bool) -> Crops:
    """Crops from a dataset's pictures, half of which are halved first where that leaves enough of them."""
    half = dataset.source.size // 2
    return Crops(batch, crop, half if half >= crop else dataset.source.size, decoder_only, seed, dtype)


def blocks_of(dataset: Dataset) -> Callable[[int], Pictures]:
    """The pictures of a numbered block; after the last picture comes the first again."""
    source = dataset.source
    length = min(BLOCK, source.count)
    return lambda number: source.pictures([(number * length + place) % source.count for place in range(length)])


@torch.no_grad()
def finish_autoencoder(module: VaeModule, config: ModelConfig, dataset: Dataset, *, whiten: bool) -> ModelConfig:
    """Whiten the latents of a trained autoencoder if wanted; returns the configuration with the colours of its latents."""
    device, side = next(module.parameters()).device, dataset.source.size
    shown = min(_WHITENED_OVER, max(_LEAST_WHITENED_OVER, _WHITENED_PIXELS // side**2), dataset.source.count)
    pixels = to_pixels(dataset.source.pictures(range(shown))).to(device)
    module.eval()
    if whiten:
        latents = torch.cat([module.encode(part).mode() for part in in_batches(pixels, 8)])
        deviation, mean = torch.std_mean(latents, dim=(0, 2, 3))
        fold_whitening(module, mean, deviation.clamp(min=1e-4), config.scale_factor)
    colours = colours_of_latents(module, config.scale_factor, pixels[:64])
    return replace(config, preview_rgb=colours, native_size=(side, side))


def draw_reconstructions(module: VaeModule, dataset: Dataset) -> DrawSamples:
    """Pictures above what the autoencoder makes of them."""
    shown = range(min(_SHOWN, dataset.source.count))

    def draw() -> Pillow.Image:
        pixels = to_pixels(dataset.source.pictures(shown)).to(next(module.parameters()).device)
        with torch.no_grad():
            made = reconstructed(module, pixels)
        pictures = [to_image(one.cpu()) for one in (*pixels, *made)]
        return sheet(pictures, [""] * len(pictures), len(shown))

    return draw


def draw_samples(networks: Networks, latents: LatentDataset) -> DrawSamples:
    """A few captions of the dataset drawn with few steps, in the rough colours of latents."""
    source = latents.source
    captions = [source.full_caption(index) for index in range(min(_SHOWN, source.count))]

    def draw() -> Pillow.Image:
        with torch.no_grad():
            drawn = sampled_latents(networks, captions, latents.latents.shape[2:], 0, steps=_SHOWN_STEPS)
        pictures = [rough_picture(one, latents.preview_rgb) for one in drawn.cpu()]
        return sheet(pictures, captions, 3)

    return draw


def rough_picture(latent: Tensor, colours: Sequence[Sequence[float]] | None) -> Pillow.Image:
    """One scaled latent [C, h, w] as a picture of eight pixels a cell."""
    rgb = torch.tensor(colours) if colours is not None else torch.full((len(latent), 3), 0.3)
    pixels = torch.einsum("chw,cr->rhw", latent.float(), rgb)
    enlarged = nn.functional.interpolate(pixels[None], scale_factor=8, mode="bilinear")[0]
    return to_image(enlarged)
