"""`/ws`: status for everybody, the messages of a prompt for the client that sent it and nobody else.

Scripts take any binary message for a result, as previews are off there by default; so here too. Pictures that are results
(`SaveImageWebsocket`) are sent to all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from graph.errors import InputError
from graph.json import loads
from server.http.comfyui.facts import features_of
from server.http.comfyui.messages import Message, Translator, closing, status
from server.http.logbook import MOST_LINES, Line
from server.http.service import Service, service_of
from server.jobs.job import ENDS, JobEvent
from server.worker.hub import Dropped, Listener, Notice, Passing

_LARGEST: Final = 65536
_MOST_MESSAGES: Final = 10_000
AGAIN: Final = 1.0
"""Seconds after the end of a prompt when those are told once more who may not have listened yet."""
BRIEF: Final = 5.0
"""Seconds from the answer to the end of a prompt within which that may have been missed."""
REMEMBERED: Final = 30.0
"""Seconds for which such an end comes before every word on the queue."""
MOST_REMEMBERED: Final = 64
SILENCE: Final = 4.0
"""Seconds after which nobody is left without a word."""


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """One client's session, until it leaves."""
    service = service_of(request)
    sid = request.query.get("clientId") or uuid.uuid4().hex
    service.refuse_socket(request)
    # Clients unpack what is compressed on other threads, and hear of a prompt later than they find it over.
    socket = web.WebSocketResponse(heartbeat=30, max_msg_size=_LARGEST, compress=False)
    await socket.prepare(request)
    with service.hub.listening(lambda _job, _client: True, lambda _job, client: client == sid) as listener:
        session = _Session(socket, service, sid)
        lines: asyncio.Queue[Line] = asyncio.Queue(MOST_LINES)
        with service.log.heard_by(sid, lambda line: None if lines.full() else lines.put_nowait(line)):
            await session.greet()
            endless = (session.send_all(listener), session.send_log(lines), session.send_again())
            sending = [asyncio.create_task(one) for one in endless]
            try:
                await session.listen()
            finally:
                for task in sending:
                    task.cancel()
                await asyncio.gather(*sending, return_exceptions=True)
    return socket


class _Session:
    """One socket and what it has been told."""

    def __init__(self, socket: web.WebSocketResponse, service: Service, sid: str) -> None:
        self._socket, self._service, self._sid = socket, service, sid
        self._translators: dict[str, Translator] = {}
        self._held: dict[str, float] = {}
        self._brief: dict[str, float] = {}
        self._metadata = False
        self._again = asyncio.Event()
        self._speaking = asyncio.Lock()

    async def greet(self) -> None:
        """The greeting; and where a prompt of this client is, if one runs."""
        await self._send(status(self._service.hub.remaining, self._sid))
        store = self._service.desk.store
        for job in await self._service.desk.do(store.newest, ("running",), limit=16):
            if job.client == self._sid:
                events = await self._service.desk.do(store.events, job.id)
                at = [one.data["display"] for one in events if one.type == "node_started"]
                if at:
                    await self._send(("executing", {"node": at[-1], "display_node": at[-1], "prompt_id": job.id}))

    async def listen(self) -> None:
        """The one thing a client says, in its first message: what it understands."""
        heard = 0
        async for message in self._socket:
            if message.type == WSMsgType.TEXT and heard == 0:
                await self._features(message.data)
            heard += 1
            if heard > _MOST_MESSAGES:
                await self._socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"too much was said")

    async def send_all(self, listener: Listener) -> None:
        try:
            while True:
                notice = await listener.next()
                async with self._speaking:
                    await self._pass_on(notice)
        except Dropped:
            await self._socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
        except ConnectionResetError:
            return

    async def send_log(self, lines: asyncio.Queue[Line]) -> None:
        """What the client has subscribed to, if it has."""
        with contextlib.suppress(ConnectionResetError):
            while True:
                line = await lines.get()
                await self._send(("logs", {"entries": [dict(line)], "size": None}))

    async def _pass_on(self, notice: Notice) -> None:
        ours = notice.client == self._sid
        if ours and await self._service.answering.read(notice.job):
            self._held[notice.job] = asyncio.get_running_loop().time()
        translator = self._translators.setdefault(notice.job, Translator(notice.job, self._metadata)) if ours else None
        for message in translator.messages(notice) if translator else ():
            is_result = isinstance(notice, Passing) and notice.is_result
            if isinstance(message, tuple) or is_result or self._metadata or self._service.previews:
                await self._send(message)
        if isinstance(notice, JobEvent) and (notice.type in ("queued", "running", "requeued") or notice.type in ENDS):
            await self._tell_queue()
        if isinstance(notice, JobEvent) and notice.type in ENDS and translator:
            await self._send(closing(translator.job))
            self._close(translator)

    def _close(self, translator: Translator) -> None:
        del self._translators[translator.job]
        loop = asyncio.get_running_loop()
        if loop.time() - self._held.pop(translator.job, -BRIEF) < BRIEF:
            self._brief[translator.job] = loop.time() + REMEMBERED
            for oldest in list(self._brief)[:-MOST_REMEMBERED]:
                del self._brief[oldest]
        loop.call_later(AGAIN, self._again.set)

    async def send_again(self) -> None:
        """Speak once more when nothing has been said for a while, and soon after the end of a prompt."""
        with contextlib.suppress(ConnectionResetError):
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SILENCE):
                        await self._again.wait()
                self._again.clear()
                async with self._speaking:
                    await self._tell_queue()

    async def _tell_queue(self) -> None:
        """The length of the queue. Before it, unless another prompt goes on, that prompts are over which were over so soon
        that who learned their id from the answer may have missed it: a client that began to listen too late looks again
        when it hears both, some only in this order. One that takes silence for a lost connection keeps it. One whose prompt
        is just being answered hears nothing yet: of that prompt it is told first."""
        if self._service.answering.waits(self._sid):
            return
        if not self._translators:
            now = asyncio.get_running_loop().time()
            self._brief = {job: until for job, until in self._brief.items() if until > now}
            for job in self._brief:
                await self._send(closing(job))
        await self._send(status(self._service.hub.remaining))

    async def _features(self, text: str) -> None:
        try:
            message = loads(text, source="the message")
        except InputError:
            return
        if not isinstance(message, dict) or message.get("type") != "feature_flags":
            return
        theirs = message.get("data")
        self._metadata = isinstance(theirs, dict) and theirs.get("supports_preview_metadata") is True
        await self._send(("feature_flags", features_of(self._service)))

    async def _send(self, message: Message) -> None:
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_str(json.dumps({"type": message[0], "data": message[1]}))
