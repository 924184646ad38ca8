"""A client of the service for Python programs: submit, follow, fetch. The standard library alone, blocking, typed.

    from server.client import Client

    client = Client()
    job = client.run("text_to_image", prompt="a red fox", seed=7)
    for output in client.result(job).outputs:
        client.save(output, "pictures")

A submission carries a key, so that sending it again after a lost answer never makes a second job; events are followed by
number, so that a lost connection loses none. `AsyncClient` is the same for programs on asyncio.
"""

from server.client.answers import (
    ENDS,
    ClientError,
    Event,
    Job,
    JobFailedError,
    Output,
    ServiceError,
    UnreachableError,
    Upload,
)
from server.client.asynchronous import AsyncClient
from server.client.blocking import URL, Client

__all__ = [
    "ENDS",
    "URL",
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "Job",
    "JobFailedError",
    "Output",
    "ServiceError",
    "UnreachableError",
    "Upload",
]
