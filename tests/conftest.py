"""Fixtures that several packages' tests use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.cli import CommandLine


@pytest.fixture
def latentgraph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line with folders of its own."""
    return CommandLine(tmp_path, capsys)
