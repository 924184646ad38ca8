"""What happens to jobs, as it happens: over a WebSocket, as server-sent events, or as a list of what was kept.

A kept event has a sequence number within its job; who comes back says the last one seen and misses nothing. Progress has
none: it is told to who listens and forgotten. A client that reads too slowly is let go, and comes back the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from graph.json import JsonObject
from server.http.bodies import whole_number
from server.http.corking import Corking
from server.http.jobs import known
from server.http.problems import LEFT, ProblemError
from server.http.service import Service, service_of
from server.jobs.job import ENDS, JobEvent
from server.worker.frames import pack
from server.worker.hub import Dropped, Listener, Notice, Passing, of_job

BEAT: Final = 15.0
"""Seconds between two signs of life on a stream of server-sent events."""


async def job_events(request: web.Request) -> web.StreamResponse:
    """What happened to a job after `?after=` (or `Last-Event-ID`): a list, or with `Accept: text/event-stream` a stream
    that goes on to the end of the job."""
    job = await known(request)
    service = service_of(request)
    last = request.headers.get("Last-Event-ID", "")
    after = whole_number(request, "after", int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else 0)
    if "text/event-stream" not in request.headers.get("Accept", ""):
        events = await service.desk.do(service.desk.store.events, job.id, after=after)
        return web.json_response({"events": [told(one) for one in events]})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    with service.hub.listening(of_job(job.id), of_job(job.id)) as listener:
        sending = asyncio.create_task(_stream(response, followed(service, listener, job.id, after)))
        others = [asyncio.create_task(_beat(response)), asyncio.create_task(listener.dropped.wait())]
        try:
            await asyncio.wait((sending, *others), return_when=asyncio.FIRST_COMPLETED)
            if listener.dropped.is_set() and request.transport is not None:
                request.transport.abort()  # nobody reads: what is half sent would keep everything waiting
        finally:
            for task in (sending, *others):
                task.cancel()
            await asyncio.gather(sending, *others, return_exceptions=True)
    return response


async def _stream(response: web.StreamResponse, notices: AsyncIterator[Notice]) -> None:
    with contextlib.suppress(Dropped, *LEFT):
        async for notice in notices:
            await response.write(_as_sse(notice))


async def _beat(response: web.StreamResponse) -> None:
    """Say something that means nothing, now and then: only who writes hears that nobody reads any more."""
    with contextlib.suppress(*LEFT):
        while True:
            await asyncio.sleep(BEAT)
            await response.write(b": still here\n\n")


async def event_socket(request: web.Request) -> web.WebSocketResponse:
    """Events as JSON messages. `?job=ID` follows one job, from the beginning or `&after=N`; `?client=` those of one
    client; neither, all. Progress with a preview is a binary message: two lengths (4 bytes each, big-endian), JSON, picture.
    """
    service = service_of(request)
    job = request.query.get("job")
    after = whole_number(request, "after", 0)
    if job is not None:
        await known(request, job)
    elif "after" in request.query:
        raise ProblemError(400, "query", "after= goes with job=: sequence numbers count within a job")
    service.refuse_socket(request)
    socket = web.WebSocketResponse(heartbeat=30, max_msg_size=65536)
    await socket.prepare(request)
    client = request.query.get("client")
    wanted = of_job(job) if job else lambda _job, one: client in (None, one)
    with service.hub.listening(wanted, wanted) as listener:
        notices = followed(service, listener, job, after) if job else passing(listener)
        sending = asyncio.create_task(_send_all(socket, notices, Corking(request)))
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"nothing is to be sent here")
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return socket


async def followed(service: Service, listener: Listener, job: str, after: int) -> AsyncIterator[Notice]:
    """Everything of one job after a sequence number: what was kept, then what its listener hears, without gap or repeat."""
    kept = await service.desk.do(service.desk.store.events, job, after=after)
    early = listener.waiting  # told before or while the kept ones were read: progress among them may be older
    for event in kept:
        yield event
        after = event.sequence
        if event.type in ENDS:
            return
    found_job = await service.desk.do(service.desk.store.job, job)
    if found_job is None or found_job.state in ENDS:
        # It ended while the others were sent; or whoever asks has heard of its end.
        for event in await service.desk.do(service.desk.store.events, job, after=after):
            yield event
        return
    while True:
        notice = await listener.next()
        early -= 1
        if isinstance(notice, JobEvent):
            if notice.sequence <= after:
                continue
            after = notice.sequence
        elif early >= 0:
            continue
        yield notice
        if isinstance(notice, JobEvent) and notice.type in ENDS:
            return


async def passing(listener: Listener) -> AsyncIterator[Notice]:
    """Everything from now on."""
    while True:
        yield await listener.next()


def told(notice: Notice) -> JsonObject:
    """A notice as a client reads it."""
    if isinstance(notice, Passing):
        return {"type": "progress", "job": notice.job, "data": notice.data}
    return _heading(notice) | {"data": notice.data}


def _heading(event: JobEvent) -> JsonObject:
    return {"type": event.type, "job": event.job, "sequence": event.sequence, "time": event.time}


def _as_text(notice: Notice) -> str:
    """What `told` tells, as JSON. The facts of an event are that already: many may listen to the same."""
    if isinstance(notice, Passing):
        return json.dumps(told(notice))
    return f'{json.dumps(_heading(notice))[:-1]}, "data": {notice.text}}}'


async def _send_all(socket: web.WebSocketResponse, notices: AsyncIterator[Notice], corking: Corking) -> None:
    code = WSCloseCode.OK
    try:
        async for notice in notices:
            corking.hold()
            if isinstance(notice, Passing) and notice.picture:
                await socket.send_bytes(pack(told(notice), notice.picture))
            else:
                await socket.send_str(_as_text(notice))
    except Dropped:
        code = WSCloseCode.TRY_AGAIN_LATER
    except LEFT:
        return
    await socket.close(code=code)


def _as_sse(notice: Notice) -> bytes:
    number = f"id: {notice.sequence}\n" if isinstance(notice, JobEvent) else ""
    word = notice.type if isinstance(notice, JobEvent) else "progress"
    return f"{number}event: {word}\ndata: {_as_text(notice)}\n\n".encode()
