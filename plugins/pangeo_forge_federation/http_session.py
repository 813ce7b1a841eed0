"""What the HTTP clients for the registry and for GitHub have in common."""

import time

import requests
from requests.auth import AuthBase

_PIECE_BYTES = 64 * 1024


class SlowAnswer(requests.Timeout):
    """A response that arrives in pieces and does not end in time."""


class Bearer(AuthBase):
    """A bearer token (RFC 6750), or none. Without this, `requests` would send credentials from ~/.netrc."""

    def __init__(self, token: str | None):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def read_body(response: requests.Response, limit: int, seconds: float) -> bytes:
    """Return the body of a streamed response, or its first `limit` + 1 bytes if it is longer.

    Raises SlowAnswer, and the errors of requests and urllib3 if the response is incomplete.
    """
    body = bytearray()
    until = time.monotonic() + seconds
    # read whatever has arrived: waiting for a full piece would hide how slow it is
    while len(body) <= limit and (piece := response.raw.read1(_PIECE_BYTES, decode_content=True)):
        body += piece
        if time.monotonic() > until:
            raise SlowAnswer("the response takes too long")
    return bytes(body[: limit + 1])
