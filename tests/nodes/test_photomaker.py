"""A person in a prompt: the published formula, which word becomes the person, and files that are something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from graph.errors import GraphError
from graph.values import Values
from nodes.builtin.photomaker import photomaker_encode, photomaker_loader
from nodes.diffusion.clip_vision import ClipVision, ClipVisionConfig, prepare_image
from nodes.diffusion.photomaker import PhotoMaker, PhotoMakerConfig
from nodes.sockets import VALUE_TYPES, Image
from tests.nodes.loaded import Loaded, load_tiny
from tests.nodes.tiny import fill

VISION = ClipVisionConfig(
    hidden_size=64, intermediate_size=128, num_hidden_layers=2, patch_size=4, image_size=8, projection_dim=8,
    hidden_act="gelu",
)  # fmt: skip
CONFIG = PhotoMakerConfig(VISION, second_dim=16)


def network(config: PhotoMakerConfig = CONFIG) -> PhotoMaker:
    return fill(PhotoMaker(config), 6)


def pictures(count: int) -> Image:
    return Image(torch.rand(count, 12, 16, 3, generator=torch.Generator().manual_seed(count)))


@pytest.fixture
def tiny(tmp_path: Path) -> Loaded:
    loaded = load_tiny(tmp_path)
    loaded.folders.root("photomaker").mkdir(parents=True)
    return loaded


def write(tiny: Loaded, tensors: dict[str, Tensor], prefix: str = "") -> str:
    path = tiny.folders.root("photomaker") / "person.safetensors"
    save_file({prefix + name: one.contiguous() for name, one in tensors.items()}, path)
    return path.name


def mlp(x: Tensor, w: dict[str, Tensor], name: str) -> Tensor:
    normal = F.layer_norm(x, x.shape[-1:], w[f"{name}.layernorm.weight"], w[f"{name}.layernorm.bias"])
    hidden = F.gelu(normal @ w[f"{name}.fc1.weight"].t() + w[f"{name}.fc1.bias"])
    return hidden @ w[f"{name}.fc2.weight"].t() + w[f"{name}.fc2.bias"]


def test_words_are_fused_by_the_formula() -> None:
    encoder = network()
    w = encoder.state_dict()
    pixels, words = torch.randn(2, 3, 8, 8), torch.randn(1, 7, 24)
    seen = fill(ClipVision(VISION), 6)
    seen.load_state_dict({name: one for name, one in w.items() if name in seen.state_dict()})
    first = seen(pixels).embeddings
    states = seen.vision_model(pixels)
    second = seen.vision_model.post_layernorm(states[-1][:, 0]) @ w["visual_projection_2.weight"].t()
    identities = encoder.identities(pixels)
    torch.testing.assert_close(identities, torch.cat([first, second], dim=1))
    word = words[0, 3:5]
    x = mlp(torch.cat([word, identities], dim=1), w, "fuse_module.mlp1") + word
    x = mlp(x, w, "fuse_module.mlp2") + x
    expected = words.clone()
    expected[0, 3:5] = F.layer_norm(x, (24,), w["fuse_module.layer_norm.weight"], w["fuse_module.layer_norm.bias"])
    torch.testing.assert_close(encoder.fuse(words, torch.tensor([3, 4]), identities), expected)


@pytest.mark.parametrize("prefix", ["", "id_encoder."])
@pytest.mark.parametrize(
    ("text", "plain", "places"),
    [
        ("photograph of a man photomaker", "photograph of a man", [4]),
        ("a man photomaker in the rain", "a man in the rain", [2]),
    ],
)
def test_the_word_before_the_trigger_becomes_the_person(
    tiny: Loaded, prefix: str, text: str, plain: str, places: list[int]
) -> None:
    handle = photomaker_loader(photomaker_model_name=write(tiny, network().state_dict(), prefix), context=tiny.context)
    encoded, report = photomaker_encode(
        photomaker=handle, image=pictures(1), clip=tiny.clip, text=text, context=tiny.context
    )
    assert not report
    expected = tiny.prompt(plain).entries[0]
    (got,) = encoded.entries
    prepared = prepare_image(pictures(1).pixels, 8, crop=True)
    wanted = network().fuse(expected.embedding, torch.tensor(places), network().identities(prepared))
    torch.testing.assert_close(got.embedding, wanted, rtol=1e-4, atol=1e-5)
    assert torch.equal(got.pooled, expected.pooled)  # type: ignore[arg-type]


def test_each_picture_has_a_word_of_its_own(tiny: Loaded) -> None:
    handle = photomaker_loader(photomaker_model_name=write(tiny, network().state_dict()), context=tiny.context)
    encoded, _ = photomaker_encode(
        photomaker=handle, image=pictures(3), clip=tiny.clip, text="a man photomaker here", context=tiny.context
    )
    plain = tiny.prompt("a man man man here").entries[0].embedding
    changed = (encoded.entries[0].embedding - plain).abs().amax(dim=(0, 2)) > 1e-6
    assert torch.nonzero(changed).flatten().tolist() == [2, 3, 4]


@pytest.mark.parametrize("text", ["photomaker", "photomaker in the rain", "a man in the rain"])
def test_a_prompt_without_a_word_for_the_person_says_so(tiny: Loaded, text: str) -> None:
    handle = photomaker_loader(photomaker_model_name=write(tiny, network().state_dict()), context=tiny.context)
    encoded, report = photomaker_encode(
        photomaker=handle, image=pictures(1), clip=tiny.clip, text=text, context=tiny.context
    )
    plain = tiny.prompt(text.replace("photomaker ", "").replace("photomaker", ""))
    assert torch.equal(encoded.entries[0].embedding, plain.entries[0].embedding)
    assert "no word stands before 'photomaker'" in report.text[0]


def test_the_width_of_words_must_fit(tiny: Loaded) -> None:
    wide = network(PhotoMakerConfig(VISION, second_dim=24))
    handle = photomaker_loader(photomaker_model_name=write(tiny, wide.state_dict()), context=tiny.context)
    with pytest.raises(GraphError, match="width 32, and this CLIP's are 24"):
        photomaker_encode(
            photomaker=handle, image=pictures(1), clip=tiny.clip, text="a man photomaker", context=tiny.context
        )


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x": torch.zeros(1)}, "is no PhotoMaker encoder"),
        ({"qformer_perceiver.x": torch.zeros(1)}, "version 2, which needs a network that finds faces"),
    ],
)
def test_other_files_say_what_they_are(tiny: Loaded, tensors: dict[str, Tensor], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        photomaker_loader(photomaker_model_name=write(tiny, tensors), context=tiny.context)


def test_handles_survive_being_put_to_rest(tiny: Loaded) -> None:
    handle = photomaker_loader(photomaker_model_name=write(tiny, network().state_dict()), context=tiny.context)
    values = Values(VALUE_TYPES)
    assert values.decode(*values.encode(handle)) == handle
