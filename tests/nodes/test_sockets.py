"""Values on wires: what they refuse to be made of, and that they survive being put to rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graph.values import Encoded, RawTensor, Values
from nodes.diffusion.adapters import AttentionScale
from nodes.diffusion.conditioning import Area, AreaShare, ConcatImage, ConditioningEntry, PictureHint, SizeConditioning
from nodes.sockets import (
    VALUE_TYPES,
    Clip,
    Conditioning,
    Guider,
    Image,
    Latent,
    Mask,
    Model,
    Noise,
    Sampler,
    ScaledLatent,
    Sigmas,
    Vae,
)
from nodes.sockets.encoding import decode_tensor, encode_tensor
from nodes.weights.files import DTYPES
from nodes.weights.hypernetworks import HypernetworkRef
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.lora import AdapterRef
from nodes.weights.patches import Merge
from tests.nodes.tiny import MODEL

VALUES = Values(VALUE_TYPES)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def ref(path: Path, part: Part = Part.UNET) -> WeightsRef:
    return WeightsRef(path, "d1ge5t", part, MODEL)


def entry() -> ConditioningEntry:
    return ConditioningEntry(torch.randn(1, 77, 24), pooled=torch.randn(1, 24))


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Image(torch.zeros(4, 4, 3)), r"\[B, H, W, C\] float32 and not empty, not \[4, 4, 3\] float32"),
        (lambda: Image(torch.zeros(1, 4, 4, 3, dtype=torch.float64)), "float64"),
        (lambda: Image(torch.zeros(1, 4, 4, 2)), "1, 3 or 4 channels, not 2"),
        (lambda: Image(torch.zeros(0, 4, 4, 3)), "not empty"),
        (lambda: Mask(torch.zeros(4, 4)), r"\[B, H, W\]"),
        (lambda: Latent(torch.zeros(1, 4, 2)), r"\[B, C, h, w\]"),
        (lambda: Latent(torch.zeros(1, 4, 2, 2), torch.zeros(1, 1, 2, 2)), "noise mask"),
        (lambda: Latent(torch.zeros(2, 4, 2, 2), None, (0,)), "2 entries, not 1"),
        (lambda: ScaledLatent(torch.zeros(4)), "SCALED_LATENT"),
        (lambda: Sigmas(torch.zeros(2, 2)), "one-dimensional"),
        (lambda: Sigmas(torch.zeros(2).double()), "float64"),
        (lambda: Conditioning(()), "at least one"),
        (lambda: Conditioning((ConditioningEntry(torch.zeros(77, 24)),)), r"\[B, T, D\]"),
        (lambda: Noise(-1), "seed"),
        (lambda: Noise(2**64), "seed"),
        (lambda: Sampler("nonsense"), "nonsense"),
        (lambda: Model(ref(Path("x"), Part.VAE)), "MODEL"),
        (lambda: Vae(ref(Path("x"))), "VAE"),
        (lambda: Clip(()), "CLIP"),
        (lambda: Clip((ref(Path("x"), Part.TEXT),), layer=1), "counted from the end"),
    ],
)
def test_values_check_what_they_are_made_of(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_values_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Image(torch.zeros(1, 1, 1, 3)).pixels = torch.ones(1, 1, 1, 3)  # type: ignore[misc]


def test_sizes() -> None:
    assert Image(torch.zeros(1, 4, 6, 3)).size == (6, 4)
    assert Latent(torch.zeros(3, 4, 2, 2)).batch == 3


# At rest


def samples(file: Path) -> dict[str, object]:
    conditioning = Conditioning(
        (
            entry(),
            replace(entry(), pooled=None, area=Area(1, 2, 3, 4), strength=0.5, start_percent=0.25, end_percent=0.75),
            replace(entry(), area=AreaShare(0.5, 1.0, 0.0, 0.25), mask=torch.rand(1, 8, 8), mask_bounds=True),
            replace(entry(), concat=ConcatImage(torch.rand(1, 4, 2, 2), torch.rand(1, 16, 16))),
            replace(entry(), concat=ConcatImage(torch.rand(1, 4, 2, 2)), size=SizeConditioning(1024, 512, crop_w=3)),
            replace(entry(), concat=ConcatImage(torch.rand(1, 3, 2, 2), noise_augmentation=0.25)),
            replace(entry(), token_bias=torch.rand(77)),
            replace(entry(), pictures=(PictureHint(torch.rand(2, 8), 0.5, 0.1), PictureHint(torch.rand(1, 8)))),
        )
    )
    model = Model(ref(file))
    return {
        "image": Image(torch.rand(2, 4, 5, 3)),
        "mask": Mask(torch.rand(1, 4, 5)),
        "latent": Latent(torch.randn(2, 4, 2, 3)),
        "latent with all": Latent(torch.randn(2, 4, 2, 3), torch.rand(1, 16, 24), (3, 5)),
        "latent laid out otherwise": Latent(torch.randn(2, 4, 2, 3).to(memory_format=torch.channels_last)),
        "scaled latent": ScaledLatent(torch.randn(1, 4, 2, 2)),
        "sigmas": Sigmas(torch.tensor([14.6, 1.0, 0.0])),
        "no sigmas": Sigmas(torch.empty(0)),
        "conditioning": conditioning,
        "model": model,
        "model under all": replace(
            model,
            adapters=(
                AdapterRef(file, "d", 0.5),
                AttentionScale("attn1", q=2.0),
                Merge((ref(file),), (AdapterRef(file, "d", 1.0),), 0.25, 0.75, (("out.", 0.5),)),
            ),
            hypernetworks=(HypernetworkRef(file, "d", -0.5),),
        ),
        "clip": Clip((ref(file, Part.TEXT), ref(file, Part.TEXT_2)), layer=-2),
        "vae": Vae(ref(file, Part.VAE)),
        "noise": Noise(2**64 - 1),
        "no noise": Noise(None),
        "sampler": Sampler("euler"),
        "guider": Guider(model, conditioning, Conditioning((entry(),)), 6.5),
    }


@pytest.mark.parametrize("name", samples(Path()).keys())
def test_values_survive_being_put_to_rest(file: Path, name: str) -> None:
    value = samples(file)[name]
    kind, encoded = VALUES.encode(value)
    through_json = replace(encoded, data=json.loads(json.dumps(encoded.data)))
    assert kind == getattr(value, "socket_type")  # noqa: B009
    assert_equal(VALUES.decode(kind, through_json), value)
    assert VALUES.digest(value) == VALUES.digest(VALUES.decode(kind, encoded))
    assert VALUES.nbytes(value) >= sum(len(tensor.data) for tensor in encoded.tensors.values())
    assert VALUES.describe(value).startswith(kind)


@pytest.mark.parametrize("name", samples(Path()).keys())
def test_a_value_is_the_same_wherever_its_files_are(tmp_path: Path, name: str) -> None:
    """What consumers are keyed by, and training runs found by, on another machine or after a copy."""
    files = [tmp_path / folder / "model.safetensors" for folder in ("here", "there")]
    for one in files:
        one.parent.mkdir()
        one.write_bytes(b"weights")
    torch.manual_seed(0)
    here = samples(files[0])[name]
    torch.manual_seed(0)
    assert VALUES.digest(samples(files[1])[name]) == VALUES.digest(here)


def assert_equal(one: object, other: object) -> None:
    """Equal through and through, tensors to the last bit."""
    assert type(one) is type(other)
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif is_dataclass(one):
        for part in fields(one):
            assert_equal(getattr(one, part.name), getattr(other, part.name))
    elif isinstance(one, tuple) and isinstance(other, tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    else:
        assert one == other


@pytest.mark.parametrize("name", DTYPES)
def test_tensors_of_every_type_survive(name: str) -> None:
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(DTYPES[name])
    raw = encode_tensor(tensor)
    assert (raw.dtype, raw.shape) == (name, (2, 3))
    assert_equal(decode_tensor(raw), tensor)


@given(shape=st.lists(st.integers(0, 4), max_size=4))
def test_tensors_of_every_shape_survive(shape: list[int]) -> None:
    tensor = torch.randn(shape)
    assert_equal(decode_tensor(encode_tensor(tensor)), tensor)
    assert_equal(
        decode_tensor(encode_tensor(tensor.mT if tensor.ndim > 1 else tensor)), tensor.mT if tensor.ndim > 1 else tensor
    )


@pytest.mark.parametrize(
    "raw",
    [
        RawTensor("F32", (2,), b"1234"),
        RawTensor("F32", (1,), b"12345"),
        RawTensor("X8", (1,), b"1"),
        RawTensor("F32", (), b""),
    ],
)
def test_bytes_that_do_not_fit_are_no_tensor(raw: RawTensor) -> None:
    with pytest.raises(ValueError, match="bytes are no"):
        decode_tensor(raw)


@pytest.mark.parametrize("name", samples(Path()).keys())
@pytest.mark.parametrize(
    "garbage",
    [
        Encoded(None), Encoded([]), Encoded({}), Encoded([{}]), Encoded("x"), Encoded({"seed": "x", "name": 1}),
        Encoded({"batch_index": 3}), Encoded({"towers": [{}], "layer": None}),
    ],
)  # fmt: skip
def test_what_was_never_encoded_is_a_value_error(file: Path, name: str, garbage: Encoded) -> None:
    kind = getattr(samples(file)[name], "socket_type")  # noqa: B009
    with pytest.raises(ValueError, match="."):
        VALUES.decode(kind, garbage)


@pytest.mark.parametrize("change", ["gone", "longer", "rewritten"])
def test_a_model_at_rest_whose_file_changed_is_not_answered(file: Path, change: str) -> None:
    kind, encoded = VALUES.encode(Model(ref(file)))
    file.unlink()
    if change != "gone":
        file.write_bytes(b"weights, more" if change == "longer" else b"WEIGHTS")
    with pytest.raises(ValueError, match="not the file it was"):
        VALUES.decode(kind, encoded)


# Shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Image(torch.full((1, 2, 3, 3), 0.5)), "IMAGE [1,2,3,3] float32 0.5..0.5"),
        (Mask(torch.tensor([[[0.0, float("nan")]]])), "MASK [1,1,2] float32 with NaN"),
        (Mask(torch.tensor([[[1.0, float("-inf")]]])), "MASK [1,1,2] float32 with infinity"),
        (
            Latent(torch.zeros(1, 4, 2, 2), torch.ones(1, 8, 8)),
            "LATENT [1,4,2,2] float32 0..0, noise mask [1,8,8] float32 1..1",
        ),
        (Sigmas(torch.tensor([14.6146, 0.0])), "SIGMAS [2] float32 0..14.61"),
        (Sigmas(torch.empty(0)), "SIGMAS [0] float32"),
        (Model(ref(Path("a/b.safetensors"))), "MODEL tiny from b.safetensors"),
        (Noise(None), "NOISE none"),
        (Noise(7), "NOISE seed 7"),
        (Sampler("heun"), "SAMPLER heun"),
    ],
)
def test_descriptions_fit_an_error_message(value: object, text: str) -> None:
    assert VALUES.describe(value) == text
