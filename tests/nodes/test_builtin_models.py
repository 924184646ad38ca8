"""Loading models, encoding prompts, and going between pictures and latents."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graph.result import Blocked
from nodes.builtin.clip import clip_set_last_layer
from nodes.builtin.loaders import checkpoint_loader_simple
from nodes.builtin.vae import inpaint_model_conditioning, vae_decode, vae_encode, vae_encode_for_inpaint
from nodes.errors import UnsuitableInput
from nodes.folders import FolderError
from nodes.sockets import Image, Latent, Mask, Model
from nodes.weights.errors import WeightsError
from nodes.weights.metadata import write_config
from tests.nodes.checkpoints import tiny_tensors
from tests.nodes.loaded import NAME, Loaded, context_in, load_tiny
from tests.nodes.tiny import MODEL


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load_tiny(tmp_path_factory.mktemp("tiny"))


# Loading


def test_a_checkpoint_gives_handles_and_reads_no_weights(tmp_path: Path) -> None:
    loaded = load_tiny(tmp_path)
    assert replace(loaded.model.config, family=MODEL.family) == MODEL
    assert loaded.vae.config == loaded.model.config == loaded.clip.towers[0].config
    path = loaded.model.weights.path
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(FolderError) as changed:
        loaded.prompt("a cat")
    assert changed.value.code == "file_changed"


def test_parts_that_a_file_lacks_are_blocked_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "models/checkpoints/unet.safetensors"
    path.parent.mkdir(parents=True)
    tensors = {name: one for name, one in tiny_tensors().items() if name.startswith("model.diffusion_model.")}
    save_file(tensors, path, metadata={"config": write_config(MODEL)})
    model, clip, vae = checkpoint_loader_simple(ckpt_name="unet.safetensors", context=context_in(tmp_path))
    assert isinstance(model, Model)
    assert clip == Blocked("unet.safetensors contains no text encoder: load it from another file")
    assert vae == Blocked("unet.safetensors contains no VAE: load it from another file")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="gone") as missing:
        checkpoint_loader_simple(ckpt_name="gone.safetensors", context=context_in(tmp_path))
    assert missing.value.code == "file_not_found"


def test_a_wrong_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "models/checkpoints/x.ckpt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(WeightsError, match="pickle refused"):
        checkpoint_loader_simple(ckpt_name="x.ckpt", context=context_in(tmp_path))


@pytest.mark.parametrize("way", ["renamed", "replaced by other content, kept under another name"])
def test_a_handle_means_the_content_wherever_it_is(tmp_path: Path, way: str) -> None:
    loaded = load_tiny(tmp_path)
    path = loaded.model.weights.path
    moved = shutil.move(path, path.with_name("moved.safetensors"))
    if way != "renamed":
        path.write_bytes(b"other content")
    loaded.folders.digest(Path(moved))  # as planning does for a workflow that names it
    assert loaded.prompt("a cat").entries


# Prompts


def test_a_prompt_becomes_an_embedding_in_chunks_of_77(tiny: Loaded) -> None:
    short, long = tiny.prompt("a cat"), tiny.prompt("a cat " * 80)
    assert short.entries[0].embedding.shape == (1, 77, 24)
    assert long.entries[0].embedding.shape == (1, 3 * 77, 24)
    assert short.entries[0].pooled is not None
    assert short.entries[0].embedding.dtype == torch.float32
    assert not short.entries[0].embedding.is_inference()


def test_words_weights_and_layers_matter(tiny: Loaded) -> None:
    skipping = clip_set_last_layer(clip=tiny.clip, stop_at_clip_layer=-2)
    encoded = [
        tiny.prompt("a cat"),
        tiny.prompt("a dog"),
        tiny.prompt("a (cat)"),
        tiny.prompt("a (cat:1.2)"),
        tiny.prompt(""),
        tiny.prompt("a cat", skipping),
    ]
    for index, one in enumerate(encoded):
        for other in encoded[:index]:
            assert not torch.equal(one.entries[0].embedding, other.entries[0].embedding)
    again = tiny.prompt("a cat", clip_set_last_layer(clip=tiny.clip, stop_at_clip_layer=-1))
    assert torch.equal(again.entries[0].embedding, encoded[0].entries[0].embedding)


# Pictures and latents


def picture(*shape: int) -> Image:
    return Image(torch.rand(shape, generator=torch.Generator().manual_seed(1)))


@pytest.mark.parametrize(
    ("shape", "latent"),
    [
        ((1, 16, 24, 3), (1, 4, 2, 3)),
        ((2, 16, 16, 4), (2, 4, 2, 2)),
        ((1, 16, 16, 1), (1, 4, 2, 2)),
        ((1, 23, 30, 3), (1, 4, 2, 3)),
    ],
)
def test_pictures_become_latents_and_back(tiny: Loaded, shape: tuple[int, ...], latent: tuple[int, ...]) -> None:
    encoded = vae_encode(pixels=picture(*shape), vae=tiny.vae, context=tiny.context)
    assert encoded.samples.shape == latent
    decoded = vae_decode(samples=encoded, vae=tiny.vae, context=tiny.context)
    assert decoded.pixels.shape == (latent[0], 8 * latent[2], 8 * latent[3], 3)
    assert not decoded.pixels.is_inference()
    assert 0 <= float(decoded.pixels.min()) <= float(decoded.pixels.max()) <= 1


def test_a_picture_of_a_batch_is_decoded_as_it_is_alone(tiny: Loaded) -> None:
    latent = Latent(torch.randn(3, 4, 2, 2))
    together = vae_decode(samples=latent, vae=tiny.vae, context=tiny.context).pixels
    alone = vae_decode(samples=Latent(latent.samples[1:2]), vae=tiny.vae, context=tiny.context).pixels
    assert torch.equal(together[1:2], alone)


def test_latents_of_another_family_are_refused(tiny: Loaded) -> None:
    with pytest.raises(UnsuitableInput, match="4 channels, not 16"):
        vae_decode(samples=Latent(torch.zeros(1, 16, 2, 2)), vae=tiny.vae, context=tiny.context)


def test_what_is_masked_does_not_reach_the_encoder(tiny: Loaded) -> None:
    mask = torch.zeros(1, 32, 32)
    mask[:, 8:24, 8:24] = 1.0
    one, other = picture(1, 32, 32, 3).pixels, picture(1, 32, 32, 3).pixels
    other[:, 8:24, 8:24] = 0.0
    latents = [
        vae_encode_for_inpaint(pixels=Image(pixels), vae=tiny.vae, mask=Mask(mask), context=tiny.context)
        for pixels in (one, other)
    ]
    assert torch.equal(latents[0].samples, latents[1].samples)
    noise_mask = latents[0].noise_mask
    assert noise_mask is not None
    assert noise_mask.shape == (1, 32, 32)
    assert torch.equal(noise_mask[mask == 1], torch.ones(256))
    assert 256 < int(noise_mask.sum()) < 32 * 32


@pytest.mark.parametrize("noise_mask", [True, False])
def test_an_inpainting_model_is_shown_the_picture_and_the_mask(tiny: Loaded, noise_mask: bool) -> None:
    prompt = tiny.prompt("a cat")
    image, mask = picture(1, 20, 16, 3), Mask(torch.ones(1, 20, 16))
    positive, negative, latent = inpaint_model_conditioning(
        positive=prompt,
        negative=prompt,
        vae=tiny.vae,
        pixels=image,
        mask=mask,
        noise_mask=noise_mask,
        context=tiny.context,
    )
    cropped = Image(image.pixels[:, 2:18])
    expected = vae_encode(pixels=cropped, vae=tiny.vae, context=tiny.context)
    assert torch.equal(latent.samples, expected.samples)
    assert (latent.noise_mask is not None) == noise_mask
    for side in (positive, negative):
        shown = side.entries[0].concat
        assert shown is not None
        assert shown.mask is not None
        assert shown.mask.shape == (1, 16, 16)
        assert shown.latent.shape == latent.samples.shape
        assert not torch.equal(shown.latent, latent.samples)


def test_the_embedding_of_a_name_that_is_a_path_is_safe(tiny: Loaded) -> None:
    assert tiny.prompt(f"embedding:../checkpoints/{NAME}").entries
