"""Which prompts are still being answered: their messages wait for the answer.

A client that lets the server choose the id of its prompt cannot tell whose messages it hears before it has read the answer,
and a prompt that is all cached is over sooner than that. Clients that choose the id themselves wait for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

GRACE: Final = 0.05
"""Seconds that a client has to read the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A prompt whose messages wait: who sent it, and whether its answer may be taken as read."""

    client: str | None
    read: asyncio.Event = field(default_factory=asyncio.Event)


class Answering:
    """The prompts whose answers are under way."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def waits(self, client: str) -> bool:
        """Whether a prompt of this client is still being answered. A word on the queue would have it look for the prompt,
        and find it over, before it has heard anything of it: some clients then listen no more, and wait for ever."""
        return any(one.client == client for one in self._held.values())

    @contextlib.contextmanager
    def held(self, prompt: str, client: str | None, *, when: bool) -> Iterator[None]:
        """Hold the messages of this prompt of a client until a moment after the end of this block, if at all."""
        if not when:
            yield
            return
        self._held[prompt] = _Held(client)
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(GRACE, self._let_go, prompt)

    async def read(self, prompt: str) -> bool:
        """Return when the answer may be taken as read; whether that had to be waited for."""
        if prompt not in self._held:
            return False
        return await self._held[prompt].read.wait()

    async def all_read(self) -> None:
        """Return when the answers may be taken as read that are under way now. A client that has read its answer, hears an
        older word on the queue and does not find its prompt there, listens no more either: it is shown the queue when it
        has been told of its prompt."""
        for one in tuple(self._held.values()):
            await one.read.wait()

    def _let_go(self, prompt: str) -> None:
        self._held.pop(prompt).read.set()
