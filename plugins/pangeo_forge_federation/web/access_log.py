"""The outermost layer: gives each request an ID, counts it, and logs it if the access log is enabled."""

import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from pangeo_forge_federation.request_notes import REQUEST_ID, RequestNote, current_note, request_id_of
from pangeo_forge_federation.values.redaction import redact
from pangeo_forge_federation.web.metrics import Metrics

# one line per request, at level INFO
logger = logging.getLogger("federation.requests")

Application = Callable[[dict, Callable, Callable], Awaitable[None]]

# of a path and query string in the log
MOST_CHARACTERS = 2000
_HEADER = REQUEST_ID.lower().encode()


def log_access(application: Application, metrics: Metrics | None) -> Application:
    """Return the application with an ID on every response; requests are counted in `metrics` if given."""

    async def watched(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        note = RequestNote(request_id_of(scope["headers"]))
        token = current_note.set(note)
        id_header = (_HEADER, note.request_id.encode("ascii"))
        status = 0
        began = time.perf_counter()

        async def send_with_id(message: dict) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), id_header]}
            await send(message)

        try:
            await application(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            current_note.reset(token)
            if metrics is not None:
                metrics.observe(note, scope["method"], status, seconds)
            if logger.isEnabledFor(logging.INFO):
                logger.info("request", extra={"fields": log_fields(scope, note, status, seconds)})

    return watched


def log_fields(scope: dict, note: RequestNote, status: int, seconds: float) -> dict:
    """Return the fields of a log line. `status` is 0 if no response was sent."""
    query = scope["query_string"].decode("latin-1")
    path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1").partition("?")[0]
    fields = {
        "request_id": note.request_id,
        "method": scope["method"],
        # before it is cut, since half a secret may not be recognised
        "path": redact(f"{path}?{query}" if query else path)[:MOST_CHARACTERS],
        "endpoint": note.endpoint,
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
        "client": (scope.get("client") or [None])[0],
        "token_id": note.token_id,
        "problem": note.problem,
        "cache": note.cache,
    }
    return {name: value for name, value in fields.items() if value is not None}
