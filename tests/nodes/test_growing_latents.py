"""LCM sampling of a latent that grows: sizes, noise of the size there is, and what cannot follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from graph.errors import GraphError
from nodes.builtin.conditioning import conditioning_set_area
from nodes.builtin.custom_sampling import sampler_custom
from nodes.builtin.samplers import sampler_lcm_upscale
from nodes.builtin.sigmas import manual_sigmas
from nodes.diffusion.noise import gaussian_noise
from nodes.diffusion.resize import resize
from nodes.diffusion.samplers.lcm import growing_noise, growing_scales, grown
from nodes.diffusion.samplers.table import take_steps
from nodes.sockets import Conditioning, Latent, Sampler
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.toy_denoise import ToyDenoise

SIGMAS = torch.tensor([10.0, 5.0, 2.0, 1.0, 0.5, 0.0])
X = torch.randn(1, 4, 4, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("ratio", "steps", "sizes"),
    [
        (2.0, 2, [(6, 9), (8, 12), (8, 12), (8, 12), (8, 12)]),
        (2.0, -1, [(5, 8), (7, 10), (8, 12), (8, 12), (8, 12)]),
        (2.0, 1000, [(5, 7), (5, 8), (6, 9), (7, 10), (7, 11)]),
        (1.0, 3, [(4, 6)] * 5),
        (0.1, 1, [(1, 1)] * 5),
        (3.0, 0, [(4, 6)] * 5),
    ],
)
def test_the_latent_grows_step_by_step(ratio: float, steps: int, sizes: list[tuple[int, int]]) -> None:
    sampler = sampler_lcm_upscale(scale_ratio=ratio, scale_steps=steps, upscale_method="bilinear")
    taken = list(take_steps(sampler.method, Toy(), X, SIGMAS, 7))
    assert [tuple(step.x.shape[-2:]) for step in taken] == sizes
    assert [step.drawn for step in taken] == [1, 2, 3, 4, 4]


class Toy(ToyDenoise):
    """A denoiser of any size of latent."""

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return x / (1 + sigma)


def test_each_step_is_a_prediction_enlarged_and_noised() -> None:
    sampler = sampler_lcm_upscale(scale_ratio=2.0, scale_steps=2, upscale_method="bicubic")
    first, *_ = take_steps(sampler.method, Toy(), X, SIGMAS, 7)
    denoised = resize(X / 11.0, 9, 6, "bicubic")
    generator = torch.Generator().manual_seed(7)
    torch.randn(X.shape, generator=generator)  # the starting noise
    noise = torch.randn(1, 4, 6, 9, generator=generator)
    assert torch.equal(first.denoised, denoised)
    torch.testing.assert_close(first.x, denoised + 5.0 * noise)


def test_at_a_ratio_of_one_it_is_lcm_with_the_noise_behind_the_first() -> None:
    growing = sampler_lcm_upscale(scale_ratio=1.0, scale_steps=2, upscale_method="bislerp").method
    plain = replace(
        Sampler("lcm").method, noise=lambda seed, like, sigmas, drawn: gaussian_noise(seed, like, sigmas, drawn + 1)
    )
    ends = [list(take_steps(one, Toy(), X, SIGMAS, 7))[-1].x for one in (growing, plain)]
    torch.testing.assert_close(*ends)


def test_scales_and_sizes() -> None:
    assert growing_scales(2.0, 4) == (1.25, 1.5, 1.75, 2.0)
    assert grown((4, 6), 1.5) == (6, 9)
    drawn = growing_noise(3, X, SIGMAS, 0, scales=(1.5, 2.0))
    assert [tuple(drawn(SIGMAS[0], SIGMAS[1]).shape[-2:]) for _ in range(3)] == [(6, 9), (8, 12), (8, 12)]


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    return load_tiny(tmp_path)


def sampled(tiny: Loaded, positive: Conditioning, latent: Latent) -> Latent:
    return sampler_custom(
        model=tiny.model,
        add_noise=True,
        noise_seed=2,
        cfg=1.5,
        positive=positive,
        negative=tiny.prompt("bad"),
        sampler=sampler_lcm_upscale(scale_ratio=2.0, scale_steps=1, upscale_method="bislerp"),
        sigmas=manual_sigmas(sigmas="10, 2, 0"),
        latent_image=latent,
        context=tiny.context,
    )[0]


def test_a_model_samples_a_growing_latent(tiny: Loaded) -> None:
    latent = Latent(torch.zeros(2, 4, 4, 6))
    first, again = sampled(tiny, tiny.prompt("a cat"), latent), sampled(tiny, tiny.prompt("a cat"), latent)
    assert first.samples.shape == (2, 4, 8, 12)
    assert torch.equal(first.samples, again.samples)


def test_what_belongs_to_places_is_refused(tiny: Loaded) -> None:
    latent, prompt = Latent(torch.zeros(1, 4, 4, 6)), tiny.prompt("a cat")
    placed = conditioning_set_area(conditioning=prompt, width=64, height=64)
    for positive, one in ((placed, latent), (prompt, replace(latent, noise_mask=torch.ones(1, 32, 48)))):
        with pytest.raises(GraphError, match="changes the size of the latent"):
            sampled(tiny, positive, one)
