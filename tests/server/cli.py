"""Calling the command line from tests: in this process where that is enough, as a program where it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.cli.main import main

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = ROOT / "workflows"


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - tests look into it freely
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """The command line with its own cache, output and input folders."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def places(self) -> list[str]:
        names = ("cache", "output", "input", "models")
        return [part for name in names for part in (f"--{name}", str(self.folder / name))]

    def __call__(self, *arguments: str) -> Done:
        """Run a command as given."""
        self.capture.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as stop:  # argparse's own refusals and --help
            code = int(stop.code or 0)
        printed = self.capture.readouterr()
        return Done(code, printed.out, printed.err)

    def run(self, file: Path | str, *arguments: str) -> Done:
        """`run FILE --json` in this folder."""
        return self("run", str(file), "--json", *self.places, *arguments)

    def write(self, name: str, content: str | bytes | dict[str, object]) -> Path:
        """A file in this folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - subprocess's own
    """The command line as a program of its own."""
    command = [sys.executable, "-m", "server", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)
