"""Encoding in parts: everybody who comes takes some, each picture is encoded once, and what is complete outlives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from graph.errors import Cancelled
from nodes.training import shared_encoding
from nodes.training.checkpoint import write_atomically
from nodes.training.errors import TrainingError
from nodes.training.ranks import Share
from nodes.training.shared_encoding import encoded_together

ROOT = Path(__file__).parents[2]
COUNT = 300  # three parts, the last not full
WHOLE = torch.arange(COUNT).view(COUNT, 1, 1, 1).half()


def encoding(asked: list[int], before: Callable[[], object] = lambda: None) -> Callable[[range], Tensor]:
    """Latents that are the pictures' numbers; `asked` gets the number of each that is encoded."""

    def encode(indices: range) -> Tensor:
        before()
        asked.extend(indices)
        return WHOLE[indices.start : indices.stop]

    return encode


def unwatched(done: int) -> None:
    """Nobody looks."""


@pytest.mark.parametrize("count", [1, 16, 128, 129, COUNT])
def test_the_pictures_are_encoded_once_in_their_order_and_nothing_is_left(count: int, tmp_path: Path) -> None:
    asked: list[int] = []
    told: list[int] = []
    made = encoded_together(tmp_path / "run", count, encoding(asked), told.append)
    assert torch.equal(made, WHOLE[:count])
    assert asked == list(range(count))
    assert told == sorted(told)
    assert told[0] == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [2, 3, 5])
def test_all_who_come_share_the_work_and_each_gets_the_whole(number: int, tmp_path: Path) -> None:
    """The first batch of everybody who gets a part waits until three have one."""
    asked: list[int] = []
    everybody_in = threading.Barrier(min(number, 3))
    seen = threading.local()

    def once() -> None:
        if not getattr(seen, "came", False):
            seen.came = True
            everybody_in.wait(30)

    with ThreadPoolExecutor(number) as pool:
        runs = [
            pool.submit(encoded_together, tmp_path / "run", COUNT, encoding(asked, once), unwatched)
            for _ in range(number)
        ]
    assert all(torch.equal(run.result(), WHOLE) for run in runs)
    assert sorted(asked) == list(range(COUNT))
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_keeps_the_parts_that_are_complete(tmp_path: Path) -> None:
    def cancel(done: int) -> None:
        if done >= 200:
            raise Cancelled

    first: list[int] = []
    with pytest.raises(Cancelled):
        encoded_together(tmp_path / "run", COUNT, encoding(first), cancel)
    assert len(first) > 128
    then: list[int] = []
    assert torch.equal(encoded_together(tmp_path / "run", COUNT, encoding(then), unwatched), WHOLE)
    assert then == list(range(128, COUNT))


def test_the_first_process_may_come_last_and_finds_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, asked_for in ((1, COUNT), (2, 0), (0, 0)):
        monkeypatch.setattr(shared_encoding, "own_share", lambda number=number: Share(number, 3))
        asked: list[int] = []
        assert torch.equal(encoded_together(tmp_path / "run", COUNT, encoding(asked), unwatched), WHOLE)
        assert len(asked) == asked_for
        assert (tmp_path / "run").exists() is (number != 0)


def test_a_part_whose_process_was_killed_is_taken_by_another(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from nodes.training.shared_encoding import encoded_together\n"
        "def encode(indices): Path(sys.argv[2]).touch(); time.sleep(600)\n"
        f"encoded_together(Path(sys.argv[1]), {COUNT}, encode, lambda done: None)"
    )
    begun = tmp_path / "begun"
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run"), str(begun)], cwd=ROOT, env={**os.environ, "PYTHONPATH": "."}
    )
    while not begun.exists():
        assert killed.poll() is None
        time.sleep(0.05)
    asked: list[int] = []

    def end(done: int) -> None:
        """When only the part that the other has taken is left."""
        if done == COUNT - 128 and killed.poll() is None:
            killed.send_signal(signal.SIGKILL)
            killed.wait()

    assert torch.equal(encoded_together(tmp_path / "run", COUNT, encoding(asked), end), WHOLE)
    assert asked == [*range(128, COUNT), *range(128)]
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_told_and_keeps_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
        if path.name != "000000000.safetensors":
            raise OSError(28, "No space left on device")
        write_atomically(path, tensors, metadata)

    monkeypatch.setattr(shared_encoding, "write_atomically", full)
    with pytest.raises(TrainingError, match="No space left on device") as refused:
        encoded_together(tmp_path / "run", COUNT, encoding([]), unwatched)
    assert refused.value.code == "cannot_save"
    monkeypatch.undo()
    asked: list[int] = []
    encoded_together(tmp_path / "run", COUNT, encoding(asked), unwatched)
    assert asked == list(range(128, COUNT))
