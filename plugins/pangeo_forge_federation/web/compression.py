"""Gzip for responses of Datasette itself: pages, style sheets, scripts, images. The API compresses its own.

Some responses are left alone: those already encoded, with an ETag (which identifies exact bytes), or small, and those
for one person, since a page that repeats parts of a request could reveal a secret through its compressed size.
"""

import gzip
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

from pangeo_forge_federation.web.replies import GZIP_FROM_BYTES, GZIP_LEVEL, gzip_accepted

Application = Callable[[dict, Callable, Callable], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

COMPRESSIBLE = (
    b"text/html",
    b"text/css",
    b"text/javascript",
    b"application/javascript",
    b"application/json",
    b"image/svg+xml",
    b"application/atom+xml",
)


def compress_pages(application: Application) -> Application:
    """Return the application with its pages compressed for clients that accept gzip."""

    async def compressing(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            accepted = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
            send = _Compressor(send, gzip_accepted(accepted.decode("latin-1"))).send
        await application(scope, receive, send)

    return compressing


class _Compressor:
    """Compresses one response. Its start is held back until the first bytes of the body arrive."""

    def __init__(self, send: Callable, accepted: bool):
        self._send = send
        self._accepted = accepted
        self._start: dict | None = None
        self._stream: Any = None

    async def send(self, message: dict) -> None:
        if message["type"] == "http.response.start" and _is_compressible(message):
            self._start = message
        elif self._start is not None and message["type"] == "http.response.body":
            await self._begin(self._start, message)
            self._start = None
        elif self._stream is not None and message["type"] == "http.response.body":
            await self._go_on(message)
        else:
            await self._send(message)

    async def _begin(self, start: dict, first: dict) -> None:
        body, more = first.get("body", b""), first.get("more_body", False)
        if not more and len(body) < GZIP_FROM_BYTES:
            await self._send(start)
            await self._send(first)
        elif not self._accepted:
            await self._send({**start, "headers": _varied(start["headers"])})
            await self._send(first)
        else:
            headers = [pair for pair in _varied(start["headers"]) if pair[0].lower() != b"content-length"]
            headers.append((b"content-encoding", b"gzip"))
            if more:
                self._stream = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
                await self._send({**start, "headers": headers})
                await self._go_on(first)
            else:
                packed = gzip.compress(body, GZIP_LEVEL, mtime=0)
                headers.append((b"content-length", str(len(packed)).encode()))
                await self._send({**start, "headers": headers})
                await self._send({**first, "body": packed})

    async def _go_on(self, message: dict) -> None:
        packed = self._stream.compress(message.get("body", b""))
        more = message.get("more_body", False)
        if not more:
            packed += self._stream.flush()
        if packed or not more:
            await self._send({**message, "body": packed})


def _is_compressible(start: dict) -> bool:
    headers = {name.lower(): value.lower() for name, value in start.get("headers", ())}
    return (
        start["status"] not in (204, 206, 304)
        and b"content-encoding" not in headers
        and b"etag" not in headers
        and b"private" not in headers.get(b"cache-control", b"")
        and headers.get(b"content-type", b"").partition(b";")[0].strip() in COMPRESSIBLE
    )


def _varied(headers: Headers) -> Headers:
    """Return the headers with Accept-Encoding in `Vary`."""
    vary = b", ".join(value for name, value in headers if name.lower() == b"vary")
    if b"accept-encoding" in vary.lower() or vary == b"*":
        return list(headers)
    vary = b"Accept-Encoding, " + vary if vary else b"Accept-Encoding"
    return [pair for pair in headers if pair[0].lower() != b"vary"] + [(b"vary", vary)]
