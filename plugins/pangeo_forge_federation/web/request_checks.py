"""The outermost layer: headers that would crash what lies below, tokens, and whatever nobody else caught.

Below every route, a non-ASCII `x-csrftoken` and a `Cookie` or `Authorization` that is not UTF-8 are errors of the
server, and some malformed tokens crash datasette-auth-tokens. They are answered here.
"""

import logging
from collections.abc import Awaitable, Callable

from pangeo_forge_federation.problems import ProblemDetails, unauthorized
from pangeo_forge_federation.values.token_form import stored_form
from pangeo_forge_federation.web.replies import finish, problem_reply, send_reply

logger = logging.getLogger("federation.guard")

# What a browser may load and run on a page: nothing but this server's own files, whatever somebody stored.
# https://www.w3.org/TR/CSP3/
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        # Datasette's and Swagger UI's pages set styles on elements
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
_POLICY_HEADER = (b"content-security-policy", POLICY.encode())

Application = Callable[[dict, Callable, Callable], Awaitable[None]]


def check_requests(
    application: Application,
    start: Callable[[], None],
    close: Callable[[], None],
    read_only: str | None = None,
) -> Application:
    """The application with the guard around it. `start` and `close` are called when the server starts and stops.

    `read_only`: on a read replica, which knows no tokens, what is said to those who send one.
    """

    async def guarded(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, _following(send, start, close))
        elif scope["type"] == "http":
            await _guard_request(application, scope, receive, send, read_only)
        else:
            await application(scope, receive, send)

    return guarded


def _following(send: Callable, start: Callable[[], None], close: Callable[[], None]) -> Callable:
    async def follow(message: dict) -> None:
        if message["type"] == "lifespan.startup.complete":
            start()
        if message["type"] == "lifespan.shutdown.complete":
            close()
        await send(message)

    return follow


async def _guard_request(
    application: Application, scope: dict, receive: Callable, send: Callable, read_only: str | None
) -> None:
    started = False

    async def watched(message: dict) -> None:
        nonlocal started
        started = True
        await send(with_policy(message))

    try:
        headers = scope["headers"] if read_only is None else anonymous_headers(scope, read_only)
        await application({**scope, "headers": safe_headers(headers)}, receive, watched)
    except ProblemDetails as problem:
        await _send_problem(problem, scope, send)
    except Exception:
        logger.exception("%s %s failed", scope["method"], scope["path"])
        # a response that has begun can only be broken off
        if started:
            raise
        await _send_problem(ProblemDetails("internal", "The cause is in the server's log."), scope, send)


def anonymous_headers(scope: dict, read_only: str) -> list[tuple[bytes, bytes]]:
    """The headers without a token. Raises ProblemDetails (401) for a read: a writer reads where it wrote."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    if len(headers) < len(scope["headers"]) and scope["method"] in ("GET", "HEAD"):
        raise unauthorized(read_only)
    return headers


def safe_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with a token in the form that is looked up. Raises ProblemDetails: 400, or 401 for no token."""
    safe = []
    authorized = False
    for name, value in headers:
        if name in (b"cookie", b"x-csrftoken", b"authorization") and not value.isascii():
            raise ProblemDetails("bad-request", f"The {name.decode()} header contains characters that are not ASCII.")
        if name == b"authorization":
            if authorized:
                raise unauthorized("There are several Authorization headers. Send one.")
            authorized = True
            value = _stored_authorization(value)
        safe.append((name, value))
    return safe


def _stored_authorization(value: bytes) -> bytes:
    scheme, _, token = value.decode("ascii").strip().partition(" ")
    stored = stored_form(token.strip()) if scheme.lower() == "bearer" else None
    if stored is None:
        raise unauthorized("The Authorization header does not have the form `Bearer pfk_<id>_<secret>`.")
    return f"Bearer {stored}".encode()


async def _send_problem(problem: ProblemDetails, scope: dict, send: Callable) -> None:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    await send_reply(finish(problem_reply(problem), scope["method"], headers), send)


def with_policy(message: dict) -> dict:
    """An ASGI message, with the policy where it begins an HTML page."""
    if message["type"] != "http.response.start":
        return message
    headers = list(message.get("headers", ()))
    is_page = any(name.lower() == b"content-type" and value.lower().startswith(b"text/html") for name, value in headers)
    return {**message, "headers": [*headers, _POLICY_HEADER]} if is_page else message
