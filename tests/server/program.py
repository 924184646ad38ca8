"""The service as its users start it, with the embedded model and a real worker."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.cli import ROOT


@dataclass(frozen=True)
class Program:
    """A running service: where it answers, where its folders are, and its process."""

    port: int
    folder: Path
    process: subprocess.Popen[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(self, path: str, body: object = None, *, patience: float = 120) -> tuple[int, Any]:
        """The status and the JSON of an answer (None for what is none)."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{self.address}{path}", data)
        try:
            with urllib.request.urlopen(request, timeout=patience) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())

    def job(self, workflow: object) -> tuple[int, Any]:
        """Submit, and wait for the end."""
        return self.ask("/api/v1/jobs?wait=100", {"workflow": workflow})

    def workers(self) -> set[str]:
        """The processes of its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {one for one in children if "server.worker" in Path(f"/proc/{one}/cmdline").read_text().split("\0")}


@contextmanager
def started(folder: Path) -> Iterator[Program]:
    places = [
        part for name in ("output", "cache", "user", "input", "models") for part in (f"--{name}", str(folder / name))
    ]
    for name in ("input", "models"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server", "serve", "--port", "0", "--device", "cpu", *places]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Program(int(process.stdout.readline().rpartition(":")[2]), folder, process)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def _json(content: bytes) -> Any:  # noqa: ANN401 - tests look into it freely
    try:
        return json.loads(content)
    except ValueError:
        return None
