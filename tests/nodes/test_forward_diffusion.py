"""Forward diffusion as a node: the formula, at the timesteps that were asked for, and no others."""

from __future__ import annotations

import pytest
import torch

from nodes.builtin.forward_diffusion import forward_diffusion
from nodes.builtin.image_arrange import image_grid
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.schedule import noise_schedule
from nodes.errors import UnsuitableInput
from nodes.sockets import Image, Latent
from tests.nodes.loaded import Loaded, load_tiny


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_tiny(tmp_path_factory.mktemp("model"))


LATENT = Latent(torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3)))


def test_each_timestep_has_its_share_of_signal_and_of_one_noise(loaded: Loaded) -> None:
    noisy, sigmas = forward_diffusion(
        model=loaded.model, samples=LATENT, timesteps="0, 500,999", seed=5, context=loaded.context
    )
    scale = loaded.model.config.scale_factor
    epsilon = seeded_noise(5, LATENT.samples)
    known = noise_schedule(loaded.model.config.schedule).sigmas[[0, 500, 999]]
    torch.testing.assert_close(sigmas.values, known)
    for row, sigma in enumerate(known):
        expected = (LATENT.samples * scale + sigma * epsilon) / (1 + sigma**2).sqrt()
        torch.testing.assert_close(noisy.samples[row : row + 1] * scale, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("text", ["", "1000", "-1", "1.5", "ten", "0,,x", "²", "9" * 20, "1 " * 65])
def test_what_is_no_timestep_is_refused(text: str, loaded: Loaded) -> None:
    with pytest.raises(UnsuitableInput) as error:
        forward_diffusion(model=loaded.model, samples=LATENT, timesteps=text, seed=0, context=loaded.context)
    assert "0 to 999" in str(error.value.hint)


@pytest.mark.parametrize(
    ("number", "columns", "size"), [(1, 4, (3, 2)), (4, 2, (6, 4)), (5, 3, (9, 4)), (3, 3, (9, 2))]
)
def test_a_grid_holds_every_picture_in_reading_order(number: int, columns: int, size: tuple[int, int]) -> None:
    pixels = torch.arange(number).reshape(-1, 1, 1, 1).expand(-1, 2, 3, 3) / 10
    made = image_grid(images=Image(pixels.contiguous()), columns=columns)
    assert made.size == size
    for place in range(number):
        row, column = divmod(place, min(columns, number))
        assert torch.equal(made.pixels[0, row * 2 : row * 2 + 2, column * 3 : column * 3 + 3], pixels[place])
