"""A run on a card: latents, prompts and networks are there, sigmas here; nothing mixes them, and nothing is fetched back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
import torch

from nodes.diffusion.conditioning import Area, AreaShare, ConcatImage, ConditioningEntry, Grounding, moved
from nodes.diffusion.config import ModelConfig, Prediction, ScheduleConfig
from nodes.diffusion.control import ControlHint
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.diffusion.gligen import Gligen, GligenConfig, TextBox
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import Run, diffusion_model, sample
from tests.nodes.one_device import CARD, one_device
from tests.nodes.test_network_patches import CHANGING
from tests.nodes.test_shown_pictures import UPSCALER
from tests.nodes.tiny import MODEL, UNET, UNET_LABELLED, tiny_unet

ON_CARD: Final = torch.device(CARD)
LATENT: Final = torch.zeros(2, 4, 12, 16, device=ON_CARD)
MASK: Final = torch.rand(1, 96, 128)
# Draws on the card, or looks at its own results: more than a stand-in can do.
NEEDS_A_REAL_ONE: Final = {"dpm_adaptive", *(name for name in SAMPLERS if name.endswith("_gpu"))}


def entry(**settings: Any) -> ConditioningEntry:
    return ConditioningEntry(torch.randn(1, 5, 24), **settings)


def expect_at_home(config: ModelConfig = MODEL, positive: ConditioningEntry | None = None, **settings: Any) -> None:
    control, boxes = ControlNet(ControlNetConfig("tiny", UNET)), Gligen(GligenConfig(UNET, 24, "tiny"))
    unet = tiny_unet(config.unet)
    for network in (unet, control, boxes):
        network.eval().to(ON_CARD)
    model = diffusion_model(config, unet, {"net": control}, groundings={"boxes": boxes})
    run = Run(
        model=model,
        positive=(moved(positive or entry(), ON_CARD), moved(entry(pooled=torch.randn(1, 24)), ON_CARD)),
        negative=(moved(entry(pooled=torch.randn(1, 24)), ON_CARD),),
        cfg=4.0,
        sampler=SAMPLERS["euler"],
        sigmas=torch.tensor([6.0, 2.0, 1.0, 0.0]),
        latent=LATENT,
        noise=torch.randn(LATENT.shape).to(ON_CARD),
        seed=3,
    )
    with torch.inference_mode(), one_device():
        steps = list(sample(replace(run, **settings)))
    assert {one.device for step in steps for one in (step.x, step.denoised, *step.carry)} == {ON_CARD}


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - NEEDS_A_REAL_ONE))
def test_a_sampler(name: str) -> None:
    expect_at_home(sampler=SAMPLERS[name])


@pytest.mark.parametrize("name", CHANGING)
def test_a_patch(name: str) -> None:
    expect_at_home(patches=(CHANGING[name],))


@pytest.mark.parametrize("prediction", ["eps", "v", "edm", "x0", "lcm", "edit"])
def test_a_prediction(prediction: Prediction) -> None:
    expect_at_home(replace(MODEL, schedule=ScheduleConfig(prediction=prediction)))


def test_a_noise_mask() -> None:
    expect_at_home(noise_mask=MASK.to(ON_CARD))


@pytest.mark.parametrize(
    "prompt",
    [
        entry(area=Area(6, 8, 2, 3)),
        entry(area=AreaShare(0.5, 0.5, 0.2, 0.2)),
        entry(mask=MASK),
        entry(token_bias=torch.zeros(3)),
        entry(controls=(ControlHint("net", torch.rand(1, 96, 128, 3)),)),
        entry(grounding=Grounding("boxes", (TextBox(torch.randn(1, 24), 4, 4, 0, 0),))),
    ],
    ids=["area", "share", "mask", "bias", "control", "boxes"],
)
def test_a_prompt(prompt: ConditioningEntry) -> None:
    expect_at_home(positive=prompt)


@pytest.mark.parametrize(
    ("config", "prompt"),
    [
        (replace(MODEL, unet=replace(UNET, in_channels=9)), entry(concat=ConcatImage(torch.randn(1, 4, 6, 8), MASK))),
        (replace(MODEL, unet=replace(UNET, in_channels=8)), entry(concat=ConcatImage(torch.randn(1, 4, 12, 16)))),
        (UPSCALER, entry(concat=ConcatImage(torch.randn(1, 3, 12, 16), noise_augmentation=0.3))),
        (
            replace(MODEL, unet=replace(UNET_LABELLED, adm_in_channels=24 + 6 * 256)),
            entry(pooled=torch.randn(1, 24)),
        ),
    ],
    ids=["inpainting", "editing", "upscaling", "labelled"],
)
def test_a_model_that_is_shown_more(config: ModelConfig, prompt: ConditioningEntry) -> None:
    expect_at_home(config, prompt)
