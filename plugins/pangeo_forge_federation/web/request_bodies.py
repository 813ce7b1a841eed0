"""Reads request bodies within a size limit."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.values.printable import printable

MAX_BODY_BYTES = 1024 * 1024
JSON_TYPES = ("application/json",)
PATCH_TYPES = ("application/merge-patch+json", "application/json")


async def read_body(
    headers: Mapping[str, str],
    receive: Callable[[], Awaitable[dict]],
    media_types: tuple[str, ...],
    limit: int = MAX_BODY_BYTES,
) -> bytes:
    """Return the body.

    Raises ProblemDetails: 415 for another type or encoding, 413 if too large, 400 if it is incomplete.
    """
    return b"".join([piece async for piece in open_body(headers, receive, media_types, limit)])


async def open_body(
    headers: Mapping[str, str], receive: Callable[[], Awaitable[dict]], media_types: tuple[str, ...], limit: int
) -> AsyncIterator[bytes]:
    """Yield the body in pieces as they arrive. Raises like `read_body`."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        detail = f"The Content-Type is {printable(media_type) or 'missing'}. Send {' or '.join(media_types)}."
        raise ProblemDetails("unsupported-media-type", detail)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ProblemDetails(
            "unsupported-media-type", f"The Content-Encoding is {printable(encoding)}. Send the body without encoding."
        )
    too_large = ProblemDetails("too-large", f"The body is larger than {limit:,} bytes. Send it in several requests.")
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemDetails("bad-request", "The body is incomplete.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large
        yield piece
        if not message.get("more_body", False):
            return
