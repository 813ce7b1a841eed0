"""What our own HTTP clients do alike, the one of the registry and the one of GitHub."""

import time

import requests
from requests.auth import AuthBase

_PIECE_BYTES = 64 * 1024


class SlowAnswer(requests.Timeout):
    """An answer that comes piece by piece and does not end in time."""


class Bearer(AuthBase):
    """A bearer token (RFC 6750), or none: said so, as `requests` would otherwise put what ~/.netrc has in its place."""

    def __init__(self, token: str | None):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def read_body(response: requests.Response, limit: int, seconds: float) -> bytes:
    """The body of a streamed answer; of one that is longer than `limit` bytes so many and one more.

    Raises SlowAnswer, and what requests and urllib3 raise where it breaks off.
    """
    body = bytearray()
    until = time.monotonic() + seconds
    # whatever has come, at once: to wait for a full piece would hide how slow they are
    while len(body) <= limit and (piece := response.raw.read1(_PIECE_BYTES, decode_content=True)):
        body += piece
        if time.monotonic() > until:
            raise SlowAnswer("the answer takes too long")
    return bytes(body[: limit + 1])
