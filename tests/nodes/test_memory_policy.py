"""Which device and precision is chosen, as tables over hardware."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nodes.diffusion.config import SD15, SDXL, ModelConfig
from nodes.memory.host import cpu_has_bf16, host_bytes, what_auto_rests_on
from nodes.memory.policy import PolicyError, choose_policy, require_usable
from nodes.memory.probe import CudaDevice, Hardware, probe_hardware
from nodes.weights.keymaps import Part
from tests.nodes.tiny import MODEL

PLAIN = Hardware()
FAST_CPU = Hardware(cpu_bf16=True)
AMPERE = Hardware(cuda=(CudaDevice("A", 24 * 2**30, bf16=True), CudaDevice("B", 8 * 2**30, bf16=True)))
TURING = Hardware(cuda=(CudaDevice("T", 16 * 2**30, bf16=False),))

FP32, FP16, BF16 = torch.float32, torch.float16, torch.bfloat16


@pytest.mark.parametrize(
    ("hardware", "device", "precision", "model", "chosen"),
    [
        (PLAIN, "auto", "auto", SD15, ("cpu", FP32, FP32, FP32)),
        (FAST_CPU, "auto", "auto", SD15, ("cpu", BF16, FP32, FP32)),
        (FAST_CPU, "auto", "auto", SDXL, ("cpu", BF16, FP32, FP32)),
        (FAST_CPU, "auto", "auto", MODEL, ("cpu", FP32, FP32, FP32)),
        (FAST_CPU, "cpu", "fp32", SD15, ("cpu", FP32, FP32, FP32)),
        (PLAIN, "cpu", "bf16", MODEL, ("cpu", BF16, BF16, FP32)),
        (PLAIN, "cpu", "fp16", SD15, ("cpu", FP16, FP16, FP32)),
        (AMPERE, "auto", "auto", SD15, ("cuda:0", FP16, FP32, BF16)),
        (AMPERE, "cpu", "auto", SD15, ("cpu", FP32, FP32, FP32)),
        (AMPERE, "cuda", "bf16", SD15, ("cuda:0", BF16, BF16, BF16)),
        (AMPERE, "cuda:1", "fp32", SD15, ("cuda:1", FP32, FP32, FP32)),
        (replace(AMPERE, own_cuda=1), "auto", "fp32", SD15, ("cuda:1", FP32, FP32, FP32)),
        (replace(AMPERE, own_cuda=1), "cuda", "fp32", SD15, ("cuda:1", FP32, FP32, FP32)),
        (replace(AMPERE, own_cuda=1), "cuda:0", "fp32", SD15, ("cuda:0", FP32, FP32, FP32)),
        (replace(AMPERE, own_cuda=1), "cpu", "fp32", SD15, ("cpu", FP32, FP32, FP32)),
        (TURING, "cuda:0", "auto", SD15, ("cuda:0", FP16, FP32, FP32)),
        (TURING, "auto", "fp16", MODEL, ("cuda:0", FP16, FP16, FP32)),
    ],
)
def test_choice(
    hardware: Hardware,
    device: str,
    precision: str,
    model: ModelConfig,
    chosen: tuple[str, torch.dtype, torch.dtype, torch.dtype],
) -> None:
    policy = choose_policy(device, precision, hardware)
    places = [policy.placement(part, model) for part in (Part.UNET, Part.TEXT, Part.VAE)]
    assert (policy.device, *(place.dtype for place in places)) == chosen
    assert {place.device for place in places} == {chosen[0]}
    assert [place.channels_last for place in places] == [place.dtype is not FP32 for place in places]


@pytest.mark.parametrize("precision", ["auto", "bf16"])
@pytest.mark.parametrize(
    ("hardware", "device", "has_bf16"),
    [
        (PLAIN, "cpu", False),
        (FAST_CPU, "cpu", True),
        (AMPERE, "cuda", True),
        (AMPERE, "cpu", False),
        (TURING, "cuda", False),
    ],
)
def test_whether_the_device_has_bfloat16(hardware: Hardware, device: str, precision: str, has_bf16: bool) -> None:  # noqa: FBT001
    assert choose_policy(device, precision, hardware).bf16 is has_bf16


@pytest.mark.parametrize(
    ("device", "precision", "code"),
    [
        ("gpu", "auto", "device_unknown"),
        ("cuda:x", "auto", "device_unknown"),
        ("", "auto", "device_unknown"),
        ("cuda", "auto", "device_unavailable"),
        ("cuda:3", "auto", "device_unavailable"),
        ("cpu", "fp8", "precision_unknown"),
    ],
)
def test_what_is_not_there_is_refused(device: str, precision: str, code: str) -> None:
    with pytest.raises(PolicyError) as raised:
        choose_policy(device, precision, PLAIN)
    assert raised.value.code == code
    assert raised.value.hint


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "meta"])
def test_a_device_that_does_not_compute_is_refused(device: str) -> None:
    with pytest.raises(PolicyError) as raised:
        require_usable(device)
    assert (raised.value.code, "\n" in str(raised.value)) == ("device_unusable", False)
    require_usable("cpu")


def test_the_choice_is_the_same_every_time() -> None:
    assert choose_policy("auto", "auto", FAST_CPU) == choose_policy("auto", "auto", FAST_CPU)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx512f avx512bw\n", False),
        ("model name: avx512_bf16\n", False),
        ("", False),
    ],
)
def test_bfloat16_is_believed_only_from_the_flags(cpuinfo: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert cpu_has_bf16(tmp_path / "cpuinfo") is expected
    assert cpu_has_bf16(tmp_path / "absent") is False


UNIT = "system.slice/latentgraph.service"
NO_LIMIT = str(2**63 - 4096)


@pytest.mark.parametrize(
    ("groups", "limits", "bound"),
    [
        ("0::/", {"memory.max": "1048576"}, 2**20),
        ("0::/", {"memory.max": "max"}, None),
        ("0::/", {}, None),
        ("", {"memory.max": "1048576"}, None),
        (f"0::/{UNIT}", {f"{UNIT}/memory.max": "1048576"}, 2**20),
        (f"0::/{UNIT}", {f"{UNIT}/memory.max": "max", "system.slice/memory.max": "1048576"}, 2**20),
        (f"0::/{UNIT}", {f"{UNIT}/memory.max": "2097152", "system.slice/memory.max": "1048576"}, 2**20),
        (f"0::/{UNIT}", {f"{UNIT}/memory.max": "1048576", "system.slice/memory.max": "2097152"}, 2**20),
        (f"0::/{UNIT}", {"system.slice/other.service/memory.max": "1048576", "user.slice/memory.max": "1048576"}, None),
        ("0::/not/mounted/here", {"memory.max": "1048576"}, 2**20),
        ("0::/../beside", {"memory.max": "1048576"}, 2**20),
        ("0::/a:b", {"a:b/memory.max": "1048576"}, 2**20),
        ("4:memory:/a\n0::/", {"memory/a/memory.limit_in_bytes": "1048576"}, 2**20),
        ("4:cpu,memory:/a/b\n0::/", {"memory/a/memory.limit_in_bytes": "1048576"}, 2**20),
        ("4:memory:/not/mounted/here", {"memory/memory.limit_in_bytes": "1048576"}, 2**20),
        ("4:memory:/a", {"memory/a/memory.limit_in_bytes": NO_LIMIT}, None),
        ("4:cpu:/a", {"memory/a/memory.limit_in_bytes": "1048576"}, None),
        ("1:name=systemd:/a", {"a/memory.max": "1048576"}, None),
    ],
)  # fmt: skip
def test_memory_is_what_the_process_may_use(
    groups: str, limits: dict[str, str], bound: int | None, tmp_path: Path
) -> None:
    physical = host_bytes(tmp_path / "absent")
    written(tmp_path / "proc/self/cgroup", groups)
    for name, limit in limits.items():
        written(tmp_path / "sys/fs/cgroup" / name, limit)
    assert host_bytes(tmp_path) == (physical if bound is None else bound)


def written(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n")


def test_what_auto_rests_on_tells_machines_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graphics card more, another kind of it, a card hidden, a CPU with other instructions: other results."""
    told = []
    for card, seen, flags in [
        (None, "", ""), ("H100", "0", ""), ("A100", "0", ""), ("A100", "", ""), ("A100", "", "flags\t: amx_bf16\n"),
    ]:  # fmt: skip
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
        (tmp_path / "cpuinfo").write_text(flags)
        if card:
            folder = tmp_path / "driver/nvidia/gpus/0000:01:00.0"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "information").write_text(f"Model: \t\t NVIDIA {card}\nIRQ: 1\n")
        told.append(what_auto_rests_on(tmp_path))
    assert len(set(told)) == len(told)
    assert "NVIDIA A100" in told[-1]
    assert what_auto_rests_on() == what_auto_rests_on()


def test_this_machine_can_be_probed() -> None:
    assert probe_hardware() == probe_hardware()
    assert host_bytes() > 2**20
