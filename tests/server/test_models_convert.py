"""`latentgraph models convert`: pickles to safetensors that our loaders read, and nothing that a pickle says is done."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nodes.diffusion.config import CLIP_L
from nodes.weights.embeddings import load_embedding
from nodes.weights.errors import WeightsPickle
from nodes.weights.files import read_header, read_tensors
from nodes.weights.hypernetworks import load_hypernetwork
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, load_part
from tests.nodes.checkpoints import tiny_tensors
from tests.nodes.tiny import MODEL
from tests.server.cli import CommandLine, Done

CANARY = "canary"


@pytest.fixture
def latentgraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(tmp_path, capsys)


class Call:
    """What a pickle does when it is read: calls a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.called


class ModelCheckpoint:
    """Stands for Lightning's, whose class many checkpoints have as a key."""


def convert(latentgraph: CommandLine, held: object, **options: Any) -> Done:  # noqa: ANN401 - torch.save's own
    torch.save(held, latentgraph.folder / "in.pt", **options)
    return latentgraph("models", "convert", str(latentgraph.folder / "in.pt"), "--json")


def read_back(done: Done) -> dict[str, Tensor]:
    assert done.code == 0, done.out
    header = read_header(Path(done.json["file"]))
    return read_tensors(header, list(header.tensors))


def ramp(*shape: int) -> Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape) / 7


ONE: Mapping[str, Tensor] = {"a.weight": ramp(2, 3)}
WRAPPED = {
    "bare": (ONE, 0, []),
    "state_dict": ({"state_dict": ONE, "epoch": 3}, 0, ["epoch"]),
    "two deep": ({"model": {"state_dict": ONE, "x": 1}, "optimizer": {"exp_avg": ramp(9)}}, 0, ["optimizer", "x"]),
    "an average and what it is of": ({"params": {"a.weight": ramp(1)}, "params_ema": ONE}, 0, ["params"]),
    "replicated": ({"module": {"module.a.weight": ramp(2, 3)}}, 0, []),
    "nested": ({"a": {"weight": ramp(2, 3), "name": "x", "more": [1, None, {"y": True}]}}, 4, []),
    "a parameter": ({"a.weight": nn.Parameter(ramp(2, 3))}, 0, []),
    "a view that is not contiguous": ({"a.weight": ramp(3, 2).reshape(2, 3).t().contiguous().t()}, 0, []),
}


@pytest.mark.parametrize("case", WRAPPED)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_weights_are_found_and_what_is_none_is_counted(latentgraph: CommandLine, case: str, zipped: bool) -> None:
    if not zipped and case not in ("bare", "two deep"):
        pytest.skip("the containers do not depend on the form")
    held, dropped, left_out = WRAPPED[case]
    done = convert(latentgraph, held, _use_new_zipfile_serialization=zipped)
    assert list(read_back(done)) == ["a.weight"]
    assert torch.equal(read_back(done)["a.weight"], ramp(2, 3))
    assert (done.json["tensors"], done.json["dropped"], done.json["left_out"]) == (1, dropped, left_out)


def test_what_well_known_checkpoints_hold_beside_weights_is_left_out(
    latentgraph: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "pytorch_lightning.callbacks.model_checkpoint"
    for part in ("pytorch_lightning", "pytorch_lightning.callbacks", name):
        monkeypatch.setitem(sys.modules, part, ModuleType(part))
    monkeypatch.setattr(sys.modules[name], "ModelCheckpoint", ModelCheckpoint, raising=False)
    monkeypatch.setattr(ModelCheckpoint, "__module__", name)
    held = {"state_dict": ONE, "callbacks": {ModelCheckpoint: {"best": None}}, "global_step": 470_000}
    done = convert(latentgraph, held)
    assert done.json["left_out"] == ["callbacks", "global_step"]
    assert read_header(Path(done.json["file"])).metadata == {"global_step": "470000"}


def test_a_checkpoint_comes_through(latentgraph: CommandLine) -> None:
    tensors = tiny_tensors()
    half = {name: one.half() for name, one in tensors.items()}
    done = convert(latentgraph, {"state_dict": half, "global_step": 7})
    got = read_back(done)
    assert list(got) == list(half)
    assert all(torch.equal(got[name], one) for name, one in half.items())
    path = Path(done.json["file"])
    loaded = load_part(WeightsRef(path, "any", Part.UNET, MODEL), torch.float32).module.state_dict()
    for name, one in loaded.items():
        assert torch.equal(one, half[f"model.diffusion_model.{name}"].float())


SHAPES: dict[str, tuple[Mapping[str, tuple[int, ...]], str | None, str]] = {
    "a checkpoint": (
        {
            "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
            "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
            "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (8, 768),
        },
        "checkpoints",
        "checkpoint (U-Net, VAE, text encoder)",
    ),
    "a LoRA": (
        {
            "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": (8, 2),
            "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (2, 8),
        },
        "loras",
        "LoRA",
    ),
    "a VAE": ({"decoder.mid.block_1.conv1.weight": (8, 8, 3, 3)}, "vae", "VAE"),
    "a compact upscaler": (
        {"body.0.weight": (8, 3, 3, 3), "body.2.weight": (8, 8, 3, 3), "body.4.weight": (48, 8, 3, 3)},
        "upscale_models",
        "upscale model, 4 times",
    ),
    "no known model": ({"a.weight": (2, 3)}, None, "no kind that is known"),
}


@pytest.mark.parametrize("case", SHAPES)
def test_it_says_what_kind_of_model_it_found_and_where_it_belongs(latentgraph: CommandLine, case: str) -> None:
    shapes, folder, said = SHAPES[case]
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, latentgraph.folder / "in.ckpt")
    done = latentgraph(
        "models", "convert", str(latentgraph.folder / "in.ckpt"), str(latentgraph.folder / "o.safetensors")
    )
    assert said in done.out
    assert (f"It belongs into models/{folder}." in done.out) == (folder is not None)


@pytest.mark.parametrize("container", [dict, nn.ParameterDict])
def test_a_textual_inversion_comes_through(latentgraph: CommandLine, container: type) -> None:
    vectors = container({"*": nn.Parameter(ramp(2, 768))})
    held = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": vectors, "name": "cat", "step": 500}
    done = convert(latentgraph, held)
    assert (done.json["folder"], done.json["tensors"]) == ("embeddings", 1)
    assert torch.equal(load_embedding(Path(done.json["file"]), CLIP_L), ramp(2, 768))
    assert read_header(Path(done.json["file"])).metadata == {"name": "cat", "step": "500"}


def test_a_textual_inversion_of_diffusers_comes_through(latentgraph: CommandLine) -> None:
    done = convert(latentgraph, {"<cat>": ramp(768)})
    assert done.json["kind"] == "textual inversion: 1 vectors, 768 wide"
    assert torch.equal(load_embedding(Path(done.json["file"]), CLIP_L), ramp(1, 768))


def test_a_hypernetwork_comes_through(latentgraph: CommandLine) -> None:
    layers = [
        {"linear.0.weight": ramp(8, 4), "linear.0.bias": ramp(8), "linear.2.weight": ramp(4, 8) + n} for n in (0, 1)
    ]
    held = {4: layers, "activation_func": "relu", "activate_output": True, "step": 9, "layer_structure": [1, 2, 1]}
    done = convert(latentgraph, held)
    assert (done.json["folder"], done.json["tensors"]) == ("hypernetworks", 6)
    loaded = load_hypernetwork(Path(done.json["file"]), torch.device("cpu"), torch.float32)
    x = ramp(1, 4)
    for place, net in enumerate(loaded.by_width[4]):
        inner = torch.relu(x @ layers[place]["linear.0.weight"].t() + layers[place]["linear.0.bias"])
        expected = torch.relu(inner @ layers[place]["linear.2.weight"].t())
        torch.testing.assert_close(net(x), expected)


def recursive() -> dict[str, object]:
    held: dict[str, object] = {"a": ramp(2)}
    held["again"] = held
    return held


HOSTILE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a command": (lambda canary: Call(os.system, f"touch {canary}"), "pickle_forbidden", "posix.system"),
    "a function of Python": (lambda canary: Call(eval, f"open({str(canary)!r}, 'w')"), "pickle_forbidden", "eval"),
    "a method": (lambda canary: Call(getattr, canary, "touch"), "pickle_forbidden", "getattr"),
    "a program": (lambda canary: Call(subprocess.Popen, ["touch", str(canary)]), "pickle_forbidden", "Popen"),
    "much memory": (lambda _: Call(bytearray, 10**13), "pickle_too_large", "memory"),
    "tensors larger than the file": (
        lambda _: {"a": torch.ones(1).as_strided((10**9, 1000), (0, 0))}, "pickle_too_large", "4,000,000,000,000 bytes",
    ),
    "itself": (lambda _: recursive(), "pickle_too_large", "without end"),
    "no tensor": (lambda _: {"a": 1}, "pickle_no_tensors", "no tensor"),
    "two of one name": (lambda _: {"a": {"b": ramp(1)}, "a.b": ramp(2)}, "pickle_ambiguous", "'a.b'"),
    "complex numbers": (lambda _: {"a": torch.ones(2, dtype=torch.complex64)}, "pickle_tensor", "complex64"),
    "a sparse tensor": (lambda _: {"a": torch.eye(2).to_sparse()}, "pickle_tensor", "sparse"),
    "NaN": (lambda _: {"a": torch.tensor([float("nan")])}, "weights_not_finite", "NaN"),
}  # fmt: skip


def refused(latentgraph: CommandLine, done: Done, code: str, said: str) -> None:
    assert done.code == 2
    (problem,) = done.json["problems"]
    assert problem["code"] == code
    assert said in problem["message"]
    assert sorted(path.name for path in latentgraph.folder.iterdir()) == ["in.pt"]


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_hostile_or_damaged_is_refused_and_does_nothing(latentgraph: CommandLine, case: str) -> None:
    held, code, said = HOSTILE[case]
    refused(latentgraph, convert(latentgraph, held(latentgraph.folder / CANARY)), code, said)


OTHER_FILES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "a bare pickle that calls": (lambda c: pickle.dumps(Call(os.system, f"touch {c}"), protocol=2), "pickle_forbidden"),
    "a bare pickle of today": (lambda c: pickle.dumps(Call(os.system, f"touch {c}")), "pickle_unreadable"),
    "a pickle cut off": (lambda _: pickle.dumps({"a": [1] * 99}, protocol=2)[:40], "pickle_unreadable"),
    "an archive cut off": (lambda _: b"PK\x03\x04" + bytes(100), "pickle_unreadable"),
    "nothing": (lambda _: b"", "weights_empty"),
    "a web page": (lambda _: b"<!DOCTYPE html><html>", "weights_not_safetensors"),
    "safetensors": (lambda _: (2).to_bytes(8, "little") + b"{}", "pickle_not_needed"),
}


@pytest.mark.parametrize("case", OTHER_FILES)
def test_other_files_are_refused_by_what_they_are(latentgraph: CommandLine, case: str) -> None:
    content, code = OTHER_FILES[case]
    path = latentgraph.write("in.pt", content(latentgraph.folder / CANARY))
    refused(latentgraph, latentgraph("models", "convert", str(path), "--json"), code, "in.pt")


def test_names_are_checked_before_anything_is_read(latentgraph: CommandLine) -> None:
    there = latentgraph.write("there.safetensors", b"mine")
    path = str(latentgraph.write("in.pt", b"never read"))
    for arguments, code in (
        ([path, str(there)], "file_exists"),
        ([str(there), str(there), "--overwrite"], "file_exists"),
        ([path, path + ".ckpt"], "usage"),
        ([path, str(latentgraph.folder / "no" / "such.safetensors")], "cannot_write"),
        ([str(latentgraph.folder / "absent.pt")], "weights_unreadable"),
        ([], "usage"),
        (["."], "usage"),
        (["/"], "usage"),
        ([str(latentgraph.folder)], "usage"),
    ):
        done = latentgraph("models", "convert", *arguments, "--json")
        assert (done.code, done.json["problems"][0]["code"]) == (2, code), arguments
    assert there.read_bytes() == b"mine"


def test_a_folder_as_the_second_name_means_a_file_in_it(latentgraph: CommandLine) -> None:
    torch.save(dict(ONE), latentgraph.folder / "in.pt")
    (latentgraph.folder / "there").mkdir()
    done = latentgraph(
        "models", "convert", str(latentgraph.folder / "in.pt"), str(latentgraph.folder / "there"), "--json"
    )
    assert done.json["file"] == str(latentgraph.folder / "there" / "in.safetensors")
    assert torch.equal(read_back(done)["a.weight"], ramp(2, 3))


def test_what_is_there_is_replaced_when_asked(latentgraph: CommandLine) -> None:
    latentgraph.write("in.safetensors", b"old")
    torch.save(dict(ONE), latentgraph.folder / "in.pt")
    done = latentgraph("models", "convert", str(latentgraph.folder / "in.pt"), "--overwrite", "--json")
    assert torch.equal(read_back(done)["a.weight"], ramp(2, 3))


def test_loaders_name_the_command(tmp_path: Path) -> None:
    path = tmp_path / "my model.ckpt"
    torch.save(dict(ONE), path)
    with pytest.raises(WeightsPickle) as error:
        read_header(path)
    assert f"latentgraph models convert '{path}'" in str(error.value.hint)


LIMITED = """
import socket, subprocess, sys
from server.worker.unpickling import leave_network, limit
leave_network()
import torch
limit(1000)
for attempt in (
    lambda: socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5),
    lambda: subprocess.run(["true"]),
    lambda: bytearray(3 * 2**30),
):
    try:
        attempt()
        print("done")
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
"""


def test_the_process_that_reads_has_no_network_no_programs_and_little_memory() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", LIMITED, str(server.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == ["PermissionError", "PermissionError", "MemoryError"]
