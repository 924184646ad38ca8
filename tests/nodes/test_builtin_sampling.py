"""Sampling nodes on a tiny model: the same numbers by every way there is to ask for them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor

from graph.errors import Cancelled
from nodes.builtin import custom_sampling as custom
from nodes.builtin import guiders, samplers, schedulers
from nodes.builtin.sampling import ksampler, ksampler_advanced
from nodes.builtin.steps import begin_sampling, end_sampling, sampler_euler_step, sigma_at, unet_step
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.errors import UnsuitableInput
from nodes.sockets import Conditioning, Latent, Noise, ScaledLatent, Sigmas
from tests.nodes.loaded import Loaded, load_tiny

STEPS = 4
EMPTY = Latent(torch.zeros(1, 4, 4, 6))
PICTURE = Latent(torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(5)))
Ask = dict[str, Any]


def distance(one: Tensor, other: Tensor) -> float:
    """Norm of the difference over norm."""
    return float((one - other).norm() / other.norm())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def ask(tiny: Loaded) -> Ask:
    """What all sampling nodes have in common."""
    return {
        "model": tiny.model,
        "cfg": 4.0,
        "positive": tiny.prompt("a cat"),
        "negative": tiny.prompt(""),
        "context": tiny.context,
    }


@pytest.fixture(scope="module")
def whole(ask: Ask) -> Callable[..., Tensor]:
    """`KSampler`, with any input changed."""

    def sample(**changes: object) -> Tensor:
        inputs: Ask = {
            "seed": 3, "steps": STEPS, "sampler_name": "euler", "scheduler": "normal", "latent_image": EMPTY,
            **ask, **changes,
        }  # fmt: skip
        return ksampler(**inputs).samples

    return sample


# One result, many ways


def test_sampling_is_a_function_of_its_inputs(whole: Callable[..., Tensor], tiny: Loaded) -> None:
    result = whole()
    assert torch.equal(result, whole())
    assert not result.is_inference()
    for change in (
        {"seed": 4}, {"steps": 5}, {"cfg": 5.0}, {"scheduler": "karras"}, {"sampler_name": "heun"},
        {"positive": tiny.prompt("a dog")}, {"latent_image": PICTURE},
    ):  # fmt: skip
        assert not torch.equal(result, whole(**change))


@pytest.mark.parametrize("latent", [EMPTY, PICTURE], ids=["empty", "picture"])
@pytest.mark.parametrize("scheduler", ["normal", "karras", "simple"])
def test_a_loop_of_single_steps_equals_the_sampler_bit_for_bit(
    ask: Ask, whole: Callable[..., Tensor], tiny: Loaded, latent: Latent, scheduler: str
) -> None:
    sigmas = schedulers.basic_scheduler(model=tiny.model, scheduler=scheduler, steps=STEPS)
    x = begin_sampling(model=tiny.model, noise=Noise(3), sigma=sigma_at(sigmas=sigmas, index=0), latent_image=latent)
    for index in range(STEPS):
        sigma, sigma_next = (sigma_at(sigmas=sigmas, index=i) for i in (index, index + 1))
        denoised = unet_step(x=x, sigma=sigma, **ask)
        x = sampler_euler_step(x=x, denoised=denoised, sigma=sigma, sigma_next=sigma_next)
    by_hand = end_sampling(model=tiny.model, x=x, latent_image=latent)
    assert torch.equal(by_hand.samples, whole(scheduler=scheduler, latent_image=latent))


@pytest.mark.parametrize("sampler_name", ["euler", "dpmpp_2m", "euler_ancestral"])
def test_parts_put_together_equal_the_sampler(
    ask: Ask, whole: Callable[..., Tensor], tiny: Loaded, sampler_name: str
) -> None:
    sampler = samplers.ksampler_select(sampler_name=sampler_name)
    sigmas = schedulers.basic_scheduler(model=tiny.model, scheduler="normal", steps=STEPS)
    expected = whole(sampler_name=sampler_name)
    output, denoised = custom.sampler_custom(noise_seed=3, sampler=sampler, sigmas=sigmas, latent_image=EMPTY, **ask)
    assert torch.equal(output.samples, expected)
    assert torch.equal(denoised.samples, expected)
    guided = {name: ask[name] for name in ("model", "positive", "negative", "cfg")}
    advanced, _ = custom.sampler_custom_advanced(
        noise=custom.random_noise(noise_seed=3),
        guider=guiders.cfg_guider(**guided),
        sampler=sampler,
        sigmas=sigmas,
        latent_image=EMPTY,
        context=tiny.context,
    )
    assert torch.equal(advanced.samples, expected)


@pytest.mark.parametrize("cut", [1, 3])
def test_a_schedule_in_two_parts_equals_the_whole(ask: Ask, whole: Callable[..., Tensor], cut: int) -> None:
    common: Ask = {"noise_seed": 3, "steps": STEPS, "sampler_name": "euler", "scheduler": "normal", **ask}
    first = ksampler_advanced(
        add_noise="enable", latent_image=EMPTY, end_at_step=cut, return_with_leftover_noise="enable", **common
    )
    second = ksampler_advanced(
        add_noise="disable", latent_image=first, start_at_step=cut, return_with_leftover_noise="disable", **common
    )
    assert distance(second.samples, whole()) < 1e-5


@pytest.mark.parametrize(("leftover", "last"), [("enable", None), ("disable", 0.0)])
def test_stopping_early_leaves_noise_or_removes_it_at_once(
    ask: Ask, tiny: Loaded, leftover: Any, last: float | None
) -> None:
    sigmas = schedulers.basic_scheduler(model=tiny.model, scheduler="normal", steps=STEPS).values[:3].clone()
    if last is not None:
        sigmas[-1] = last
    sampler = samplers.ksampler_select(sampler_name="euler")
    expected, _ = custom.sampler_custom(noise_seed=3, sampler=sampler, sigmas=Sigmas(sigmas), latent_image=EMPTY, **ask)
    stopped = ksampler_advanced(
        add_noise="enable", noise_seed=3, steps=STEPS, sampler_name="euler", scheduler="normal", latent_image=EMPTY,
        end_at_step=2, return_with_leftover_noise=leftover, **ask,
    )  # fmt: skip
    assert torch.equal(stopped.samples, expected.samples)


def test_a_guider_of_one_prompt_is_a_cfg_of_one(ask: Ask, whole: Callable[..., Tensor], tiny: Loaded) -> None:
    result, _ = custom.sampler_custom_advanced(
        noise=Noise(3),
        guider=guiders.basic_guider(model=tiny.model, conditioning=ask["positive"]),
        sampler=samplers.ksampler_select(sampler_name="euler"),
        sigmas=schedulers.basic_scheduler(model=tiny.model, scheduler="normal", steps=STEPS),
        latent_image=EMPTY,
        context=tiny.context,
    )
    assert torch.equal(result.samples, whole(cfg=1.0))


# What a latent brings along


def test_one_noise_level_is_noise_and_no_step(ask: Ask) -> None:
    """As a schedule that is cut before its first step leaves it; who goes on without new noise has the whole picture."""
    sigmas = schedulers.basic_scheduler(model=ask["model"], scheduler="normal", steps=STEPS, denoise=1.0)
    first, rest = (Sigmas(part) for part in (sigmas.values[:1], sigmas.values))
    common = {"noise_seed": 3, "sampler": samplers.ksampler_select(sampler_name="euler"), **ask}
    noised, predicted = custom.sampler_custom(add_noise=True, sigmas=first, latent_image=PICTURE, **common)
    assert torch.equal(noised.samples, predicted.samples)
    assert noised.samples.std() > 10
    parts, _ = custom.sampler_custom(add_noise=False, sigmas=rest, latent_image=noised, **common)
    whole, _ = custom.sampler_custom(add_noise=True, sigmas=rest, latent_image=PICTURE, **common)
    assert distance(parts.samples, whole.samples) < 1e-5


def test_no_noise_is_a_source_of_noise_that_adds_none(ask: Ask, tiny: Loaded) -> None:
    sampler = samplers.ksampler_select(sampler_name="euler_ancestral")
    sigmas = schedulers.basic_scheduler(model=tiny.model, scheduler="normal", steps=STEPS)
    plain, _ = custom.sampler_custom(
        add_noise=False, noise_seed=0, sampler=sampler, sigmas=sigmas, latent_image=PICTURE, **ask
    )
    guided = {name: ask[name] for name in ("model", "positive", "negative", "cfg")}
    disabled, _ = custom.sampler_custom_advanced(
        noise=custom.disable_noise(), guider=guiders.cfg_guider(**guided), sampler=sampler, sigmas=sigmas,
        latent_image=PICTURE, context=tiny.context,
    )  # fmt: skip
    assert torch.equal(disabled.samples, plain.samples)


def test_each_latent_of_a_batch_is_what_it_is_alone(whole: Callable[..., Tensor]) -> None:
    batch = whole(latent_image=Latent(torch.zeros(3, 4, 4, 6)))
    alone = whole(latent_image=Latent(torch.zeros(1, 4, 4, 6), batch_index=(2,)))
    assert distance(alone, batch[2:]) < 1e-5
    assert distance(batch[:1], batch[1:2]) > 1e-2


def test_what_a_noise_mask_leaves_out_stays(whole: Callable[..., Tensor], ask: Ask) -> None:
    mask = torch.zeros(1, 4, 6)
    mask[:, :, 3:] = 1.0
    masked = replace(PICTURE, noise_mask=mask)
    result = whole(latent_image=masked)
    torch.testing.assert_close(result[..., :3], PICTURE.samples[..., :3], rtol=1e-4, atol=1e-4)
    assert float((result[..., 3:] - PICTURE.samples[..., 3:]).abs().mean()) > 0.05
    kept = ksampler(seed=3, steps=1, sampler_name="euler", scheduler="normal", latent_image=masked, denoise=0.5, **ask)
    assert kept.noise_mask is mask


def test_little_denoising_keeps_much_and_none_keeps_all(whole: Callable[..., Tensor]) -> None:
    distances = [
        float((whole(latent_image=PICTURE, denoise=denoise) - PICTURE.samples).norm()) for denoise in (0.0, 0.2, 1.0)
    ]
    assert distances[0] == 0.0
    assert 0.0 < distances[1] < distances[2]


def test_a_part_of_the_picture_can_have_its_own_prompt(ask: Ask, whole: Callable[..., Tensor], tiny: Loaded) -> None:
    other = tiny.prompt("a dog").entries[0]
    mask = torch.zeros(1, 4, 6)
    mask[:, :, 3:] = 1.0
    both = Conditioning((*ask["positive"].entries, replace(other, mask=mask)))
    assert not torch.equal(whole(positive=both), whole())


# While it runs


def test_progress_counts_steps_and_offers_pictures(ask: Ask, whole: Callable[..., Tensor], tiny: Loaded) -> None:
    with tiny.watched() as (context, progress):
        whole(context=context)
    assert progress.seen == [(step, STEPS) for step in range(STEPS + 1)]
    makers = [preview for preview in progress.previews if preview is not None]
    assert makers
    with Pillow.open(io.BytesIO(makers[0]())) as preview:
        assert (preview.format, preview.size) == ("JPEG", (48, 32))


def test_a_cancel_ends_it_within_one_step(whole: Callable[..., Tensor], tiny: Loaded) -> None:
    with tiny.watched(cancel_at=2) as (context, progress), pytest.raises(Cancelled):
        whole(context=context, steps=100)
    assert progress.seen[-1] == (2, 100)


# What cannot work


def test_a_prompt_of_another_family_is_refused(whole: Callable[..., Tensor], ask: Ask) -> None:
    entry = replace(ask["positive"].entries[0], embedding=torch.zeros(1, 77, 768))
    with pytest.raises(UnsuitableInput, match="width 24, not 768") as refused:
        whole(positive=Conditioning((entry,)))
    assert "CLIP of the same checkpoint" in (refused.value.hint or "")


def test_a_latent_of_another_family_is_refused(whole: Callable[..., Tensor]) -> None:
    with pytest.raises(UnsuitableInput, match="4 channels, not 16"):
        whole(latent_image=Latent(torch.ones(1, 16, 4, 4)))


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_an_empty_latent_of_any_channels_is_empty_in_the_models_own(
    whole: Callable[..., Tensor], channels: int
) -> None:
    assert torch.equal(whole(latent_image=Latent(torch.zeros(1, channels, 4, 6))), whole())
    untouched = whole(latent_image=Latent(torch.zeros(1, channels, 4, 6)), denoise=0.0)
    assert torch.equal(untouched, EMPTY.samples)


@pytest.mark.parametrize("style", ["regular", "nested"])
def test_a_third_prompt_of_another_family_is_refused(ask: Ask, tiny: Loaded, style: Any) -> None:
    wide = Conditioning((replace(ask["positive"].entries[0], embedding=torch.zeros(1, 77, 768)),))
    prompts = {"cond1": ask["positive"], "cond2": ask["positive"], "negative": ask["negative"]}
    prompts |= {"cond1" if style == "regular" else "negative": wide}
    with pytest.raises(UnsuitableInput, match="width 24, not 768"):
        custom.sampler_custom_advanced(
            noise=Noise(3),
            guider=guiders.dual_cfg_guider(model=tiny.model, style=style, **prompts),
            sampler=samplers.ksampler_select(sampler_name="euler"),
            sigmas=schedulers.basic_scheduler(model=tiny.model, scheduler="normal", steps=STEPS),
            latent_image=EMPTY,
            context=tiny.context,
        )


def test_a_result_that_is_not_finite_is_a_failure(whole: Callable[..., Tensor]) -> None:
    with pytest.raises(UnsuitableInput, match="the latent after step 1 of 4 holds NaN") as failed:
        whole(latent_image=Latent(torch.full((1, 4, 4, 4), 3e38)))
    assert failed.value.code == "not_finite"


@pytest.mark.parametrize("index", [5, -6])
def test_a_sigma_that_is_not_there_is_named(index: int) -> None:
    with pytest.raises(UnsuitableInput, match="5 values"):
        sigma_at(sigmas=Sigmas(torch.arange(5.0)), index=index)


def test_no_step_starts_without_noise() -> None:
    x = ScaledLatent(torch.zeros(1, 4, 2, 2))
    with pytest.raises(UnsuitableInput, match="sigma 0"):
        sampler_euler_step(x=x, denoised=x, sigma=0.0, sigma_next=0.0)


@pytest.mark.parametrize("sampler_name", SAMPLERS)
def test_every_sampler_arrives_somewhere_finite(whole: Callable[..., Tensor], sampler_name: str) -> None:
    result = whole(sampler_name=sampler_name, scheduler="karras", steps=3)
    assert result.shape == EMPTY.samples.shape
    assert torch.equal(result, whole(sampler_name=sampler_name, scheduler="karras", steps=3))
