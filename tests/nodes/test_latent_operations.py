"""Operations on latents as values, latents beside each other, and lists cut into batches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graph.errors import GraphError
from nodes.builtin import latent_operations as nodes
from nodes.builtin.rebatch import rebatch_images, rebatch_latents
from nodes.diffusion.denoiser import NetworkInputs
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.latent_operations import Sharpen, TonemapReinhard
from nodes.diffusion.operation_patches import guidance_patch
from nodes.diffusion.sampling import begin, guide
from nodes.sockets import Image, Latent, LatentOperation, Model
from nodes.sockets.model_encoding import decode_model, encode_model
from nodes.sockets.operations import decode_latent_operation, encode_latent_operation
from nodes.weights.keymaps import Part
from tests.nodes.checkpoints import embedded_reference
from tests.nodes.toy_denoise import says, toy_model


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_tonemapping_turns_nothing_and_shortens_the_long() -> None:
    samples = noise(2, 4, 8, 8)
    mapped = TonemapReinhard(1.0)(samples)
    cosine = torch.cosine_similarity(mapped, samples, dim=1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    shrunk = mapped.norm(dim=1) / samples.norm(dim=1)
    longest, shortest = samples.norm(dim=1).flatten(1).argmax(1), samples.norm(dim=1).flatten(1).argmin(1)
    assert bool((shrunk.flatten(1).gather(1, longest[:, None]) < shrunk.flatten(1).gather(1, shortest[:, None])).all())


def test_tonemapping_to_no_length_leaves_nothing() -> None:
    assert not TonemapReinhard(0.0)(noise(1, 4, 8, 8)).any()


@pytest.mark.parametrize("radius", [1, 2, 9, 31])
def test_sharpening_leaves_what_is_even(radius: int) -> None:
    even = torch.tensor([1.0, -2.0, 0.5, 0.0]).reshape(1, 4, 1, 1).expand(1, 4, 8, 6)
    torch.testing.assert_close(Sharpen(radius, 1.0, 0.1)(even), even, atol=1e-4, rtol=1e-4)


def test_sharpening_makes_differences_larger() -> None:
    step = torch.ones(1, 4, 8, 8)
    step[:, 0, :, 4:] = -1.0
    sharpened = Sharpen(2, 1.0, 0.1)(step)
    assert float((sharpened[..., 3] - sharpened[..., 4]).abs().max()) > 2.0


@pytest.mark.parametrize("function", [TonemapReinhard(0.5), Sharpen(3, 1.5, 0.2)])
def test_an_operation_survives_the_cache(function: TonemapReinhard | Sharpen) -> None:
    operation = LatentOperation(function)
    assert decode_latent_operation(encode_latent_operation(operation)) == operation


def test_applying() -> None:
    operation = nodes.latent_operation_tonemap_reinhard(multiplier=2.0)
    latent = Latent(noise(1, 4, 8, 8), batch_index=(3,))
    applied = nodes.latent_apply_operation(samples=latent, operation=operation)
    assert applied.batch_index == (3,)
    assert torch.equal(applied.samples, TonemapReinhard(2.0)(latent.samples))


@pytest.mark.parametrize(
    ("dim", "shape", "first"),
    [("x", (1, 4, 8, 16), 0), ("-x", (1, 4, 8, 16), 1), ("y", (1, 4, 16, 8), 0), ("-t", (1, 8, 8, 8), 1)],
)
def test_concat(dim: str, shape: tuple[int, ...], first: int) -> None:
    latents = Latent(torch.zeros(1, 4, 8, 8)), Latent(torch.ones(2, 4, 8, 8))
    joined = nodes.latent_concat(samples1=latents[0], samples2=latents[1], dim=dim)  # type: ignore[arg-type]
    assert joined.samples.shape == shape
    assert joined.samples[0, 0, 0, 0] == first


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(GraphError, match="do not fit"):
        nodes.latent_concat(samples1=Latent(noise(1, 4, 8, 8)), samples2=Latent(noise(1, 4, 6, 8)), dim="x")


@pytest.mark.parametrize(
    ("index", "amount", "columns"),
    [(0, 1, [0]), (2, 3, [2, 3, 4]), (6, 9, [6, 7]), (99, 2, [7]), (-3, 2, [5, 6]), (-99, 3, [0, 1, 2]), (-1, 5, [7])],
)
def test_cut(index: int, amount: int, columns: list[int]) -> None:
    samples = torch.arange(8.0).expand(1, 4, 3, 8)
    result = nodes.latent_cut(samples=Latent(samples), dim="x", index=index, amount=amount)
    assert result.samples[0, 0, 0].tolist() == columns


def test_seed_behavior() -> None:
    latent = Latent(noise(3, 4, 8, 8), batch_index=(5, 6, 7))
    assert nodes.latent_batch_seed_behavior(samples=latent, seed_behavior="fixed").batch_index == (5, 5, 5)
    assert nodes.latent_batch_seed_behavior(samples=latent, seed_behavior="random").batch_index is None


def test_images_in_new_batches() -> None:
    images = [Image(torch.full((count, 2, 2, 3), 0.5)) for count in (1, 3, 1)]
    batches = rebatch_images(images=images, batch_size=[2])
    assert [one.pixels.shape[0] for one in batches] == [2, 2, 1]
    with pytest.raises(GraphError, match="one size"):
        rebatch_images(images=[*images, Image(torch.zeros(1, 3, 2, 3))], batch_size=[2])


def test_latents_in_new_batches_keep_their_places() -> None:
    latents = [Latent(noise(3, 4, 8, 8)), Latent(noise(1, 4, 8, 8)), Latent(noise(2, 4, 4, 8), None, (9, 4))]
    batches = rebatch_latents(latents=latents, batch_size=[2])
    assert [one.batch_index for one in batches] == [(0, 1), (2, 3), (9, 4)]
    assert torch.equal(torch.cat([one.samples for one in batches[:2]]), torch.cat([one.samples for one in latents[:2]]))
    assert all(one.noise_mask is None for one in batches)


def test_masks_go_with_their_latents() -> None:
    masked = Latent(noise(1, 4, 8, 8), torch.zeros(1, 32, 32))
    (both,) = rebatch_latents(latents=[masked, Latent(noise(1, 4, 8, 8))], batch_size=[4])
    assert both.noise_mask is not None
    assert both.noise_mask.shape == (2, 64, 64)
    assert both.noise_mask.mean(dim=(1, 2)).tolist() == [0.0, 1.0]


X = torch.randn(2, 4, 8, 12, generator=torch.Generator().manual_seed(0)) * 3
SIGMA = torch.tensor(2.5)


def predicted(value: float) -> Tensor:
    return toy_model().denoiser(X, SIGMA, NetworkInputs(says(value).embedding.expand(2, -1, -1)))


@pytest.mark.parametrize("function", [TonemapReinhard(0.5), Sharpen(2, 1.5, 0.2)])
@pytest.mark.parametrize("cfg", [1.0, 6.0])
def test_an_operation_on_guidance(function: TonemapReinhard | Sharpen, cfg: float) -> None:
    model, canvas, patch = toy_model(), Canvas(X), guidance_patch(function)
    hooks = begin(model, (patch,), canvas, SIGMA[None], seed=0)
    result = guide(model, (says(0.3),), (says(0.9),), cfg, canvas, hooks)(X, SIGMA)
    positive, negative = predicted(0.3), predicted(0.9)
    expected = function(positive) if cfg == 1.0 else negative + function(positive - negative) * cfg
    torch.testing.assert_close(result, expected)


def test_an_operation_becomes_a_patch_of_the_model() -> None:
    model = Model(embedded_reference(Part.UNET))
    operation = nodes.latent_operation_sharpen(sharpen_radius=3)
    patched = nodes.latent_apply_operation_cfg(model=model, operation=operation)
    assert patched.patches == (guidance_patch(Sharpen(3, 1.0, 0.1)),)
    assert decode_model(encode_model(patched)) == patched
