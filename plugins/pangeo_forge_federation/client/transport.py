"""HTTP to the registry: time limits, repetitions that are safe, and answers that are what they say.

A write is sent with an Idempotency-Key, so that it may be sent again however its answer was lost. What says "later"
(408, 429 and 5xx) and what says nothing is tried again until `patience` is used up, as far apart as Retry-After asks.
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

from pangeo_forge_federation.client.errors import RegistryError, Unreachable, problem_of
from pangeo_forge_federation.http_session import Bearer, read_body
from pangeo_forge_federation.version import package_version

# Seconds to connect, between two pieces of an answer, and for all of one: a byte now and then would go on for ever.
CONNECT_SECONDS, READ_SECONDS, ANSWER_SECONDS = 5.0, 30.0, 120.0
# Seconds within which another try of the same request begins: people wait for what they read, jobs for what they write.
READ_PATIENCE, WRITE_PATIENCE = 15.0, 120.0
LONGEST_ANSWER = 256 * 1024 * 1024

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_AGAIN = (408, 429, 500, 502, 503, 504)
_LARGE_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A successful answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The value of the body. Raises RegistryError where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise RegistryError("the answer is not JSON: is this the URL of a registry?") from None

    def json_lines(self) -> list[Any]:
        """The values of a body of NDJSON. Raises RegistryError where it is none."""
        try:
            return [json.loads(line) for line in self.body.splitlines() if line]
        except (ValueError, RecursionError):
            raise RegistryError("the answer is not NDJSON: is this the URL of a registry?") from None


def new_key() -> str:
    """A new Idempotency-Key: one for each write, the same for all of its tries."""
    return str(uuid.uuid4())


class Transport:
    """Requests to one registry with one token. Threads may share it."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        patience: float | None = None,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        say: Callable[[str], None] = lambda text: None,
    ):
        """`say` is told of each wait. Stop waiting by setting `stopped`."""
        self.url = url
        self.stopped = threading.Event()
        self._token = token
        self._patience = patience
        self._timeout = timeout
        self._say = say
        self._sessions = threading.local()

    @property
    def has_token(self) -> bool:
        """Whether it may write at all."""
        return self._token is not None

    def get(self, path: str, parameters: Iterable[tuple[str, str]] = ()) -> Answer:
        """The answer to a GET. Raises Problem, Unreachable, RegistryError."""
        return self._ask("GET", path, list(parameters), None, {}, _first(self._patience, READ_PATIENCE))

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        key: str,
        parameters: Iterable[tuple[str, str]] = (),
        if_match: str | None = None,
        patience: float | None = None,
    ) -> Answer:
        """The answer to a write, tried again with the same key. Raises Problem, Unreachable, RegistryError."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if if_match:
            headers["If-Match"] = if_match
        return self._ask(
            method, path, list(parameters), body, headers, _first(patience, self._patience, WRITE_PATIENCE)
        )

    def pieces(self, path: str) -> Iterator[bytes]:
        """A large answer piece by piece, however long it takes. Raises Problem, Unreachable; is not tried again."""
        try:
            with self._session().get(self.url + path, timeout=self._timeout, stream=True) as response:
                if response.status_code != 200:
                    raise problem_of(response.status_code, _read(response).body, response.headers)
                yield from response.raw.stream(_LARGE_PIECE, decode_content=True)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{self.host} cannot be reached: {_words(error)}") from None

    def _ask(
        self,
        method: str,
        path: str,
        parameters: list[tuple[str, str]],
        body: bytes | None,
        headers: Mapping[str, str],
        patience: float,
    ) -> Answer:
        until = time.monotonic() + patience
        tried = 0
        while True:
            asked = 0.0
            wait = min(_FIRST_PAUSE * 2 ** min(tried, 10), _LONGEST_PAUSE) * random.uniform(0.5, 1)
            try:
                answer = self._try(method, path, parameters, body, headers)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                said = f"{self.host} cannot be reached: {_words(error)}"
            else:
                if answer.status in (200, 201):
                    return answer
                if 300 <= answer.status < 400:
                    raise RegistryError(
                        f"{self.host} sends this to {answer.headers.get('Location')}: set FEDERATION_URL to where it is"
                    )
                problem = problem_of(answer.status, answer.body, answer.headers)
                if answer.status not in _AGAIN:
                    raise problem
                said = str(problem)
                asked = _retry_after(answer.headers)
                wait = max(wait, asked)
            if self.stopped.is_set() or time.monotonic() + wait > until:
                raise Unreachable(said, asked)
            self._say(f"{said}: trying again in {wait:.0f} s")
            if self.stopped.wait(wait):
                raise Unreachable(said, asked)
            tried += 1

    @property
    def host(self) -> str:
        """What is talked to, for messages."""
        return urlsplit(self.url).netloc

    def _try(
        self,
        method: str,
        path: str,
        parameters: list[tuple[str, str]],
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        with self._session().request(
            method,
            self.url + path,
            params=parameters,
            data=body,
            headers=headers,
            timeout=self._timeout,
            stream=True,
            # followed by a write, 301 and 302 turn it into a GET, whose 200 would look like success
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


def _read(response: requests.Response) -> Answer:
    """Raises SlowAnswer for a body that is too slow, RegistryError for one that is too long."""
    body = read_body(response, LONGEST_ANSWER, ANSWER_SECONDS)
    if len(body) > LONGEST_ANSWER:
        raise RegistryError(f"the answer is longer than {LONGEST_ANSWER:,} bytes")
    return Answer(response.status_code, response.headers, body)


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that an answer asks to wait (RFC 9110, 10.2.3: a number or a date); 0 where it asks for nothing."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _words(error: Exception) -> str:
    """What happened, without the objects that urllib3 prints of itself."""
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not answer"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return "no answer in time"
    text = str(error)
    for part, words in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "there is no such host"),
        ("nodename nor servname", "there is no such host"),
        ("Temporary failure in name resolution", "its name cannot be resolved"),
        ("Network is unreachable", "the network is unreachable"),
    ):
        if part in text:
            return words
    return "the connection broke off" if isinstance(error, requests.ConnectionError) else type(error).__name__
