"""What all tests share: one thread for each process (several processes run side by side), and fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from tests.server.cli import CommandLine

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is first imported

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-k B-16` chooses tests by the row that they are of, too."""
    for item in items:
        for mark in item.iter_markers("row"):
            item.extra_keyword_matches.update(mark.args)


@pytest.fixture
def latentgraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line with folders of its own."""
    for name in ("input", "models"):
        (tmp_path / name).mkdir()
    return CommandLine(tmp_path, capsys)
