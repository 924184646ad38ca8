"""Tokens: who holds one may use a service that asks for them. What is kept is a hash, so that whoever reads the file has
none of them; a token is shown once, when it is made.

A token is 256 random bits, so one round of SHA-256 is all the hashing it needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from graph.errors import InputError, Problem, nearest
from graph.files import draft, flush, write_flushed
from graph.json import Json, loads

FILE: Final = "tokens.json"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""Addresses at which only this machine is heard: elsewhere a service asks for a token."""
_PREFIX: Final = "lg_"
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was given out: what to call it by, who has it, when it was made, and its hash."""

    id: str
    name: str
    created: float
    digest: str

    @property
    def made(self) -> str:
        """When it was made, for people, to the minute in local time."""
        return f"{datetime.fromtimestamp(self.created):%Y-%m-%d %H:%M}"


@dataclass(slots=True)
class Tokens:
    """The tokens in a file. One that is made or revoked counts at once, also for a service that runs."""

    path: Path
    _read: tuple[int, int] | None = None
    _by_digest: Mapping[str, Token] = field(default_factory=dict)

    def all(self) -> list[Token]:
        """Every token, the oldest first. Raises InputError (`tokens_file`) for a file that makes no sense."""
        self._refresh()
        return sorted(self._by_digest.values(), key=lambda one: one.created)

    def create(self, name: str) -> tuple[Token, str]:
        """A new token and its secret, which nobody can tell again. Raises InputError."""
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            message = f"a token has a name of 1 to {_LONGEST_NAME} characters"
            raise InputError([Problem("token_name", message, hint="Name it after who or what will use it.")])
        secret = _PREFIX + secrets.token_urlsafe(32)
        made = Token(secrets.token_hex(4), name, time.time(), _digest(secret))
        with self._changing():
            self._write([*self.all(), made])
        return made, secret

    def revoke(self, identity: str) -> Token:
        """Let a token, by its id or name, count no more. Raises InputError (`unknown_token`,
        `ambiguous_token`)."""
        with self._changing():
            known = self.all()
            meant = [one for one in known if identity in (one.id, one.name)]
            if not meant:
                hint = nearest(identity, [one.name for one in known]) or "`latentgraph token list` shows them."
                raise InputError([Problem("unknown_token", f"there is no token {identity!r}", hint=hint)])
            if len(meant) > 1:
                message = f"{len(meant)} tokens are called {identity!r}"
                hint = f"Give the id of one: {', '.join(f'{one.id} (made {one.made})' for one in meant)}."
                raise InputError([Problem("ambiguous_token", message, hint=hint)])
            self._write([one for one in known if one is not meant[0]])
        return meant[0]

    def holder(self, secret: str) -> Token | None:
        """Whose secret this is; None if it is nobody's."""
        self._refresh()
        return self._by_digest.get(_digest(secret))

    def _refresh(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._read, self._by_digest = None, {}
            return
        except OSError as error:
            raise _unusable(self.path, error) from None
        seen = (stat.st_mtime_ns, stat.st_ino)
        if seen == self._read:
            return
        try:
            data = loads(self.path.read_bytes(), source=str(self.path))
            if not isinstance(data, list):
                raise TypeError("it is no list")
            found = [_token(one) for one in data]
        except OSError as error:
            raise _unusable(self.path, error) from None
        except (InputError, TypeError) as error:
            hint = "Move it away, and make new tokens."
            raise InputError([Problem("tokens_file", f"{self.path} cannot be read: {error}", hint=hint)]) from None
        self._read, self._by_digest = seen, {one.digest: one for one in found}

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """While this is open nobody else changes the file: what one writes is made of what is there, so that a token which
        another has revoked does not come back."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = open(self.path.with_name(f".{self.path.name}.lock"), "ab")  # noqa: SIM115 - closed below
        except OSError as error:
            raise _unusable(self.path, error) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, tokens: list[Token]) -> None:
        text = json.dumps([asdict(one) for one in tokens], indent=2)
        with draft(self.path.parent) as temporary:
            write_flushed(temporary, (text.encode(),))
            temporary.chmod(0o600)
            os.replace(temporary, self.path)
            flush(self.path.parent)


def _unusable(path: Path, error: OSError) -> InputError:
    message = f"{path} cannot be used: {error.strerror or error}"
    return InputError([Problem("tokens_file", message, hint="Choose another folder with --user.")])


def _token(told: Json) -> Token:
    """A token as it was written. Raises TypeError."""
    if not isinstance(told, dict):
        raise TypeError(f"{told!r} is no token")
    made = Token(**told)  # type: ignore[arg-type]
    is_sound = all(isinstance(one, str) for one in (made.id, made.name, made.digest))
    if not is_sound or isinstance(made.created, bool) or not isinstance(made.created, int | float):
        raise TypeError("a token has an id, a name and a digest, which are texts, and the time when it was made")
    return made


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
