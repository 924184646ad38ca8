"""The formulas of training, against their definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.config import Prediction, ScheduleConfig, VaeConfig
from nodes.diffusion.denoiser import denoised_from_eps, denoised_from_v
from nodes.diffusion.schedule import noise_schedule
from nodes.diffusion.training.averaging import ema_decay, update_ema
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.diffusion.training.muon import Muon, orthogonalized, suits_muon
from nodes.diffusion.training.noising import (
    ForwardProcess,
    forward_process,
    noised,
    stratified_timesteps,
    training_target,
    velocity,
)
from nodes.diffusion.training.objective import drop_captions, min_snr_weight, weighted_loss
from nodes.diffusion.training.reconstruction import kl_divergence, psnr, reconstruction_loss
from nodes.diffusion.training.whitening import fold_whitening
from nodes.diffusion.vae import LatentDistribution, Vae

SCHEDULE = noise_schedule(ScheduleConfig())
PROCESS = forward_process(SCHEDULE)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latents(seed: int, batch: int = 3) -> Tensor:
    return torch.randn(batch, 4, 5, 6, generator=generator(seed))


def test_signal_and_noise_are_those_of_the_published_betas() -> None:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alpha_bar = torch.cumprod(1 - betas, 0)
    torch.testing.assert_close(PROCESS.signal, alpha_bar.sqrt().float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(PROCESS.noise, (1 - alpha_bar).sqrt().float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("step", [0, 1, 250, 999])
def test_noising_keeps_unit_variance_split_into_signal_and_noise(step: int) -> None:
    x0, epsilon, t = latents(1), latents(2), torch.full((3,), step)
    signal, noise = float(PROCESS.signal[step]), float(PROCESS.noise[step])
    assert signal**2 + noise**2 == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(noised(PROCESS, x0, epsilon, t), signal * x0 + noise * epsilon)
    assert float(PROCESS.snr(t[:1])) == pytest.approx(1 / float(SCHEDULE.sigmas[step]) ** 2, rel=1e-3)


def test_each_example_is_noised_at_its_own_timestep() -> None:
    x0, epsilon, t = latents(1), latents(2), torch.tensor([0, 500, 999])
    together = noised(PROCESS, x0, epsilon, t)
    for index in range(3):
        alone = noised(PROCESS, x0[index : index + 1], epsilon[index : index + 1], t[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone)


@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_a_perfect_prediction_is_read_back_as_the_clean_latent(prediction: Prediction) -> None:
    """Training and sampling agree on what the network says."""
    x0, epsilon, t = latents(1), latents(2), torch.full((3,), 400)
    sigma = SCHEDULE.sigmas[400]
    target = training_target(prediction, PROCESS, x0, epsilon, t)
    x = noised(PROCESS, x0, epsilon, t) * (1 + sigma**2).sqrt()
    read = denoised_from_eps if prediction == "eps" else denoised_from_v
    torch.testing.assert_close(read(x, target, sigma), x0, rtol=1e-4, atol=1e-4)


def test_velocity_is_orthogonal_to_the_noised_latent() -> None:
    """(x_t, v_t) is (x_0, epsilon) turned by an angle: lengths are kept (Salimans and Ho, 2022)."""
    x0, epsilon, t = latents(1), latents(2), torch.tensor([10, 500, 990])
    x, v = noised(PROCESS, x0, epsilon, t), velocity(PROCESS, x0, epsilon, t)
    torch.testing.assert_close(x**2 + v**2, x0**2 + epsilon**2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("snr", "prediction", "weight"),
    [
        (0.5, "eps", 1.0),
        (5.0, "eps", 1.0),
        (20.0, "eps", 0.25),
        (0.25, "v", 0.2),
        (5.0, "v", 5 / 6),
        (9.0, "v", 0.5),
        (99.0, "v", 0.05),
    ],
)
def test_min_snr_weight(snr: float, prediction: Prediction, weight: float) -> None:
    assert float(min_snr_weight(torch.tensor(snr), 5.0, prediction)) == pytest.approx(weight)


@pytest.mark.parametrize("step", [50, 300, 900])
def test_eps_and_v_objectives_weigh_the_same_error_of_x0_alike(step: int) -> None:
    x0, epsilon, t = latents(1, 1), latents(2, 1), torch.tensor([step])
    wrong = x0 + 0.1
    x = noised(PROCESS, x0, epsilon, t)
    losses = []
    for prediction in ("eps", "v"):
        implied = (x - PROCESS.signal[step] * wrong) / PROCESS.noise[step]
        predicted = training_target(prediction, PROCESS, wrong, implied, t)
        weight = min_snr_weight(PROCESS.snr(t), 5.0, prediction)
        losses.append(float(weighted_loss(predicted, training_target(prediction, PROCESS, x0, epsilon, t), weight)))
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    assert losses[0] == pytest.approx(min(float(PROCESS.snr(t)), 5.0) * 0.01, rel=1e-2)


def test_weighted_loss_averages_within_and_over_examples() -> None:
    target = torch.zeros(2, 1, 2, 2)
    predicted = torch.stack([torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 3.0)])
    assert float(weighted_loss(predicted, target, torch.tensor([2.0, 1.0]))) == pytest.approx((2 * 1 + 9) / 2)


@pytest.mark.parametrize(("batch", "timesteps"), [(1, 1000), (4, 4), (7, 1000), (64, 1000), (3, 10)])
def test_stratified_timesteps_take_one_of_each_part(batch: int, timesteps: int) -> None:
    t = stratified_timesteps(batch, timesteps, generator(batch))
    part = timesteps / batch
    assert t.dtype == torch.int64
    for place, timestep in enumerate(sorted(t.tolist())):
        assert math.floor(place * part) <= timestep < (place + 1) * part


def test_stratified_timesteps_are_uniform_and_unordered() -> None:
    random = generator()
    draws = torch.stack([stratified_timesteps(8, 1000, random) for _ in range(2000)])
    means = draws.float().mean(0)
    torch.testing.assert_close(means, torch.full((8,), 499.5), rtol=0, atol=30.0)


@pytest.mark.parametrize(("share", "dropped"), [(0.0, 0), (1.0, 1000)])
def test_caption_dropout_at_its_ends(share: float, dropped: int) -> None:
    tokens, empty = torch.ones(1000, 5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    kept = drop_captions(tokens, empty, share, generator())
    assert int((kept == 0).all(1).sum()) == dropped


def test_caption_dropout_replaces_whole_rows_at_its_rate() -> None:
    tokens, empty = torch.ones(20_000, 5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
    kept = drop_captions(tokens, empty, 0.1, generator())
    assert ((kept == 0).all(1) | (kept == 1).all(1)).all()
    assert float((kept == 0).all(1).float().mean()) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("step", "maximum", "decay"), [(0, 0.999, 0.1), (1, 0.999, 2 / 11), (90, 0.999, 0.91), (10**6, 0.999, 0.999)]
)
def test_ema_decay_warms_up(step: int, maximum: float, decay: float) -> None:
    assert ema_decay(step, maximum) == pytest.approx(decay)


def test_ema_moves_the_average_towards_the_weights_in_place() -> None:
    average = [torch.tensor([1.0, 2.0]), torch.zeros(2, 2)]
    weights = [torch.tensor([3.0, 2.0]), torch.ones(2, 2)]
    update_ema(average, weights, 0.75)
    torch.testing.assert_close(average[0], torch.tensor([1.5, 2.0]))
    torch.testing.assert_close(average[1], torch.full((2, 2), 0.25))


@pytest.mark.parametrize(
    ("step", "rate"), [(0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0), (100, 1.0), (125, 0.5), (200, 0.0), (500, 0.0)]
)
def test_learning_rate_rises_stays_and_falls(step: int, rate: float) -> None:
    assert LearningRate(1.0, 10, decay_from=100, decay=100).at(step) == pytest.approx(rate)


def test_learning_rate_without_an_end_stays() -> None:
    assert LearningRate(5e-4, 300).at(10**7) == 5e-4


def test_reconstruction_loss_is_zero_only_for_the_same_picture() -> None:
    picture = torch.rand(2, 3, 16, 16, generator=generator()) * 2 - 1
    assert float(reconstruction_loss(picture, picture)) == 0
    assert float(reconstruction_loss(picture + 0.1, picture)) == pytest.approx(0.3, rel=1e-4)
    assert float(reconstruction_loss(picture.flip(-1), picture)) > 0.3


@pytest.mark.parametrize(("error", "decibels"), [(2.0, 0.0), (0.2, 20.0), (0.02, 40.0)])
def test_psnr_is_relative_to_the_full_range(error: float, decibels: float) -> None:
    original = torch.full((2, 3, 4, 4), -1.0)
    torch.testing.assert_close(psnr(original + error, original), torch.full((2,), decibels), rtol=1e-3, atol=1e-3)


def test_kl_divergence_of_known_gaussians() -> None:
    ones = torch.ones(1, 4, 2, 2)
    assert float(kl_divergence(LatentDistribution(0 * ones, 0 * ones))) == 0
    assert float(kl_divergence(LatentDistribution(2 * ones, 0 * ones))) == pytest.approx(2.0)
    assert float(kl_divergence(LatentDistribution(0 * ones, math.log(4) * ones))) == pytest.approx(
        0.5 * (4 - 1 - math.log(4))
    )


def test_folded_whitening_changes_latents_and_no_picture() -> None:
    torch.manual_seed(0)
    vae = Vae(VaeConfig(ch=8, ch_mult=(1, 1, 2, 2), num_res_blocks=1, norm_num_groups=4)).eval()
    pixels = torch.rand(6, 3, 32, 32, generator=generator()) * 2 - 1
    with torch.no_grad():
        before = vae.encode(pixels)
        picture = vae.decode(before.mode())
        deviation, mean = torch.std_mean(before.mean, dim=(0, 2, 3))
        fold_whitening(vae, mean, deviation, 0.18215)
        after = vae.encode(pixels)
        torch.testing.assert_close(vae.decode(after.mode()), picture, rtol=1e-4, atol=1e-4)
    scaled = after.mean * 0.18215
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(scaled.std((0, 2, 3)), torch.ones(4), rtol=1e-3, atol=1e-3)
    relative = after.log_variance.exp().sqrt() / after.mean.std((0, 2, 3))[:, None, None]
    expected = before.log_variance.exp().sqrt() / before.mean.std((0, 2, 3))[:, None, None]
    torch.testing.assert_close(relative, expected, rtol=1e-3, atol=1e-4)


def test_the_process_is_a_value_of_the_schedule() -> None:
    assert isinstance(PROCESS, ForwardProcess)
    assert PROCESS.timesteps == SCHEDULE.timesteps == 1000


# Muon


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(64, 64), (64, 200), (200, 64)])
def test_muon_brings_every_singular_value_near_one_and_turns_nothing(
    shape: tuple[int, int], dtype: torch.dtype
) -> None:
    matrix = 37 * torch.randn(shape, generator=generator())
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    made = orthogonalized(matrix, dtype)
    assert made.dtype == torch.float32
    seen = left.T @ made @ right.T  # diagonal, were it exact
    found = seen.diagonal()[values > 0.02 * values.max()]
    assert float(found.min()) > 0.6
    assert float(found.max()) < 1.25
    assert float((seen - torch.diag(seen.diagonal())).abs().max()) < 0.05


@pytest.mark.parametrize(
    ("name", "shape", "suits"),
    [
        ("unet.middle_block.0.in_layers.2.weight", (192, 192, 3, 3), True),
        ("text.encoder.layers.0.mlp.fc1.weight", (768, 192), True),
        ("unet.input_blocks.0.0.weight", (64, 4, 3, 3), False),
        ("unet.out.2.weight", (4, 64, 3, 3), False),
        ("text.embeddings.token_embedding.weight", (4096, 192), False),
        ("unet.time_embed.0.bias", (256,), False),
    ],
)
def test_muon_takes_matrices_of_hidden_layers(name: str, shape: tuple[int, ...], suits: bool) -> None:  # noqa: FBT001
    assert suits_muon(name, torch.zeros(shape)) is suits


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_muon_moves_as_far_as_adamw_would_however_a_weight_lies_in_memory(layout: torch.memory_format) -> None:
    gradient = torch.randn(64, 16, 2, 2, generator=generator())
    weight = nn.Parameter(torch.zeros(gradient.shape).contiguous(memory_format=layout))
    weight.grad = gradient.contiguous(memory_format=layout)
    optimizer = Muon(
        [{"params": [weight], "lr": 0.1}], lambda wanted: [orthogonalized(one, torch.float32) for one in wanted]
    )
    optimizer.step()
    torch.testing.assert_close(
        weight.detach(), -0.1 * 0.2 * 64**0.5 * orthogonalized(gradient.flatten(1), torch.float32).view(gradient.shape)
    )
    assert float(weight.detach().pow(2).mean().sqrt()) == pytest.approx(0.1 * 0.2, rel=0.2)


def test_muon_changes_nothing_where_its_matrices_cannot_be_made_orthogonal() -> None:
    """As where another process that makes some of them is lost."""
    weight, fails = nn.Parameter(torch.ones(64, 64)), [False, True, False]

    def make_orthogonal(wanted: Sequence[Tensor]) -> Sequence[Tensor]:
        if fails.pop(0):
            raise ConnectionError
        return wanted

    optimizer = Muon([{"params": [weight], "lr": 0.1, "weight_decay": 0.5}], make_orthogonal)
    weight.grad = torch.ones(64, 64)
    optimizer.step()
    before, mean = weight.detach().clone(), optimizer.state[weight]["exp_avg"].clone()
    with pytest.raises(ConnectionError):
        optimizer.step()
    assert torch.equal(weight.detach(), before)
    assert torch.equal(optimizer.state[weight]["exp_avg"], mean)


def test_muon_goes_on_in_the_mean_direction_and_decays() -> None:
    """Moved by its momentum itself, where that is taken for orthogonal."""
    weight = nn.Parameter(torch.ones(64, 64))
    optimizer = Muon([{"params": [weight], "lr": 0.1, "weight_decay": 0.5}], list)
    expected, mean = 1.0, 0.0
    for gradient in (1.0, 2.0, -1.0):
        weight.grad = torch.full((64, 64), gradient)
        optimizer.step()
        mean = 0.95 * mean + 0.05 * gradient
        ahead = 0.95 * mean + 0.05 * gradient
        expected = expected * (1 - 0.1 * 0.5) - 0.1 * 0.2 * 64**0.5 * ahead
    torch.testing.assert_close(weight.detach(), torch.full((64, 64), expected))
