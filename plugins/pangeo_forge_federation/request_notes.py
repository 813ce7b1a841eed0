"""What is known of the request under way: its id, which endpoint it reached, the problem that it ended in.

It lies in a context variable, so that what answers deep below can say the request's id without being handed it.
"""

import itertools
import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass

REQUEST_ID = "X-Request-Id"
# of a request that reached no endpoint: pages, files, and what was refused before
NO_ENDPOINT = "other"

# what somebody sends as an id stands in logs, headers and bodies
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_HEADER = REQUEST_ID.lower().encode()
# ids of this process: a beginning that no other has, and a number
_BEGINNING = secrets.token_hex(6)
_numbers = itertools.count(1)


@dataclass(slots=True)
class RequestNote:
    """What is noted of one request."""

    request_id: str
    # the path of the endpoint as the OpenAPI document has it
    endpoint: str = NO_ENDPOINT
    # kind of the problem that it was answered with
    problem: str | None = None
    # "hit" or "miss" where a response cache was asked
    cache: str | None = None
    token_id: int | None = None
    # whether it brings SQL of its own
    own_sql: bool = False


current_note: ContextVar[RequestNote] = ContextVar("federation_request_note")


def note_of_request() -> RequestNote:
    """The note of the request under way; outside of one, a new note that nobody reads."""
    return current_note.get(None) or RequestNote("")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that came with a request, where there is a well-formed one, else a new one."""
    for name, value in headers:
        if name == _HEADER and _WELL_FORMED.fullmatch(value):
            return value.decode("ascii")
    return f"{_BEGINNING}-{next(_numbers):x}"
