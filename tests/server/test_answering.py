"""Which clients hear nothing of the queue: those whose prompt is just being answered."""

from __future__ import annotations

import asyncio

from server.http.comfyui.answering import Answering


def test_a_client_waits_until_a_moment_after_its_prompt_is_answered() -> None:
    async def run() -> None:
        answering = Answering()
        with answering.held("prompt", "client", when=True):
            assert answering.waits("client")
            assert not answering.waits("another")
        assert answering.waits("client")
        assert await answering.read("prompt")
        assert not answering.waits("client")

    asyncio.run(run())


def test_a_client_that_chose_the_id_of_its_prompt_waits_for_nothing() -> None:
    async def run() -> None:
        answering = Answering()
        with answering.held("prompt", "client", when=False):
            assert not answering.waits("client")
            assert not await answering.read("prompt")

    asyncio.run(run())


def test_who_asks_what_is_read_waits_for_those_being_answered_then() -> None:
    async def run() -> None:
        answering = Answering()
        await answering.all_read()
        with answering.held("prompt", "client", when=True):
            asking = asyncio.create_task(answering.all_read())
            await asyncio.sleep(0)
        with answering.held("another", "client", when=True):
            await asking
            assert answering.waits("client")

    asyncio.run(run())
