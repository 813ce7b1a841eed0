"""A request's body as bytes: of a type that is read here, and not too many."""

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
    """The body. Raises ProblemDetails: 415 for another type or encoding, 413 when too large, 400 when it breaks off."""
    return b"".join([piece async for piece in open_body(headers, receive, media_types, limit)])


async def open_body(
    headers: Mapping[str, str], receive: Callable[[], Awaitable[dict]], media_types: tuple[str, ...], limit: int
) -> AsyncIterator[bytes]:
    """The same piece by piece, as they come."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in media_types:
        detail = f"the Content-Type is {printable(media_type) or 'missing'}: send {' or '.join(media_types)}"
        raise ProblemDetails("unsupported-media-type", detail)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise ProblemDetails(
            "unsupported-media-type", f"the body is encoded as {printable(encoding)}: send it as it is"
        )
    too_large = ProblemDetails("too-large", f"the body is larger than {limit:,} bytes: send it in parts")
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemDetails("bad-request", "the body broke off")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limit:
            raise too_large
        yield piece
        if not message.get("more_body", False):
            return
