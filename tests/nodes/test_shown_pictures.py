"""Models that are shown pictures: what unCLIP, the x4 upscaler and editing models are given, and whole runs of tiny ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from graph.errors import GraphError
from graph.result import Blocked
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.model_saving import model_save
from nodes.builtin.unclip import unclip_checkpoint_loader, unclip_conditioning
from nodes.builtin.upscale_diffusion import sd_4x_upscale_conditioning
from nodes.builtin.vae import instruct_pix_to_pix_conditioning, vae_decode
from nodes.diffusion.clip_vision import ClipVision as VisionNetwork
from nodes.diffusion.clip_vision import ClipVisionConfig, VisionEncoding
from nodes.diffusion.conditioning import ConcatImage, ConditioningEntry, PictureHint
from nodes.diffusion.config import SD21_UNCLIP_H, SD_X4_UPSCALER, ContinuousNoise, ModelConfig, ScheduleConfig
from nodes.diffusion.inputs import Canvas, network_inputs
from nodes.diffusion.noise_augmentation import noised_embeddings, noised_low_resolution
from nodes.diffusion.resize import resize_cropped
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.unclip import EmbeddingStatistics, unclip_label
from nodes.models import Models
from nodes.sockets import ClipVision, ClipVisionOutput, Image, Latent, Model, Vae
from nodes.weights.clip_visions import openclip_vision_names
from nodes.weights.embedding_statistics import KEYS
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import tiny_tensors
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.tiny import MODEL, UNET_LINEAR, VAE, fill

DIFFUSERS: Any = diffusers
WIDTH = 8
UNCLIP = replace(MODEL, family="tiny unclip", unet=replace(UNET_LINEAR, adm_in_channels=2 * WIDTH), label="picture")
UPSCALER = replace(
    MODEL,
    family="tiny upscaler",
    unet=replace(
        UNET_LINEAR, in_channels=7, num_classes=1000, transformer_depth=(0, 1), disable_self_attentions=(True, True)
    ),
    vae=replace(VAE, ch_mult=(1, 2, 2)),
    schedule=SD_X4_UPSCALER.schedule,
    label="noise",
)
SEEDS_APART = 10  # of the noise on pictures and the run's own
CANVAS = Canvas(torch.zeros(2, 4, 6, 8), seed=7)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def entry(**settings: Any) -> ConditioningEntry:
    return ConditioningEntry(noise(1, 7, 24), **settings)


# Noise on pictures


def test_the_noise_of_embeddings_is_that_of_the_published_pipeline() -> None:
    theirs = DIFFUSERS.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    clean, drawn = noise(2, WIDTH), torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(3))
    for level in (0, 1, 500, 998):
        got = noised_embeddings(clean, level, torch.Generator().manual_seed(3))
        torch.testing.assert_close(got, theirs.add_noise(clean, drawn, torch.tensor([level])), rtol=1e-4, atol=1e-5)


def test_the_noise_of_small_pictures_is_that_of_the_published_pipeline() -> None:
    theirs = DIFFUSERS.DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.0001, beta_end=0.02)
    clean, drawn = noise(1, 3, 4, 4), torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    for level in (1, 20, 350):
        got = noised_low_resolution(clean, level, 3 + SEEDS_APART)
        torch.testing.assert_close(got, theirs.add_noise(clean, drawn, torch.tensor([level])), rtol=1e-4, atol=1e-5)


def test_the_schedule_of_the_upscaler_is_that_of_the_published_pipeline() -> None:
    theirs = DIFFUSERS.DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.0001, beta_end=0.02)
    sigmas = noise_schedule(SD_X4_UPSCALER.schedule).sigmas
    torch.testing.assert_close(1 / (1 + sigmas**2), theirs.alphas_cumprod, rtol=1e-4, atol=1e-6)


# unCLIP


def test_the_label_is_the_embedding_and_its_noise_level() -> None:
    theirs = DIFFUSERS.pipelines.stable_diffusion.stable_unclip_image_normalizer.StableUnCLIPImageNormalizer(WIDTH)
    mean, deviation = noise(WIDTH), noise(WIDTH, seed=1).abs() + 0.5
    theirs.mean.data, theirs.std.data = mean[None], deviation[None]
    seen, level = noise(1, WIDTH, seed=2), round(999 * 0.3)
    drawn = torch.randn(1, WIDTH, generator=torch.Generator().manual_seed(11 - SEEDS_APART))
    scheduler = DIFFUSERS.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    noised = theirs.unscale(scheduler.add_noise(theirs.scale(seen), drawn, torch.tensor([level])))
    told = DIFFUSERS.models.embeddings.get_timestep_embedding(
        torch.tensor([level]), WIDTH, flip_sin_to_cos=True, downscale_freq_shift=0
    )
    got = unclip_label((PictureHint(seen, 1.0, 0.3),), 2 * WIDTH, 11, EmbeddingStatistics(mean, deviation))
    torch.testing.assert_close(got, torch.cat([noised, told], dim=1), rtol=1e-4, atol=1e-4)


def test_pictures_add_up_at_their_strengths() -> None:
    one, two = noise(1, WIDTH), noise(1, WIDTH, seed=1)
    alone = [unclip_label((PictureHint(seen),), 2 * WIDTH, 5) for seen in (one, two)]
    assert torch.equal(unclip_label((), 2 * WIDTH, 5), torch.zeros(1, 2 * WIDTH))
    torch.testing.assert_close(unclip_label((PictureHint(one, -2.0),), 2 * WIDTH, 5), -2.0 * alone[0])
    batch = unclip_label((PictureHint(torch.cat([one, two])),), 2 * WIDTH, 5)
    chained = unclip_label((PictureHint(one), PictureHint(two)), 2 * WIDTH, 5)
    assert torch.equal(batch, chained)


@pytest.mark.parametrize("merged_noise", [0.0, 0.05])
def test_several_pictures_are_each_noised_alike_and_their_sum_once_more(merged_noise: float) -> None:
    """With the noise that follows that of the last picture, to a level that is the model's own; as the reference does."""
    one, two = noise(1, WIDTH), noise(1, WIDTH, seed=1)
    hints = (PictureHint(one, 0.5, 0.2), PictureHint(two, 0.25))
    alone = [unclip_label((hint,), 2 * WIDTH, 5)[:, :WIDTH] for hint in hints]
    generator = torch.Generator().manual_seed((5 - SEEDS_APART) % 2**64)
    torch.randn(1, WIDTH, generator=generator)
    level = round(999 * merged_noise)
    expected = noised_embeddings(alone[0] + alone[1], level, generator)
    told = DIFFUSERS.models.embeddings.get_timestep_embedding(
        torch.tensor([level]), WIDTH, flip_sin_to_cos=True, downscale_freq_shift=0
    )
    got = unclip_label(hints, 2 * WIDTH, 5, merged_noise=merged_noise)
    torch.testing.assert_close(got, torch.cat([expected, told], dim=1), rtol=1e-4, atol=1e-5)


def test_sdxl_takes_pictures_in_the_place_of_its_pooled_prompt() -> None:
    sdxl = replace(MODEL, family="tiny xl", unet=replace(UNET_LINEAR, adm_in_channels=WIDTH + 6 * 256))
    hint = PictureHint(noise(1, WIDTH), 0.7, 0.3)
    labels = {}
    for name, pictures in (("prompt", ()), ("pictures", (hint,)), ("both", (hint, hint))):
        given = network_inputs(sdxl, entry(pooled=noise(1, WIDTH, seed=9), pictures=pictures), CANVAS, "positive").y
        assert given is not None
        labels[name] = given
    assert torch.equal(labels["prompt"][:, :WIDTH], noise(1, WIDTH, seed=9))
    assert torch.equal(labels["pictures"][:, :WIDTH], unclip_label((hint,), 2 * WIDTH, 7)[:, :WIDTH])
    merged = unclip_label((hint, hint), 2 * WIDTH, 7, merged_noise=0.0)[:, :WIDTH]
    assert torch.equal(labels["both"][:, :WIDTH], merged)
    assert torch.equal(labels["prompt"][:, WIDTH:], labels["pictures"][:, WIDTH:])


def test_an_unclip_model_is_given_the_label_and_zeros_without_pictures() -> None:
    seen = PictureHint(noise(1, WIDTH))
    given = network_inputs(UNCLIP, entry(pictures=(seen,)), CANVAS, "positive").y
    assert given is not None
    assert torch.equal(given, unclip_label((seen,), 2 * WIDTH, 7))
    without = network_inputs(UNCLIP, entry(), CANVAS, "negative").y
    assert without is not None
    assert not bool(without.any())
    assert network_inputs(MODEL, entry(pictures=(seen,)), CANVAS, "positive").y is None


VISION = ClipVisionConfig(
    hidden_size=64, intermediate_size=128, num_hidden_layers=2, patch_size=4, image_size=8, projection_dim=WIDTH,
    hidden_act="gelu",
)  # fmt: skip


def write(tiny: Loaded, name: str, config: ModelConfig, extra: dict[str, torch.Tensor] | None = None) -> str:
    path = tiny.model.weights.path.with_name(name)
    save_file({**tiny_tensors(config), **(extra or {})}, path, metadata={"config": write_config(config)})
    return name


def vision_tensors(prefix: str) -> dict[str, torch.Tensor]:
    """The tensors of a tiny vision tower under OpenCLIP's names."""
    found: dict[str, dict[int, torch.Tensor]] = {}
    for name, one in fill(VisionNetwork(VISION), 4).state_dict().items():
        (source,) = openclip_vision_names(name)
        found.setdefault(prefix + source.key, {})[source.third or 0] = one.t() if source.transpose else one
    return {key: torch.cat([parts[i] for i in sorted(parts)]).contiguous() for key, parts in found.items()}


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    return load_tiny(tmp_path)


def test_an_unclip_checkpoint_brings_its_eyes_and_is_guided_by_them(tiny: Loaded) -> None:
    statistics = dict(zip(KEYS, (noise(1, WIDTH), noise(1, WIDTH).abs() + 0.5), strict=True))
    name = write(tiny, "unclip.safetensors", UNCLIP, {**vision_tensors("embedder.model.visual."), **statistics})
    model, _, _, vision = unclip_checkpoint_loader(ckpt_name=name, context=tiny.context)
    assert isinstance(model, Model)
    assert isinstance(vision, ClipVision)
    assert vision.network.config == VISION
    found = Models.of(tiny.context).statistics(model.weights)
    assert found is not None
    assert torch.equal(found.mean, statistics[KEYS[0]][0])
    (saved,) = model_save(model=model, context=tiny.context).files
    assert {name: one.tolist() for name, one in load_file(saved.path).items() if name in KEYS} == {
        name: one.tolist() for name, one in statistics.items()
    }
    seen = ClipVisionOutput(VisionEncoding(noise(1, WIDTH), noise(1, 5, 64), noise(1, 5, 64)))
    prompt = tiny.prompt("a cat")
    guided = unclip_conditioning(conditioning=prompt, clip_vision_output=seen, noise_augmentation=0.2)
    assert unclip_conditioning(conditioning=prompt, clip_vision_output=seen, strength=0.0) is prompt
    latent = Latent(torch.zeros(1, 4, 8, 8))
    results = [tiny.sampled(one, latent, negative=prompt, model=model).samples for one in (guided, prompt, guided)]
    assert torch.equal(results[0], results[2])
    assert not torch.allclose(results[0], results[1])


def test_an_unclip_checkpoint_without_eyes_is_blocked_there_alone(tiny: Loaded) -> None:
    name = write(tiny, "unclip.safetensors", UNCLIP)
    model, _, _, vision = unclip_checkpoint_loader(ckpt_name=name, context=tiny.context)
    assert isinstance(model, Model)
    assert isinstance(vision, Blocked)
    assert Models.of(tiny.context).statistics(model.weights) is None


def test_pictures_of_another_tower_are_refused(tiny: Loaded) -> None:
    model, *_ = unclip_checkpoint_loader(ckpt_name=write(tiny, "u.safetensors", UNCLIP), context=tiny.context)
    assert isinstance(model, Model)
    seen = ClipVisionOutput(VisionEncoding(noise(1, 12), noise(1, 5, 64), noise(1, 5, 64)))
    guided = unclip_conditioning(conditioning=tiny.prompt("a cat"), clip_vision_output=seen)
    with pytest.raises(GraphError, match="as 8 numbers, not 12"):
        tiny.sampled(guided, Latent(torch.zeros(1, 4, 8, 8)), negative=guided, model=model)


# The x4 upscaler


@pytest.mark.parametrize(("noise_augmentation", "level"), [(0.0, 0), (0.1, 35), (1.0, 350)])
def test_the_upscaler_is_shown_the_small_picture_and_told_its_noise(noise_augmentation: float, level: int) -> None:
    pixels = noise(1, 3, 6, 8)
    given = network_inputs(
        UPSCALER, entry(concat=ConcatImage(pixels, noise_augmentation=noise_augmentation)), CANVAS, "positive"
    )
    assert given.y is not None
    assert given.concat is not None
    assert given.y.tolist() == [level, level]
    expected = noised_low_resolution(pixels, level, 7) if level else pixels
    torch.testing.assert_close(given.concat, expected.expand(2, -1, -1, -1))
    grey = network_inputs(UPSCALER, entry(), CANVAS, "positive").concat
    assert grey is not None
    assert grey.shape == (2, 3, 6, 8)
    assert not bool(grey.any())


@pytest.mark.parametrize(("ratio", "size"), [(4.0, (12, 16)), (2.0, (6, 8)), (0.0, (1, 1)), (2.5, (7, 10))])
def test_the_latent_of_the_upscaler_is_of_the_enlarged_picture(
    tiny: Loaded, ratio: float, size: tuple[int, int]
) -> None:
    prompt, image = tiny.prompt("a cat"), Image(noise(2, 12, 16, 4).clamp(0, 1))
    positive, negative, latent = sd_4x_upscale_conditioning(
        images=image, positive=prompt, negative=prompt, scale_ratio=ratio, noise_augmentation=0.25
    )
    assert latent.samples.shape == (2, 4, *size)
    for side in (positive, negative):
        shown = side.entries[0].concat
        assert shown is not None
        assert shown.noise_augmentation == 0.25
        wanted = resize_cropped(image.pixels[..., :3].movedim(-1, 1) * 2 - 1, size[1], size[0], "bilinear")
        torch.testing.assert_close(shown.latent, wanted)


def test_a_small_picture_becomes_one_four_times_as_large(tiny: Loaded) -> None:
    name = write(tiny, "x4.safetensors", UPSCALER)
    model, _, vae = checkpoint_loader_simple(ckpt_name=name, context=tiny.context)
    assert isinstance(model, Model)
    assert isinstance(vae, Vae)
    prompt = tiny.prompt("a cat")
    results = []
    for amount, seed in ((0.0, 0), (0.0, 1), (0.5, 0)):
        image = Image(noise(1, 8, 12, 3, seed=seed).sigmoid())
        positive, negative, latent = sd_4x_upscale_conditioning(
            images=image, positive=prompt, negative=prompt, noise_augmentation=amount
        )
        out = tiny.sampled(positive, latent, negative=negative, model=model)
        results.append(vae_decode(samples=out, vae=vae, context=tiny.context).pixels)
    assert {one.shape for one in results} == {(1, 32, 48, 3)}
    assert not torch.allclose(results[0], results[1])
    assert not torch.allclose(results[0], results[2])


def test_a_picture_for_another_kind_of_model_is_refused(tiny: Loaded) -> None:
    model, *_ = checkpoint_loader_simple(ckpt_name=write(tiny, "x4.safetensors", UPSCALER), context=tiny.context)
    assert isinstance(model, Model)
    prompt = tiny.prompt("a cat")
    wrong, _, latent = instruct_pix_to_pix_conditioning(
        positive=prompt, negative=prompt, vae=tiny.vae, pixels=Image(torch.rand(1, 32, 32, 3)), context=tiny.context
    )
    with pytest.raises(GraphError, match="pictures of 3 channels, not 4"):
        tiny.sampled(wrong, latent, negative=wrong, model=model)


# Editing by instruction


@pytest.mark.parametrize("continuous", [None, ContinuousNoise(0.002, 120.0)])
def test_the_picture_to_be_edited_is_plain_or_scaled_as_its_model_was_trained(
    continuous: ContinuousNoise | None,
) -> None:
    config = replace(
        MODEL, unet=replace(UNET_LINEAR, in_channels=8), schedule=ScheduleConfig(prediction="v", continuous=continuous)
    )
    picture = noise(1, 4, 6, 8)
    given = network_inputs(config, entry(concat=ConcatImage(picture)), CANVAS, "positive").concat
    assert given is not None
    scale = 1.0 if continuous is None else config.scale_factor
    torch.testing.assert_close(given, (picture * scale).expand(2, -1, -1, -1))


def test_an_editing_model_runs(tiny: Loaded) -> None:
    config = replace(MODEL, family="tiny edit", unet=replace(UNET_LINEAR, in_channels=8))
    model, *_ = checkpoint_loader_simple(ckpt_name=write(tiny, "edit.safetensors", config), context=tiny.context)
    assert isinstance(model, Model)
    prompt = tiny.prompt("make it blue")
    results = []
    for seed in (0, 1):
        positive, negative, latent = instruct_pix_to_pix_conditioning(
            positive=prompt,
            negative=prompt,
            vae=tiny.vae,
            pixels=Image(noise(1, 32, 32, 3, seed=seed).sigmoid()),
            context=tiny.context,
        )
        assert not bool(latent.samples.any())
        results.append(tiny.sampled(positive, latent, negative=negative, model=model).samples)
    assert not torch.allclose(results[0], results[1])


def test_families_are_told_what_they_are_labelled_with() -> None:
    assert (SD21_UNCLIP_H.label, SD21_UNCLIP_H.unet.adm_in_channels, SD21_UNCLIP_H.schedule.prediction) == (
        "picture", 2048, "v",
    )  # fmt: skip
    assert SD_X4_UPSCALER.vae.downscale == 4
