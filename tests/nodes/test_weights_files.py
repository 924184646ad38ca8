"""Reading safetensors: what is accepted, and what each kind of wrong file is called."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from nodes.weights.errors import WeightsError, WeightsNotFinite, WeightsTruncated, WeightsUnreadable
from nodes.weights.files import DTYPES, is_finite, read_header, read_tensors
from tests.nodes.checkpoints import write_raw

TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def entry(**changes: object) -> dict[str, object]:
    return {"a": TENSOR | changes}


def saved(path: Path) -> Path:
    save_file({"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4, dtype=torch.float16)}, path, {"key": "value"})
    return path


def cut(length: int) -> Callable[[Path], object]:
    """Keep the first bytes of a good file (from the end if negative)."""

    def make(path: Path) -> None:
        path.write_bytes(saved(path).read_bytes()[:length])

    return make


def raw(header: object, data: bytes = b"\0" * 8) -> Callable[[Path], object]:
    return lambda path: write_raw(path, header, data)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def torch_zip(path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, path)


WRONG_FILES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "nothing there": (lambda path: None, "weights_unreadable", "No such file"),
    "a folder": (lambda path: path.mkdir(), "weights_unreadable", "directory"),
    "no bytes": (content(b""), "weights_empty", "0 bytes"),
    "five bytes": (cut(5), "weights_not_safetensors", "not a safetensors"),
    "cut inside the header": (cut(60), "weights_truncated", "header alone needs"),
    "cut inside the tensors": (cut(-3), "weights_truncated", "32 bytes of tensors are announced, 29 are there"),
    "a zipped pickle": (torch_zip, "weights_pickle", "pickle refused"),
    "a bare pickle": (content(pickle.dumps({"a": [1, 2, 3]})), "weights_pickle", "pickle refused"),
    "an old bare pickle": (content(pickle.dumps({"a": 1}, protocol=2)), "weights_pickle", "pickle refused"),
    "a Git LFS pointer": (content(b"version https://git-lfs.github.com/spec/v1\n"), "weights_not_safetensors", "LFS"),
    "a web page": (content(b"<!DOCTYPE html><html>not found</html>"), "weights_not_safetensors", "web page"),
    "a GGUF file": (content(b"GGUF\x03\0\0\0" + b"\0" * 99), "weights_not_safetensors", "GGUF"),
    "text": (content(b"these are not weights at all"), "weights_not_safetensors", "not a safetensors"),
    "zeros": (content(b"\0" * 100), "weights_not_safetensors", "not a safetensors"),
    "a header of a terabyte": (
        content(struct.pack("<Q", 2**40) + b'{"a": 1}'),
        "weights_not_safetensors",
        "not a safetensors",
    ),
    "a header that is not JSON": (raw(b'{"a": '), "weights_header", "header"),
    "a header nested without end": (raw(b'{"a":' + b"[" * 100_000), "weights_header", "header"),
    "a name twice": (raw(b'{"a": 1, "a": 2}'), "weights_header", "'a'"),
    "an entry that is no object": (raw({"a": 3}), "weights_header", "no dtype, shape"),
    "an entry without a place": (raw({"a": {"dtype": "F32", "shape": [2]}}), "weights_header", "no dtype, shape"),
    "an unknown type": (raw(entry(dtype="F12")), "weights_header", "'F12'"),
    "a negative side": (raw(entry(shape=[-2])), "weights_header", "impossible"),
    "a side that is true": (raw(entry(shape=[True, 2])), "weights_header", "impossible"),
    "a place that ends before it begins": (raw(entry(data_offsets=[8, 0])), "weights_header", "impossible"),
    "a negative place": (raw(entry(data_offsets=[-8, 0])), "weights_header", "impossible"),
    "a shape that does not fit": (raw(entry(shape=[3])), "weights_header", "does not fit"),
    "tensors one over another": (
        raw({"a": TENSOR, "b": TENSOR | {"data_offsets": [4, 12]}}, b"\0" * 12),
        "weights_header",
        "overlaps",
    ),
    "a place past the end": (raw(entry(data_offsets=[2**62, 2**62 + 8])), "weights_truncated", "announced"),
    "metadata that is no text": (raw({"__metadata__": {"a": 1}}), "weights_header", "__metadata__"),
    "metadata that is no object": (raw({"__metadata__": []}), "weights_header", "__metadata__"),
}


@pytest.mark.parametrize(("make", "code", "words"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_wrong_files(make: Callable[[Path], object], code: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    make(path)
    with pytest.raises(WeightsError, match=words) as raised:
        read_header(path)
    assert raised.value.code == code
    assert "model.safetensors" in str(raised.value)


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x80\x02", b"archive.tar"])
def test_what_pytorch_has_saved_is_refused_with_the_command_that_converts_it(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "an old.ckpt"
    path.write_bytes(start + b"\0" * 100)
    with pytest.raises(WeightsError) as refused:
        read_header(path)
    assert f"latentgraph models convert '{path}'" in (refused.value.hint or "")


def test_a_file_is_described_without_reading_its_tensors(tmp_path: Path) -> None:
    header = read_header(saved(tmp_path / "a.safetensors"))
    assert {name: (one.dtype, one.shape) for name, one in header.tensors.items()} == {
        "a": ("F32", (2, 3)),
        "b": ("F16", (4,)),
    }
    assert header.metadata == {"key": "value"}


def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path: Path) -> None:
    text = b'{"__metadata__": {"a": "' + b"x" * (0x0280 - 27) + b'"}}'
    path = write_raw(tmp_path / "a.safetensors", text)
    assert path.read_bytes().startswith(b"\x80\x02")
    assert read_header(path).tensors == {}


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)], ids=str)
def test_tensors_come_back_as_they_were_saved(dtype: torch.dtype, shape: tuple[int, ...], tmp_path: Path) -> None:
    tensor = (torch.rand(shape) * 9).to(dtype)
    save_file({"first": torch.zeros(1), "tensor": tensor}, tmp_path / "a.safetensors")
    back = read_tensors(read_header(tmp_path / "a.safetensors"), ["tensor"])["tensor"]
    assert back.dtype is dtype
    assert back.shape == shape
    assert torch.equal(back.float(), tensor.float())


def test_read_tensors_do_not_depend_on_the_file_any_more(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors")
    tensor = read_tensors(read_header(path), ["a"])["a"]
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert tensor.flatten().tolist() == [0, 1, 2, 3, 4, 5]


def test_a_file_that_shrinks_or_goes_after_its_header_was_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors")
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(WeightsTruncated):
        read_tensors(header, ["a", "b"])
    path.unlink()
    with pytest.raises(WeightsUnreadable):
        read_tensors(header, ["a"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_values_that_are_not_finite_are_refused_by_name(value: float, dtype: torch.dtype, tmp_path: Path) -> None:
    bad = torch.ones(100, dtype=dtype)
    bad[57] = value
    save_file({"fine": torch.ones(2), "bad": bad}, tmp_path / "a.safetensors")
    header = read_header(tmp_path / "a.safetensors")
    assert read_tensors(header, ["fine"])["fine"].tolist() == [1, 1]
    with pytest.raises(WeightsNotFinite, match="'bad'") as raised:
        read_tensors(header, ["bad"])
    assert raised.value.code == "weights_not_finite"


def test_the_largest_finite_values_are_finite() -> None:
    assert is_finite(torch.full((9,), torch.finfo(torch.float16).max, dtype=torch.float16))
    assert is_finite(torch.full((9,), torch.finfo(torch.float32).max))


@given(data=st.data())
def test_no_damage_to_a_file_escapes_as_another_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = saved(tmp_path_factory.mktemp("damaged") / "a.safetensors")
    good = path.read_bytes()
    place = data.draw(st.integers(0, len(good) - 1))
    path.write_bytes(good[:place] + bytes([data.draw(st.integers(0, 255))]) + good[place + 1 :])
    with suppress(WeightsError):
        header = read_header(path)
        read_tensors(header, list(header.tensors))
