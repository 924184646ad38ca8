"""What `latentgraph serve` says when it answers: where it is reached, by whom, and how the editor is opened with a token."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what a user may ask for, not what is done
"""What stands for all addresses of this machine, and is none that a client could use."""

_ELSEWHERE: Final = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of nobody (RFC 5737, RFC 3849): asked for the way to them, the system names our own. Nothing is sent."""


def own_names(host: str) -> tuple[str, ...]:
    """The names and addresses, in lower case, by which a service that answers on `host` is reached."""
    if host not in EVERYWHERE:
        return (host.lower(),)
    families = (socket.AF_INET,) if host == EVERYWHERE[0] else (socket.AF_INET, socket.AF_INET6)
    return tuple(dict.fromkeys([socket.gethostname().lower(), *(one for family in families for one in _own(family))]))


def greeting(host: str, port: int, *, started: str | None, asks: bool) -> Iterator[str]:
    """The lines. `started` is the token of this start, if there is one; `asks`: clients have to bring a token."""
    first, *others = (address(one, port) for one in own_names(host))
    yield f"latentgraph answers on {first}{f'/#token={started}' if started else ''}"
    yield from (f"  and on {one}" for one in others)
    if host in EVERYWHERE:
        yield "  Under any other name, say of a proxy or a container's host, it answers if told: --allow-host NAME"
    if asks and not started:
        yield f"  The editor opens with a token: {first}/#token=TOKEN"


def address(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _own(family: socket.AddressFamily) -> Iterator[str]:
    """The address from which this machine speaks to others. None where it has no network."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as towards:
        towards.connect((_ELSEWHERE[family], 9))
        yield towards.getsockname()[0]
    with contextlib.suppress(OSError):
        for *_, found in socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_STREAM):
            if "%" not in str(found[0]):  # of a link: it would need the name of the link, too
                yield str(found[0])
