"""What is loaded, how often, and what is dropped: with a loader that only counts."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import nn

from graph.cache.budget import Budget
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.memory.policy import DevicePolicy, Placement
from nodes.memory.residency import Residency, weights_bytes
from nodes.weights.errors import WeightsChanged, WeightsError, WeightsMissing
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef, build
from tests.nodes.checkpoints import reference, write_tiny_checkpoint
from tests.nodes.tiny import MODEL, tiny_vae

POLICY = DevicePolicy("cpu", torch.float32, torch.float32, torch.float32)
PLACE = Placement("cpu", torch.float32, channels_last=False)


def ref(digest: str, part: Part = Part.VAE) -> WeightsRef:
    return WeightsRef(Path(f"{digest}.safetensors"), digest, part, MODEL)


VAE_BYTES = weights_bytes(ref("any"), PLACE)


class CountingLoader:
    """Makes modules from nothing and counts how often each was asked for. Time passes only where `seconds` says."""

    def __init__(self, work: Callable[[], object] = lambda: None, seconds: dict[str, float] | None = None) -> None:
        self.loads: Counter[tuple[str, Part]] = Counter()
        self._work = work
        self._seconds = seconds or {}
        self._now = 0.0

    def __call__(self, wanted: WeightsRef, placement: Placement) -> nn.Module:
        self.loads[wanted.digest, wanted.part] += 1
        self._now += self._seconds.get(wanted.digest, 1.0)
        self._work()
        return build(wanted.part, wanted.config)

    def clock(self) -> float:
        return self._now


def touch(residency: Residency, *digests: str) -> None:
    for digest in digests:
        with residency.vae(ref(digest)):
            pass


def test_a_module_is_loaded_once_and_is_the_same_for_everybody() -> None:
    loader = CountingLoader()
    residency = Residency(POLICY, Budget(None), loader)
    with residency.vae(ref("a")) as first, residency.vae(ref("a")) as second:
        assert first is second
    touch(residency, "a")
    assert loader.loads == {("a", Part.VAE): 1}


def test_parts_contents_and_precisions_are_different_modules() -> None:
    loader = CountingLoader()
    residency = Residency(POLICY, Budget(None), loader)
    with residency.vae(ref("a")) as one, residency.vae(ref("b")) as other, residency.unet(ref("a", Part.UNET)) as unet:
        assert one is not other
        assert isinstance(one, Vae)
        assert isinstance(unet, UNet)
    assert residency.nbytes > 2 * VAE_BYTES
    assert loader.loads.total() == 3


def test_the_same_file_under_two_names_is_one_module() -> None:
    loader = CountingLoader()
    residency = Residency(POLICY, Budget(None), loader)
    with residency.vae(ref("a")) as one, residency.vae(replace(ref("a"), path=Path("copy.safetensors"))) as other:
        assert one is other


class TestBudget:
    def test_the_least_recently_useful_is_dropped_when_the_next_does_not_fit(self) -> None:
        loader, budget = CountingLoader(), Budget(2 * VAE_BYTES)
        residency = Residency(POLICY, budget, loader, loader.clock)
        touch(residency, "a", "b", "c")
        assert residency.nbytes == budget.used == 2 * VAE_BYTES
        touch(residency, "b", "c")
        assert loader.loads == {(digest, Part.VAE): 1 for digest in "abc"}
        touch(residency, "a")
        assert loader.loads["a", Part.VAE] == 2

    def test_what_is_dear_to_load_stays_longer(self) -> None:
        loader = CountingLoader(seconds={"dear": 10.0})
        residency = Residency(POLICY, Budget(2 * VAE_BYTES), loader, loader.clock)
        touch(residency, "dear", "b", "c", "d", "dear")
        assert loader.loads["dear", Part.VAE] == 1

    def test_what_was_dear_once_does_not_stay_for_ever(self) -> None:
        loader = CountingLoader(seconds={"dear": 3.0})
        residency = Residency(POLICY, Budget(2 * VAE_BYTES), loader, loader.clock)
        touch(residency, "dear", *"abcdefgh", "dear")
        assert loader.loads["dear", Part.VAE] == 2

    def test_room_is_made_before_loading(self) -> None:
        budget = Budget(VAE_BYTES)
        seen: list[int] = []
        residency = Residency(POLICY, budget, CountingLoader(lambda: seen.append(residency.nbytes)))
        touch(residency, "a", "b")
        assert seen == [0, 0]

    def test_what_is_in_use_is_never_dropped(self) -> None:
        loader, budget = CountingLoader(), Budget(VAE_BYTES)
        residency = Residency(POLICY, budget, loader)
        with residency.vae(ref("a")):
            touch(residency, "b", "c")
            assert residency.cheapest() is None
            touch(residency, "a")
            assert residency.clear() == 0
        assert loader.loads["a", Part.VAE] == 1
        assert residency.nbytes == budget.used <= VAE_BYTES

    def test_clear_drops_everything_idle(self) -> None:
        budget = Budget(None)
        residency = Residency(POLICY, budget, CountingLoader())
        touch(residency, "a", "b")
        assert residency.clear() == 2 * VAE_BYTES
        assert residency.nbytes == budget.used == 0

    def test_weights_count_as_many_bytes_as_they_take(self) -> None:
        assert sum(one.nbytes for one in tiny_vae().state_dict().values()) == VAE_BYTES


class TestThreads:
    def test_two_lanes_that_want_the_same_module_load_it_once(self) -> None:
        loader = CountingLoader(lambda: time.sleep(0.05))
        residency = Residency(POLICY, Budget(None), loader)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: touch(residency, "a"), range(16)))
        assert loader.loads == {("a", Part.VAE): 1}

    def test_loading_one_module_does_not_hold_up_another(self) -> None:
        started, release = threading.Event(), threading.Event()

        def slow() -> None:
            if not started.is_set():
                started.set()
                assert release.wait(30)

        residency = Residency(POLICY, Budget(None), CountingLoader(slow))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(touch, residency, "slow")
            assert started.wait(30)
            touch(residency, "quick")
            release.set()
            waiting.result(30)

    def test_many_threads_within_a_small_budget_keep_the_books(self) -> None:
        budget = Budget(2 * VAE_BYTES)
        residency = Residency(POLICY, budget, CountingLoader())
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda index: touch(residency, "abcd"[index % 4]), range(40)))
        assert residency.nbytes == budget.used <= 2 * VAE_BYTES


def test_a_failed_load_costs_nothing_and_can_be_tried_again() -> None:
    def fail() -> None:
        if loader.loads["a", Part.VAE] == 1:
            raise WeightsMissing("gone")

    loader, budget = CountingLoader(fail), Budget(None)
    residency = Residency(POLICY, budget, loader)
    with pytest.raises(WeightsError):
        touch(residency, "a")
    assert residency.nbytes == budget.used == 0
    touch(residency, "a")
    assert budget.used == VAE_BYTES


def test_a_reference_to_another_part_is_refused() -> None:
    residency = Residency(POLICY, Budget(None), CountingLoader())
    with pytest.raises(TypeError, match="is no UNet"), residency.unet(ref("a", Part.VAE)):
        pass
    assert residency.clear() == VAE_BYTES


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_modules_come_from_files_in_the_policy_s_precision_and_layout(dtype: torch.dtype, tmp_path: Path) -> None:
    path = write_tiny_checkpoint(tmp_path / "tiny.safetensors")
    residency = Residency(DevicePolicy("cpu", dtype, dtype, torch.float32), Budget(None))
    with residency.unet(reference(path, Part.UNET)) as unet:
        assert unet.dtype is dtype
        weight = unet.state_dict()["middle_block.0.in_layers.2.weight"]
        assert weight.is_contiguous(memory_format=torch.channels_last) is (dtype is torch.bfloat16)
    with residency.text_encoder(reference(path, Part.TEXT)) as encoder:
        hidden, _ = encoder(torch.zeros(1, 77, dtype=torch.long))
        assert hidden.isfinite().all()
    tokenizer = residency.tokenizer(reference(path, Part.TEXT))
    assert tokenizer is residency.tokenizer(reference(path, Part.TEXT))
    assert tokenizer.encode("a cat") == [320, 2368]


def test_a_unet_that_does_not_fit_alone_is_streamed_and_computes_the_same(tmp_path: Path) -> None:
    unet_ref = reference(write_tiny_checkpoint(tmp_path / "tiny.safetensors", dtype=torch.float16), Part.UNET)
    inputs = torch.randn(2, 4, 8, 8), torch.tensor([500.0, 20.0]), torch.randn(2, 7, 24)
    seen = []
    for limit in (weights_bytes(unet_ref, PLACE), weights_bytes(unet_ref, PLACE) - 1):
        residency = Residency(POLICY, Budget(limit))
        with residency.unet(unet_ref) as unet:
            seen.append((residency.nbytes, unet.dtype, unet(*inputs)))
    (whole, *_, expected), (streamed, dtype, actual) = seen
    assert streamed < 0.6 * whole
    assert dtype is torch.float32
    assert torch.equal(actual, expected)


class TestFileWrittenIntoInPlace:
    """The weights of a float32 file are used where they are mapped."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return write_tiny_checkpoint(tmp_path / "tiny.safetensors")

    def test_what_was_computed_meanwhile_is_refused(self, path: Path) -> None:
        residency = Residency(POLICY, Budget(None))
        with pytest.raises(WeightsChanged), residency.vae(reference(path, Part.VAE)):
            path.write_bytes(path.read_bytes())

    def test_it_is_read_again_by_the_next(self, path: Path) -> None:
        residency = Residency(POLICY, Budget(None))
        with residency.vae(reference(path, Part.VAE)) as before:
            pass
        path.write_bytes(path.read_bytes())
        with residency.vae(reference(path, Part.VAE)) as after:
            assert after is not before
        assert residency.nbytes == VAE_BYTES

    @pytest.mark.parametrize("way", ["deleted", "replaced by renaming"])
    def test_one_whose_name_is_gone_serves_on(self, path: Path, way: str) -> None:
        residency = Residency(POLICY, Budget(None))
        wanted = reference(path, Part.VAE)
        with residency.vae(wanted) as before:
            if way == "deleted":
                path.unlink()
            else:
                other = path.with_name("other")
                other.write_bytes(b"other content")
                other.rename(path)
        with residency.vae(wanted) as after:
            assert after is before


def test_a_network_is_built_to_be_counted_once_for_any_number_of_borrowings(tmp_path: Path) -> None:
    ref = reference(write_tiny_checkpoint(tmp_path / "tiny.safetensors"), Part.UNET)
    residency = Residency(POLICY, Budget(2**30))
    with residency.unet(ref):
        pass
    with patch("nodes.memory.residency.build", side_effect=AssertionError("it was built")):
        for _ in range(3):
            with residency.unet(ref):
                pass
