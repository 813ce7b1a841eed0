"""Replies of handlers, and how they are sent: ETag and 304, gzip, HEAD, CORS."""

import gzip
import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_federation.problems import CONTENT_TYPE as PROBLEM
from pangeo_forge_federation.problems import ProblemDetails, problem_body
from pangeo_forge_federation.request_notes import note_of_request

JSON = "application/json; charset=utf-8"

CACHE_CONTROL = "public, max-age=5, stale-while-revalidate=60"
# smaller bodies fit into one packet anyway
GZIP_FROM_BYTES = 1000
GZIP_LEVEL = 5
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Link, ETag, Location, Retry-After, Idempotency-Replayed, X-Total-Count, RateLimit, RateLimit-Policy, "
        "X-Request-Id, Federation-Acknowledged"
    ),
}
PREFLIGHT = {
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
    ),
    "Access-Control-Max-Age": "3600",
}


@dataclass
class Reply:
    """What a handler returns, independent of the request's headers. With an `etag`, the response can be 304."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = JSON
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    # instead of a body: parts that are generated while they are sent
    parts: AsyncIterator[bytes] | None = None
    # instead of everything else: an ASGI application that responds, such as one that serves ranges of a file
    application: Any = None
    # False if gzip would not make the body smaller
    compressible: bool = True


def cacheable(
    body: bytes, content_type: str = JSON, revision: int | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return a reply that clients may cache. Its ETag starts with the record's revision, if there is one."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    etag = digest if revision is None else f"{revision}-{digest}"
    return Reply(body, 200, content_type, {"Cache-Control": CACHE_CONTROL, **(headers or {})}, etag)


def problem_reply(problem: ProblemDetails) -> Reply:
    """Return the reply for a problem."""
    note = note_of_request()
    note.problem = problem.kind
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Reply(problem_body(problem, note.request_id), problem.status, PROBLEM, headers)


def finish(reply: Reply, method: str, request_headers: Mapping[str, str]) -> Reply:
    """The reply to one request: its encoding, 304 where the client has it already, no body for HEAD."""
    headers = {**CORS, **reply.headers}
    encoding = reply.compressible and gzip_accepted(request_headers.get("accept-encoding", ""))
    body, parts = reply.body, reply.parts
    zipped = encoding and (parts is not None or len(body) >= GZIP_FROM_BYTES)
    if reply.content_type and reply.compressible and (parts is not None or len(body) >= GZIP_FROM_BYTES):
        headers["Vary"] = "Accept-Encoding"
    if reply.etag:
        # a strong ETag identifies exact bytes, and the gzipped bytes differ
        etag = headers["ETag"] = f'"{reply.etag}-gzip"' if zipped else f'"{reply.etag}"'
        if etag_matches(request_headers.get("if-none-match"), etag):
            return Reply(b"", 304, None, headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, GZIP_LEVEL, mtime=0) if parts is None else b""
        parts = _gzip_parts(parts) if parts is not None else None
    if parts is None and reply.status != 204:
        headers["Content-Length"] = str(len(body))
    if method == "HEAD":
        body, parts = b"", None
    return Reply(body, reply.status, reply.content_type, headers, parts=parts)


def gzip_accepted(accept_encoding: str) -> bool:
    """Return whether an Accept-Encoding header (RFC 9110, 12.5.3) accepts gzip, by name or by `*`."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        weights[coding.strip().removeprefix("x-")] = parameters.replace(" ", "")
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return weight not in ("q=0", "q=0.", "q=0.0", "q=0.00", "q=0.000")


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Return whether an If-None-Match header (RFC 9110, 13.1.2, weak comparison) matches this ETag."""
    if not if_none_match:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


async def _gzip_parts(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    async for part in parts:
        if data := compressor.compress(part):
            yield data
    yield compressor.flush()


def start_message(reply: Reply, headers: Mapping[str, str]) -> dict[str, Any]:
    """The ASGI message that begins a finished reply with these headers."""
    typed = {**headers, "Content-Type": reply.content_type} if reply.content_type else headers
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in typed.items()]
    return {"type": "http.response.start", "status": reply.status, "headers": encoded}


async def send_reply(reply: Reply, send: Callable[[dict], Awaitable[None]]) -> None:
    """Send a finished reply as ASGI messages."""
    await send(start_message(reply, reply.headers))
    if reply.parts is not None:
        async for part in reply.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": reply.body})
