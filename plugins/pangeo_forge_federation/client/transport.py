"""Send HTTP requests to the registry, with time limits and retries that are safe.

Each write has an Idempotency-Key, so that it can be sent again if its response was lost. Requests are retried if there
is no response, and after the statuses 408, 429, 500, 502, 503 and 504, until `patience` seconds have passed. The pauses
between attempts grow, and respect Retry-After.
"""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from pangeo_forge_federation.client.errors import RegistryError, Unreachable, read_problem
from pangeo_forge_federation.http_session import Bearer, read_body
from pangeo_forge_federation.version import package_version

# Seconds to connect, to wait for more data, and for a whole response, which could otherwise trickle in for ever.
CONNECT_SECONDS, READ_SECONDS, RESPONSE_SECONDS = 5.0, 30.0, 120.0
# Seconds for which requests are retried by default: people wait for reads, jobs for writes.
READ_PATIENCE, WRITE_PATIENCE = 15.0, 120.0
LONGEST_RESPONSE = 256 * 1024 * 1024

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_RETRIED_STATUSES = (408, 429, 500, 502, 503, 504)
_LARGE_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Response:
    """A complete response.

    Attributes:
        status: HTTP status.
        headers: Their names are in any case.
        body: Decompressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the JSON value of the body. Raises RegistryError if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise RegistryError("the response is not JSON. Is the registry's URL correct?") from None

    def json_lines(self) -> list[Any]:
        """Return the JSON values of an NDJSON body. Raises RegistryError if it is not NDJSON."""
        try:
            return [json.loads(line) for line in self.body.splitlines() if line]
        except (ValueError, RecursionError):
            raise RegistryError("the response is not NDJSON. Is the registry's URL correct?") from None


def new_key() -> str:
    """Return a new Idempotency-Key. Each write needs one, which all attempts to send it share."""
    return str(uuid.uuid4())


class Transport:
    """Sends requests to one registry with one token. Can be shared between threads.

    Attributes:
        url: The registry's URL.
        stopped: Set this event to stop retrying.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        patience: float | None = None,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        say: Callable[[str], None] = lambda text: None,
    ):
        """Create a transport.

        Args:
            url: The registry's URL, without a slash at its end.
            token: The token to send, if any.
            patience: For how many seconds a request is retried, by default 15 for reads and 120 for writes.
            timeout: Seconds to connect, and to wait for more data.
            say: Called with a message before each retry.
        """
        self.url = url
        self.stopped = threading.Event()
        self._token = token
        self._patience = patience
        self._timeout = timeout
        self._say = say
        self._sessions = threading.local()

    @property
    def has_token(self) -> bool:
        """Whether there is a token, without which nothing can be written."""
        return self._token is not None

    def get(self, path: str, parameters: Iterable[tuple[str, str]] = ()) -> Response:
        """Send a GET, and return the response.

        Raises:
            Problem: The registry refused the request.
            Unreachable: There was no response in time.
            RegistryError: The response cannot be used.
        """
        return self._request("GET", path, list(parameters), None, {}, _first(self._patience, READ_PATIENCE))

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        key: str,
        parameters: Iterable[tuple[str, str]] = (),
        if_match: str | None = None,
        patience: float | None = None,
    ) -> Response:
        """Send a write, and return the response. Retries have the same Idempotency-Key.

        Raises:
            Problem: The registry refused the request.
            Unreachable: There was no response in time. The write may have been recorded or not.
            RegistryError: The response cannot be used.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if if_match:
            headers["If-Match"] = if_match
        return self._request(
            method, path, list(parameters), body, headers, _first(patience, self._patience, WRITE_PATIENCE)
        )

    def stream(self, path: str) -> Iterator[bytes]:
        """Send a GET, and yield the body in pieces, however long that takes. It is not retried.

        Raises:
            Problem: The registry refused the request.
            Unreachable: The registry cannot be reached, or the connection was lost.
        """
        try:
            with self._session().get(self.url + path, timeout=self._timeout, stream=True) as response:
                if response.status_code != 200:
                    raise read_problem(response.status_code, _read(response).body, response.headers)
                yield from response.raw.stream(_LARGE_PIECE, decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"cannot reach {self.host}: {_describe(error)}") from None

    def _request(
        self,
        method: str,
        path: str,
        parameters: list[tuple[str, str]],
        body: bytes | None,
        headers: Mapping[str, str],
        patience: float,
    ) -> Response:
        deadline = time.monotonic() + patience
        attempts = 0
        while True:
            retry_after = 0.0
            wait = min(_FIRST_PAUSE * 2 ** min(attempts, 10), _LONGEST_PAUSE) * random.uniform(0.5, 1)
            try:
                response = self._request_once(method, path, parameters, body, headers)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                reason = f"cannot reach {self.host}: {_describe(error)}"
            else:
                if response.status in (200, 201):
                    return response
                if 300 <= response.status < 400:
                    raise RegistryError(
                        f"{self.host} redirects this write to {response.headers.get('Location')}. Set FEDERATION_URL "
                        "to the registry's new URL."
                    )
                problem = read_problem(response.status, response.body, response.headers)
                if response.status not in _RETRIED_STATUSES:
                    raise problem
                reason = str(problem)
                retry_after = _retry_after(response.headers)
                wait = max(wait, retry_after)
            if self.stopped.is_set() or time.monotonic() + wait > deadline:
                raise Unreachable(reason, retry_after)
            self._say(f"{reason}. Trying again in {wait:.0f} s.")
            if self.stopped.wait(wait):
                raise Unreachable(reason, retry_after)
            attempts += 1

    @property
    def host(self) -> str:
        """The registry's host, for messages."""
        return urlsplit(self.url).netloc

    def _request_once(
        self,
        method: str,
        path: str,
        parameters: list[tuple[str, str]],
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Response:
        with self._session().request(
            method,
            self.url + path,
            params=parameters,
            data=body,
            headers=headers,
            timeout=self._timeout,
            stream=True,
            # requests would follow a 301 or 302 with a GET, whose 200 would look as if the write had succeeded
            allow_redirects=method == "GET",
        ) as response:
            return _read(response)

    def _session(self) -> requests.Session:
        session = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.headers["User-Agent"] = f"forge/{package_version()}"
            session.auth = Bearer(self._token)
        return session


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)


def _read(response: requests.Response) -> Response:
    """Read a response to its end. Raises SlowAnswer if that takes too long, and RegistryError if it is too large."""
    body = read_body(response, LONGEST_RESPONSE, RESPONSE_SECONDS)
    if len(body) > LONGEST_RESPONSE:
        raise RegistryError(f"the response is larger than {LONGEST_RESPONSE:,} bytes")
    return Response(response.status_code, response.headers, body)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds in Retry-After (RFC 9110, section 10.2.3: a number or a date), or 0 without that header."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _describe(error: Exception) -> str:
    """Describe a network error without the Python objects in urllib3's messages."""
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not respond"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not valid"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "timed out"
    text = str(error)
    for part, description in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "there is no such host"),
        ("nodename nor servname", "there is no such host"),
        ("Temporary failure in name resolution", "its name cannot be resolved"),
        ("Network is unreachable", "the network is unreachable"),
    ):
        if part in text:
            return description
    return "the connection was lost" if isinstance(error, requests.ConnectionError) else type(error).__name__
