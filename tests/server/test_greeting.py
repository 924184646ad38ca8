"""What `latentgraph serve` says at its beginning and its end is so."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from server.cli.greeting import greeting, own_names
from server.tokens import Tokens
from tests.server.cli import ROOT


@pytest.mark.parametrize(
    ("host", "started", "asks", "lines"),
    [
        ("127.0.0.1", None, False, ["latentgraph answers on http://127.0.0.1:80"]),
        ("::1", None, False, ["latentgraph answers on http://[::1]:80"]),
        ("127.0.0.1", "secret", True, ["latentgraph answers on http://127.0.0.1:80/#token=secret"]),
        (
            "192.0.2.7",
            None,
            True,
            [
                "latentgraph answers on http://192.0.2.7:80",
                "  The editor opens with a token: http://192.0.2.7:80/#token=TOKEN",
            ],
        ),
    ],
)
def test_where_it_answers(host: str, started: str | None, asks: bool, lines: list[str]) -> None:
    assert list(greeting(host, 80, started=started, asks=asks)) == lines


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - nothing is bound
def test_all_addresses_are_named_as_clients_reach_them(host: str) -> None:
    names = own_names(host)
    assert names[0] == socket.gethostname().lower()
    assert host not in names
    assert len(names) == len(set(names))


def test_a_service_beyond_this_machine_answers_where_it_says_and_says_that_it_stops(tmp_path: Path) -> None:
    Tokens(tmp_path / "user" / "tokens.json").create("tester")
    places = [part for name in ("output", "cache", "user") for part in (f"--{name}", str(tmp_path / name))]
    command = [sys.executable, "-m", "server", "serve", "--host", "0.0.0.0", "--port", "0", "--device", "cpu", *places]  # noqa: S104
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said: list[str] = []
            while not said or "#token=TOKEN" not in said[-1]:
                said.append(process.stdout.readline())
                assert said[-1], said
            found = re.findall(r"http://(\S+):(\d+)$", "".join(said), re.MULTILINE)
            assert "--allow-host" in said[-2]
            assert [(_status(int(port), f"{name}:{port}")) for name, port in found] == [200] * len(found)
            assert _status(int(found[0][1]), "evil.example") == 421
        finally:
            process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "latentgraph stops; jobs that run go on at its next start\n"
        assert process.wait(20) == 0


def _status(port: int, host: str) -> int:
    asking = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        asking.request("GET", "/health/live", headers={"Host": host})
        return asking.getresponse().status
    finally:
        asking.close()
