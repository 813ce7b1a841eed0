"""Notes on the current request: its ID, the endpoint that it reached, the problem that it ended with.

They are in a context variable, so that any code can use the request's ID without passing it around.
"""

import itertools
import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

REQUEST_ID = "X-Request-Id"
# for requests to pages and files, and requests refused before they reached an endpoint
NO_ENDPOINT = "other"

# an ID that a client sends appears in logs, headers and bodies
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_HEADER = REQUEST_ID.lower().encode()
# IDs of this process: a unique prefix and a number
_BEGINNING = secrets.token_hex(6)
_numbers = itertools.count(1)


@dataclass(slots=True)
class RequestNote:
    """Notes on one request."""

    request_id: str
    # the path of the endpoint, as in the OpenAPI document
    endpoint: str = NO_ENDPOINT
    # kind of the problem in the response
    problem: str | None = None
    # "hit" or "miss" if the response cache was used
    cache: str | None = None
    token_id: int | None = None
    # whether it contains SQL
    own_sql: bool = False


current_note: ContextVar[RequestNote] = ContextVar("federation_request_note")


def note_of_request() -> RequestNote:
    """Return the note of the current request; outside of a request, a new note."""
    return current_note.get(None) or RequestNote("")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the ID that a request brought, if it is well-formed, or else a new one."""
    for name, value in headers:
        if name == _HEADER and _WELL_FORMED.fullmatch(value):
            return value.decode("ascii")
    return f"{_BEGINNING}-{next(_numbers):x}"
