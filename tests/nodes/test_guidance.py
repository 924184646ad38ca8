"""Guidance and the sampling run around it: weights, ranges, batching, masks, and steps taken by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nodes.diffusion.conditioning import Area, AreaShare, ConcatImage, ConditioningEntry
from nodes.diffusion.denoiser import NetworkInputs
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.noise import seeded_noise
from nodes.diffusion.samplers.euler import euler_step
from nodes.diffusion.samplers.table import SAMPLERS
from nodes.diffusion.sampling import Run, guide, guided, sample, section, start, to_the_end
from nodes.diffusion.schedulers import normal
from nodes.diffusion.unet import ControlResiduals
from tests.nodes.toy_denoise import ToyNetwork, says, toy_model

H, W = 16, 24
X = torch.randn(1, 4, H, W, generator=torch.Generator().manual_seed(0)) * 3
CANVAS = Canvas(X)
SIGMA = torch.tensor(2.5)
CAT, DOG, BAD = says(0.3), says(-0.4), says(0.9)
LEFT = Area(height=H, width=12, y=0, x=0)
RIGHT = Area(height=H, width=12, y=0, x=12)


def predict(
    positive: tuple[ConditioningEntry, ...],
    negative: tuple[ConditioningEntry, ...] = (),
    cfg: float = 1.0,
    sigma: Tensor = SIGMA,
    network: ToyNetwork | None = None,
) -> Tensor:
    return guide(toy_model(network), positive, negative, cfg, CANVAS)(X, sigma)


def alone(entry: ConditioningEntry, x: Tensor = X) -> Tensor:
    """What the model predicts for one prompt everywhere."""
    return toy_model().denoiser(x, SIGMA, NetworkInputs(entry.embedding))


@given(st.floats(1.5, 20.0))
def test_guidance_extrapolates_from_the_negative_prediction(cfg: float) -> None:
    expected = alone(BAD) + (alone(CAT) - alone(BAD)) * cfg
    torch.testing.assert_close(predict((CAT,), (BAD,), cfg), expected)


def test_at_cfg_1_the_negative_side_is_not_computed() -> None:
    network = ToyNetwork()
    assert torch.equal(predict((CAT,), (BAD,), 1.0, network=network), alone(CAT))
    assert network.batches == [1]


def test_both_sides_share_one_call_of_the_network() -> None:
    network = ToyNetwork()
    predict((CAT, DOG), (BAD,), 7.0, network=network)
    assert network.batches == [3]


@pytest.mark.parametrize(
    ("lengths", "calls"),
    [((77, 77), [77]), ((77, 154), [154]), ((154, 231), [462]), ((77, 308), [308]), ((77, 385), [77, 385])],
)
def test_contexts_of_other_lengths_are_repeated_to_fit_while_that_is_cheap(
    lengths: tuple[int, int], calls: list[int]
) -> None:
    network = ToyNetwork()
    predict((says(0.3, lengths[0]), says(0.4, lengths[1])), network=network)
    assert network.tokens == calls


@given(st.floats(0.1, 5.0), st.floats(0.1, 5.0))
def test_strengths_weigh_the_mean(a: float, b: float) -> None:
    result = predict((replace(CAT, strength=a), replace(DOG, strength=b)))
    torch.testing.assert_close(result, (alone(CAT) * a + alone(DOG) * b) / (a + b))


def test_a_mask_says_where_a_prompt_counts() -> None:
    mask = torch.zeros(1, H, W)
    mask[..., :12] = 1
    result = predict((replace(CAT, mask=mask), replace(DOG, mask=1 - mask)))
    torch.testing.assert_close(result[..., :12], alone(CAT)[..., :12])
    torch.testing.assert_close(result[..., 12:], alone(DOG)[..., 12:])


def test_a_mask_of_any_size_is_scaled_to_the_latent() -> None:
    mask = torch.zeros(1, 8 * H, 8 * W)
    mask[..., : 8 * 12] = 1
    result = predict((replace(CAT, mask=mask), DOG))
    torch.testing.assert_close(result[..., 13:], alone(DOG)[..., 13:])
    torch.testing.assert_close(result[..., :11], (alone(DOG) + alone(CAT))[..., :11] / 2)


def test_an_area_is_predicted_from_its_own_part_of_the_latent() -> None:
    left = replace(CAT, area=LEFT)
    torch.testing.assert_close(predict((left,))[..., :12], alone(CAT, X[..., :12]))
    assert not predict((left,))[..., 12:].any()


def test_an_area_fades_towards_its_neighbours_and_not_at_the_border() -> None:
    result = predict((replace(CAT, area=LEFT), DOG))
    mean = (alone(CAT, X[..., :12]) + alone(DOG)[..., :12]) / 2
    torch.testing.assert_close(result[..., :9], mean[..., :9])
    # The fade covers a quarter of the area here: three columns of weights 1, 2/3 and 1/3 towards the inner edge.
    for column, weight in ((9, 1.0), (10, 2 / 3), (11, 1 / 3)):
        expected = (alone(CAT, X[..., :12])[..., column] * weight + alone(DOG)[..., column]) / (weight + 1)
        torch.testing.assert_close(result[..., column], expected)


@pytest.mark.parametrize(
    ("share", "area"),
    [
        (AreaShare(1.0, 0.5, 0.0, 0.0), LEFT),
        (AreaShare(1.0, 0.5, 0.0, 0.5), RIGHT),
        (AreaShare(0.0, 0.0, 0.5, 0.5), Area(1, 1, 8, 12)),
    ],
)
def test_areas_by_share(share: AreaShare, area: Area) -> None:
    assert share.cells(H, W) == area
    assert torch.equal(predict((replace(CAT, area=share), DOG)), predict((replace(CAT, area=area), DOG)))


def test_an_area_reaching_out_of_the_latent_is_cut() -> None:
    wide = replace(RIGHT, width=100)
    assert torch.equal(predict((replace(CAT, area=wide), DOG)), predict((replace(CAT, area=RIGHT), DOG)))


def test_an_area_outside_the_latent_changes_nothing() -> None:
    outside = replace(CAT, area=Area(8, 8, 0, 1000))
    assert torch.equal(predict((outside, DOG)), predict((DOG,)))


def test_mask_bounds_make_an_area() -> None:
    mask = torch.zeros(1, H, W)
    mask[:, 2:14, 3:15] = 0.5
    network = ToyNetwork()
    bounded = predict((replace(CAT, mask=mask, mask_bounds=True), DOG), network=network)
    assert network.batches == [1, 1]
    by_hand = replace(CAT, mask=mask, area=Area(height=12, width=12, y=2, x=3))
    assert torch.equal(bounded, predict((by_hand, DOG)))


def test_an_empty_mask_has_bounds_of_eight_cells() -> None:
    entry = replace(CAT, mask=torch.zeros(1, H, W), mask_bounds=True)
    assert torch.equal(predict((entry, DOG)), predict((DOG,)))


def test_an_area_is_guided_against_the_same_area() -> None:
    """The negative prompt also sees the cut-out that the positive area sees."""
    result = predict((replace(CAT, area=LEFT),), (BAD,), 5.0)
    cut_bad = alone(BAD, X[..., :12])
    bad = (cut_bad + alone(BAD)[..., :12]) / 2
    expected = bad + (alone(CAT, X[..., :12]) - bad) * 5.0
    torch.testing.assert_close(result[..., :9], expected[..., :9])


@pytest.mark.parametrize(
    ("start_percent", "end_percent", "counts"),
    [(0.0, 1.0, True), (0.0, 0.5, True), (0.5, 1.0, False), (0.1, 0.2, False)],
)
def test_an_entry_counts_within_its_range_of_timesteps(
    start_percent: float, end_percent: float, *, counts: bool
) -> None:
    entry = replace(CAT, start_percent=start_percent, end_percent=end_percent)
    sigma = toy_model().denoiser.schedule.sigma(torch.tensor(600.0))  # 40 % of the way
    result = guide(toy_model(), (entry, DOG), (), 1.0, CANVAS)(X, sigma)
    plain = guide(toy_model(), (CAT, DOG) if counts else (DOG,), (), 1.0, CANVAS)(X, sigma)
    assert torch.equal(result, plain)


def test_prompts_are_repeated_over_the_batch() -> None:
    batch = torch.cat([X, 2 * X, -X])
    result = guide(toy_model(), (CAT,), (BAD,), 4.0, Canvas(batch))(batch, SIGMA)
    for i in range(3):
        single = guide(toy_model(), (CAT,), (BAD,), 4.0, CANVAS)(batch[i : i + 1], SIGMA)
        torch.testing.assert_close(result[i : i + 1], single)


LATENT = torch.randn(1, 4, H, W, generator=torch.Generator().manual_seed(5))


def a_run(sampler: str = "euler", steps: int = 5, *, mask: Tensor | None = None, latent: Tensor | None = None) -> Run:
    model = toy_model()
    return Run(
        model=model,
        positive=(CAT, replace(DOG, area=LEFT, end_percent=0.6)),
        negative=(BAD,),
        cfg=6.5,
        sampler=SAMPLERS[sampler],
        sigmas=normal(model.denoiser.schedule, steps),
        latent=torch.zeros(1, 4, H, W) if latent is None else latent,
        noise=seeded_noise(11, torch.zeros(1, 4, H, W)),
        noise_mask=mask,
        seed=11,
    )


def final(run: Run) -> Tensor:
    x = run.latent
    for step in sample(run):
        x = step.x
    return x


@pytest.mark.parametrize("masked", [False, True])
def test_steps_taken_by_hand_equal_the_loop_to_the_bit(*, masked: bool) -> None:
    mask = torch.rand(1, H, W, generator=torch.Generator().manual_seed(1)) if masked else None
    run = a_run(mask=mask, latent=LATENT)
    x = start(run)
    for step, sigma, sigma_next in zip(sample(run), run.sigmas[:-1], run.sigmas[1:], strict=True):
        denoised = guided(run)(x, sigma)
        x = euler_step(x, denoised, sigma, sigma_next)
        assert torch.equal(step.denoised, denoised)
        assert torch.equal(step.x, x)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("stop", [1, 3])
def test_a_run_goes_on_after_its_last_steps(sampler: str, stop: int) -> None:
    run = a_run(sampler)
    whole = list(sample(run))
    stop = min(stop, len(whole) - 1)
    rest = list(sample(run, tuple(whole[max(0, stop - run.sampler.history) : stop])))
    assert torch.equal(rest[-1].x, whole[-1].x)


@pytest.mark.parametrize("split", [1, 2, 4])
def test_two_runs_with_leftover_noise_equal_one(split: int) -> None:
    """For samplers without history, as KSamplerAdvanced is used: the second run adds no noise."""
    run = a_run("heun")
    first = replace(run, sigmas=section(run.sigmas, 0, split))
    between = final(first)
    second = replace(run, sigmas=section(run.sigmas, split, 10_000), latent=between, noise=torch.zeros_like(run.noise))
    assert torch.equal(final(second), final(run))


def test_without_leftover_noise_a_shortened_run_ends_at_its_last_prediction() -> None:
    run = a_run()
    short = replace(run, sigmas=to_the_end(section(run.sigmas, 0, 3)))
    *_, last = sample(short)
    assert last.sigma_next == 0
    torch.testing.assert_close(last.x, last.denoised)


@pytest.mark.parametrize(("start_at_step", "end_at_step"), [(5, 10_000), (7, 9), (3, 3), (0, 0), (4, 2)])
def test_a_section_without_steps_leaves_the_latent(start_at_step: int, end_at_step: int) -> None:
    run = a_run(latent=LATENT)
    run = replace(run, sigmas=to_the_end(section(run.sigmas, start_at_step, end_at_step)))
    assert torch.equal(final(run), LATENT)


def test_at_the_largest_sigma_noise_has_the_whole_variance() -> None:
    run = a_run(latent=LATENT)
    sigma = float(run.sigmas[0])
    torch.testing.assert_close(start(run), LATENT + run.noise * math.sqrt(1 + sigma**2))
    later = replace(run, sigmas=run.sigmas[2:])
    torch.testing.assert_close(start(later), LATENT + run.noise * float(later.sigmas[0]))


def test_a_noise_mask_keeps_the_rest_of_the_latent() -> None:
    mask = torch.zeros(1, 8 * H, 8 * W)
    mask[..., 8 * 12 :] = 1
    result = final(a_run(mask=mask, latent=LATENT))
    torch.testing.assert_close(result[..., :11], LATENT[..., :11])
    assert (result[..., 13:] - LATENT[..., 13:]).abs().mean() > 0.1


def test_a_noise_mask_of_ones_changes_nothing() -> None:
    assert torch.equal(final(a_run(mask=torch.ones(1, H, W))), final(a_run()))


PICTURE = ConcatImage(torch.ones(1, 4, H, W), torch.ones(1, 8 * H, 8 * W))


@pytest.mark.parametrize(
    ("image", "mask", "channels"),
    [
        (PICTURE, None, [1.0, 0.18215, 0.18215, 0.18215, 0.18215]),
        (None, torch.full((1, 1, H, W), 0.4), [0.0, 2.0, 2.0, 2.0, 2.0]),
        (None, None, [1.0, 0.8223, -0.6876, 0.6364, 0.1380]),
    ],
    ids=["the picture it is given", "the latent under its noise mask", "grey"],
)
def test_an_inpainting_model_is_shown(image: ConcatImage | None, mask: Tensor | None, channels: list[float]) -> None:
    seen: list[Tensor] = []

    class Spy(ToyNetwork):
        def __call__(
            self,
            x: Tensor,
            timesteps: Tensor,
            context: Tensor,
            y: Tensor | None,
            control: ControlResiduals | None = None,
        ) -> Tensor:
            seen.append(x)
            return super().__call__(x, timesteps, context, y)

    canvas = Canvas(torch.full((1, 4, H, W), 2.0), mask)
    guide(toy_model(Spy(), in_channels=9), (replace(CAT, concat=image),), (), 1.0, canvas)(X, SIGMA)
    torch.testing.assert_close(seen[0][0, 4:].mean(dim=(1, 2)), torch.tensor(channels))


def test_sdxl_needs_a_pooled_prompt() -> None:
    model = toy_model()
    unet = replace(model.config.unet, adm_in_channels=2816)
    labelled = replace(model, config=replace(model.config, unet=unet))
    with pytest.raises(ValueError, match="pooled"):
        guide(labelled, (CAT,), (), 1.0, CANVAS)
    pooled = replace(CAT, pooled=torch.zeros(1, 1280))
    (region,) = guide(labelled, (pooled,), (), 1.0, CANVAS).positive
    assert region.inputs.y is not None
    assert region.inputs.y.shape == (1, 2816)
