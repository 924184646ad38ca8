"""Measuring a model: its autoencoder on pictures, its diffusion model on pictures it has not been trained on."""

from __future__ import annotations

import torch

from graph.context import Context
from graph.declare import node
from graph.result import Report
from nodes.builtin.ranges import BatchSize
from nodes.diffusion.training.reconstruction import psnr
from nodes.errors import UnsuitableInput
from nodes.models import Models
from nodes.sockets import Clip, Dataset, Image, LatentDataset, Model, Vae
from nodes.training.autoencoder import reconstructed
from nodes.training.measuring import prediction_errors
from nodes.training.pixels import to_pixels
from nodes.training_parts import networks_to_train, vae_to_train

_CATEGORY = "training/evaluation"
_SHOWN = 8


@node(
    "EvaluateVAE", display_name="Evaluate VAE", category=_CATEGORY, returns=("psnr", "psnr_low", "IMAGE"), lane="device"
)
def evaluate_vae(
    *, vae: Vae, dataset: Dataset, number: BatchSize = 64, context: Context
) -> tuple[float, float, Image, Report]:
    """How well pictures survive the autoencoder: PSNR in dB, the mean and the 10th percentile, and some pictures above what
    became of them. Use a dataset it was not trained on."""
    count = min(number, dataset.source.count)
    module = vae_to_train(vae, context)
    device = Models.of(context).device(vae.weights)
    qualities, pairs = [], torch.empty(0)
    for start in range(0, count, _SHOWN):
        context.progress(start, count)
        pixels = to_pixels(dataset.source.pictures(range(start, min(start + _SHOWN, count))))
        with torch.no_grad():
            made = reconstructed(module, pixels.to(device)).cpu()
        qualities.append(psnr(made, pixels))
        if start == 0:
            pairs = torch.cat([pixels, made.clamp(-1, 1)])
    quality = torch.cat(qualities)
    mean, low = float(quality.mean()), float(quality.quantile(0.1))
    image = Image(((pairs + 1) / 2).movedim(1, -1).contiguous())
    return mean, low, image, Report(text=(f"PSNR {mean:.2f} dB, 10th percentile {low:.2f} dB ({count} pictures)",))


@node(
    "EvaluateDiffusionModel",
    display_name="Evaluate Diffusion Model",
    category=_CATEGORY,
    returns=("loss", "loss_noisy"),
    lane="device",
)
def evaluate_diffusion_model(
    *, model: Model, clip: Clip, latents: LatentDataset, context: Context
) -> tuple[float, float, Report]:
    """The unweighted error of what a model predicts, at fixed noise and timesteps: over all, and over the noisier half.

    It compares models over one autoencoder; use latents of pictures they were not trained on.
    """
    if latents.source.count < 4:
        raise UnsuitableInput("every timestep is seen in four pictures or more", hint="Use more pictures.")
    networks = networks_to_train(model, clip, latents, context)
    captions = [latents.source.full_caption(index) for index in range(latents.source.count)]
    errors = prediction_errors(networks, latents.latents, captions, context.progress)
    loss, noisy = float(errors.mean()), float(errors[len(errors) // 2 :].mean())
    return loss, noisy, Report(text=(f"loss {loss:.4f}, noisier half {noisy:.4f} ({latents.source.count} pictures)",))
