"""The tier on disk in a folder that several processes share."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graph.cache.disk import DiskStore
from graph.cache.index import Index
from tests.toy_values import toy_values

WORKER = """
import sys
from pathlib import Path
from graph.cache.disk import DiskStore
from graph.cache.entry import Entry
from graph.cache.index import Index
from tests.toy_values import Tile, toy_values
folder, name = Path(sys.argv[1]), sys.argv[2]
index = Index(folder / "index.sqlite")
store = DiskStore(folder, index, toy_values(), cap=60_000)
wrong = 0
for number in range(150):
    shade = number % 40
    key = f"shared{shade}"
    found = store.get(key)
    if found is not None and found.outputs["out"][0] != Tile(bytes([shade]) * 2000):
        wrong += 1
    store.put(key, Entry({"out": (Tile(bytes([shade]) * 2000),)}, {}, None, 1.0, 2000))
    store.put(f"{name}{number}", Entry({"out": (number,)}, {}, None, 0.1, 32))
store.close()
print(wrong, store.faults)
index.close()
"""


def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), name], stdout=subprocess.PIPE, cwd=root, text=True
        )
        for name in ("a", "b", "c")
    ]
    said = [worker.communicate(timeout=120)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert [wrong for wrong, _ in said] == ["0", "0", "0"]
    index = Index(tmp_path / "index.sqlite")
    store = DiskStore(tmp_path, index, toy_values(), cap=60_000)
    assert store.nbytes <= 60_000
    assert len(store) > 0
    store.close()
    index.close()


@pytest.mark.parametrize("number", range(5))
def test_many_open_a_new_folder_at_once(number: int, tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def opened(_: int) -> None:
        together.wait()
        Index(tmp_path / f"{number}.sqlite").close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened, range(8))) == [None] * 8
