"""Tokens: made and revoked on the command line, kept as hashes, asked for where a service can be reached by others."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from base64 import b64encode
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graph.errors import InputError
from server.http.security import Gate
from server.http.serving import Door
from server.http.user_files import UserFiles
from server.tokens import Tokens
from tests.server.cli import CommandLine
from tests.server.raw import ask
from tests.server.service import Service, running

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
SOCKETS = ("/ws?clientId=a", "/api/v1/events")


def do(folder: Path, act: Callable[[Service, str, Tokens], Awaitable[None]]) -> None:
    tokens = Tokens(folder / "tokens.json")
    _, secret = tokens.create("tester")

    async def run() -> None:
        gate = Gate(tokens, started="of this start")
        async with asyncio.timeout(60), running(folder / "service", door=Door(gate=gate)) as service:
            await act(service, secret, tokens)

    asyncio.run(run())


_UNKNOWN = b"the token that was sent is not known here, or not any more"


def test_every_route_asks_for_a_token(tmp_path: Path) -> None:
    async def act(service: Service, secret: str, tokens: Tokens) -> None:
        for path in (
            "/api/v1/jobs",
            "/prompt",
            "/queue",
            "/object_info/KSampler",
            "/view?filename=x.png",
            "/userdata?dir=x",
        ):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {secret}x"}):
                refused = await ask(service.port, "GET", path, headers=headers)
                assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer"), path
        for path in ("/", "/health/live"):
            assert (await ask(service.port, "GET", path)).status == 200
        password = b64encode(f"me:{secret}".encode()).decode()
        for headers in ({"Authorization": f"Bearer {secret}"}, {"Authorization": f"Basic {password}"}):
            assert (await ask(service.port, "GET", "/queue", headers=headers)).status == 200
        assert (await ask(service.port, "GET", f"/queue?token={secret}")).status == 200
        assert (
            await ask(service.port, "GET", "/queue", headers={"Authorization": "Bearer of this start"})
        ).status == 200
        for wrong in ("Basic ???", "Basic", "Digest x", "Bearer", "Bearer \udcff", "Bearer " + "x" * 7000):
            assert (await ask(service.port, "GET", "/queue", headers={"Authorization": wrong})).status in (400, 401), (
                wrong
            )
        tokens.revoke("tester")
        revoked = {"Authorization": f"Bearer {secret}"}
        assert (await ask(service.port, "GET", "/queue", headers=revoked)).status == 401
        for headers, says in (
            ({}, b"asks for a token"),
            ({"Authorization": "Bearer x"}, _UNKNOWN),
            (revoked, _UNKNOWN),
        ):
            told = (await ask(service.port, "GET", "/api/v1/jobs", headers=headers)).body
            assert says in told
            assert b"`latentgraph token create NAME`" in told

    do(tmp_path, act)


@pytest.mark.parametrize("path", SOCKETS)
def test_a_socket_opens_with_a_token_or_a_ticket_once(tmp_path: Path, path: str) -> None:
    async def act(service: Service, secret: str, tokens: Tokens) -> None:
        async def status(target: str, **headers: str) -> int:
            return (await ask(service.port, "GET", target, headers=UPGRADE | headers)).status

        joined = f"{path}{'&' if '?' in path else '?'}"
        assert await status(path) == 401
        assert await status(path, Authorization=f"Bearer {secret}") == 101
        assert await status(f"{joined}token={secret}") == 101
        assert (await ask(service.port, "POST", "/api/v1/tickets")).status == 401
        given = await ask(service.port, "POST", "/api/v1/tickets", headers={"Authorization": f"Bearer {secret}"})
        ticket = given.json["ticket"]
        assert (await ask(service.port, "GET", f"/queue?ticket={ticket}")).status == 401
        assert await status(f"{joined}ticket={ticket}") == 101
        assert await status(f"{joined}ticket={ticket}") == 401
        assert await status(f"{joined}ticket=wrong") == 401

    do(tmp_path, act)


def test_who_is_refused_first(tmp_path: Path) -> None:
    """Host, then origin, then token, then kind of body."""

    async def act(service: Service, secret: str, tokens: Tokens) -> None:
        wrong = {"Origin": "http://evil.test", "Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"}
        right = {"Authorization": f"Bearer {secret}"}
        fixes: list[tuple[dict[str, str], str | None, int]] = [
            (wrong, "evil.test", 421),
            (wrong, None, 403),
            ({"Content-Type": "text/plain", "Sec-Fetch-Site": "same-origin"}, None, 401),
            ({"Content-Type": "text/plain", "Sec-Fetch-Site": "same-origin"} | right, None, 415),
            ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"} | right, None, 400),
        ]
        for headers, host, status in fixes:
            assert (await ask(service.port, "POST", "/api/v1/jobs", b"{", headers, host)).status == status

    do(tmp_path, act)


def test_tokens_are_kept_as_hashes_and_never_logged(tmp_path: Path) -> None:
    async def act(service: Service, secret: str, tokens: Tokens) -> None:
        for path in (f"/queue?token={secret}", f"/api/v1/jobs/none?token={secret}", f"/ws?token={secret}"):
            answer = await ask(service.port, "GET", path, headers={"Authorization": f"Bearer {secret}"})
            assert secret.encode() not in answer.body
        logged = await ask(service.port, "GET", "/internal/logs/raw", headers={"Authorization": f"Bearer {secret}"})
        assert secret.encode() not in logged.body
        text = tokens.path.read_text()
        assert secret not in text
        assert tokens.path.stat().st_mode & 0o077 == 0
        files = [path for path in (tmp_path / "service").rglob("*") if path.is_file()]
        assert not [path for path in files if secret.encode() in path.read_bytes()]

    do(tmp_path, act)


def test_the_command_makes_lists_and_revokes(latentgraph: CommandLine) -> None:
    user = ["--user", str(latentgraph.folder / "user")]
    made = json.loads(latentgraph("token", "create", "alice", "--json", *user).out)
    assert Tokens(latentgraph.folder / "user" / "tokens.json").holder(made["token"])
    listed = json.loads(latentgraph("token", "list", "--json", *user).out)
    assert [(one["id"], one["name"]) for one in listed] == [(made["id"], "alice")]
    assert made["token"] not in json.dumps(listed)
    assert "alice" in latentgraph("token", "list", *user).out
    assert latentgraph("token", "revoke", "bob", *user).code == 2
    assert latentgraph("token", "revoke", made["id"], *user).code == 0
    assert "There is no token" in latentgraph("token", "list", *user).out
    assert latentgraph("token", "create", *user).code == 2


def test_a_service_for_others_does_not_start_without_a_token(latentgraph: CommandLine) -> None:
    done = latentgraph("serve", "--host", "0.0.0.0", "--user", str(latentgraph.folder / "user"))
    assert done.code == 2
    assert "no_token" in done.err
    assert "latentgraph token create" in done.err


@pytest.mark.parametrize(
    ("wrong", "code"), [(["--allow-origin", "example.org"], "origin"), (["--port", "{taken}"], "port")]
)
def test_no_worker_is_started_for_a_service_that_cannot_answer(
    latentgraph: CommandLine, monkeypatch: pytest.MonkeyPatch, wrong: list[str], code: str
) -> None:
    started: list[object] = []
    monkeypatch.setattr("server.cli.serve.start", started.append)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        given = [one.format(taken=other.getsockname()[1]) for one in wrong]
        done = latentgraph("serve", "--user", str(latentgraph.folder / "user"), *given)
    assert (done.code, started) == (2, [])
    assert f"[{code}]" in done.err or f"{code}:" in done.err, done.err


def test_a_new_token_says_for_which_service_it_is(latentgraph: CommandLine) -> None:
    user = latentgraph.folder / "a user"
    said = latentgraph("token", "create", "ada", "--user", str(user)).out
    assert str(user / "tokens.json") in said
    assert f"started with `--user '{user}'`" in said


@pytest.mark.parametrize("content", ["{", "{}", "[3]", '[{"id": "x"}]'])
def test_a_damaged_file_of_tokens_lets_nobody_in(tmp_path: Path, content: str) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    tokens.path.write_text(content)
    with pytest.raises(InputError):
        tokens.all()

    async def run() -> int:
        async with running(tmp_path / "service", door=Door(gate=Gate(tokens))) as service:
            return (await ask(service.port, "GET", "/queue", headers={"Authorization": "Bearer x"})).status

    assert asyncio.run(run()) == 401


def test_a_revoked_token_does_not_come_back_with_one_that_is_made_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    gone = [Tokens(path).create(f"old {index}")[0].name for index in range(20)]

    def make(index: int) -> None:
        Tokens(path).create(f"new {index}")

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(make, index) for index in range(20)] + [
            pool.submit(Tokens(path).revoke, one) for one in gone
        ]
    for one in done:
        one.result()
    assert sorted(one.name for one in Tokens(path).all()) == sorted(f"new {index}" for index in range(20))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": 7},
        {"id": None},
        {"name": ["x"]},
        {"created": "yesterday"},
        {"created": True},
        {"more": 1},
    ],
)
def test_a_file_of_something_else_is_said_to_be_so(tmp_path: Path, wrong: dict[str, object]) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps([{"id": "a", "name": "b", "created": 1.5, "digest": "c"} | wrong]))
    with pytest.raises(InputError, match="cannot be read") as raised:
        Tokens(path).all()
    assert raised.value.problems[0].code == "tokens_file"


def test_nothing_is_left_behind_of_tokens_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(tmp_path / "tokens.json")
    tokens.create("first")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = sorted(one.name for one in tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            tokens.create("second")
        with pytest.raises(OSError, match="No space"):
            UserFiles(tmp_path).write("first.json", b"{}")
    assert sorted(one.name for one in tmp_path.iterdir()) == before
    assert [one.name for one in tokens.all()] == ["first"]
