"""HTTP to GitHub that waits when it is asked to, tries again what may work, and never waits or reads without end.

Connection drops and 5xx are tried again by urllib3. Limits are waited for here: the primary one when it is reset soon,
a secondary one, which may be a 403 with no header at all, a minute, then longer, a bounded number of times.
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api says what each looks like.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from pangeo_forge_federation.http_session import Bearer, SlowAnswer, read_body
from pangeo_forge_federation.version import PACKAGE

# Seconds to connect, and between two pieces of an answer.
TIMEOUT = (10, 30)
# Seconds that one answer may take in all: a piece every 29 seconds would go on for ever.
ANSWER_SECONDS = 180
# Times that an answer that broke off is asked for again, and a request that was refused by a limit.
BODY_TRIES = 4
LIMIT_TRIES = 3
# What is waited for a limit at most, where GitHub says how long; beyond it a person should know.
LONGEST_WAIT_SECONDS = 120
# Of a page of 100 repositories with their files, of which GitHub cuts each at 512,000 bytes.
MAX_ANSWER_BYTES = 128 * 1024 * 1024
CONNECTIONS = 8

_TRIES = 4
# part of the wait for a secondary limit that is the first pause after a 5xx
_BACKOFF_PART = 1 / 120
_WORDS_OF_LIMITS = ("rate limit", "abuse detection")


class GitHubError(Exception):
    """GitHub did not answer as it should. Says what happened in a sentence."""


class FetchEnds(GitHubError):
    """Whatever is asked next would fare the same: nothing more is fetched."""


@dataclass(frozen=True)
class Answer:
    """An answer, read to its end, or `cut` where it was longer than it was allowed to be."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    def json(self) -> Any:
        """The value of the body. Raises GitHubError where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise GitHubError(f"GitHub answered {self.status} with a body that is not JSON") from None


class Transport:
    """Requests to GitHub, with one token or with none. Threads may share it."""

    def __init__(
        self,
        token: str | None,
        wait_seconds: float,
        sleep: Callable[[float], None],
        say: Callable[[str], None],
    ):
        """`wait_seconds` is the first wait for a secondary limit; `say` is told of each wait."""
        self._wait_seconds = wait_seconds
        self._sleep = sleep
        self._say = say
        self._token = token
        self._sessions = threading.local()

    def get(self, url: str, limit: int = MAX_ANSWER_BYTES, etag: str | None = None, cut: bool = False) -> Answer:
        """The answer to a GET. With `cut`, a body beyond the limit is cut there, else it is a GitHubError."""
        headers = {"If-None-Match": etag} if etag else {}
        return self._ask("GET", url, limit, cut, headers=headers)

    def post(self, url: str, body: Any, is_limit: Callable[[Answer], bool] = lambda answer: False) -> Answer:
        """The answer to a POST of JSON that changes nothing. `is_limit` tells a limit that is answered with 200."""
        return self._ask("POST", url, MAX_ANSWER_BYTES, False, is_limit, json=body)

    def _ask(
        self,
        method: str,
        url: str,
        limit: int,
        cut: bool,
        is_limit: Callable[[Answer], bool] = lambda answer: False,
        **options: Any,
    ) -> Answer:
        for refused in range(LIMIT_TRIES + 1):
            answer = self._read(method, url, limit, cut, options)
            if answer.status == 401:
                raise FetchEnds("GitHub does not accept the token in GITHUB_TOKEN (401): it is wrong, or has expired")
            if answer.status >= 500:
                raise GitHubError(f"GitHub answered {answer.status} to every one of {_TRIES + 1} tries")
            if not _is_refusal(answer) and not is_limit(answer):
                return answer
            wait = self._wait_for(answer, refused)
            if refused < LIMIT_TRIES:
                self._say(f"GitHub asks to wait: {wait:.0f} seconds")
                self._sleep(wait)
        raise FetchEnds(f"GitHub's rate limit still held after {LIMIT_TRIES} waits: try again later")

    def _wait_for(self, answer: Answer, refused: int) -> float:
        """Seconds to wait. Raises FetchEnds where that is too long."""
        retry_after = answer.headers.get("Retry-After", "")
        reset = answer.headers.get("X-RateLimit-Reset", "")
        if retry_after.isdigit():
            wait, until = float(retry_after), time.time() + float(retry_after)
        elif answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
            # a second more, as clocks differ
            until = float(reset)
            wait = max(0.0, until - time.time()) + 1
        else:
            return self._wait_seconds * 2**refused
        if wait > LONGEST_WAIT_SECONDS:
            at = datetime.fromtimestamp(min(until, 2**32), UTC)
            raise FetchEnds(f"GitHub's rate limit is used up until {at:%Y-%m-%d %H:%M:%S} UTC")
        return wait

    def _read(self, method: str, url: str, limit: int, cut: bool, options: dict[str, Any]) -> Answer:
        for tried in range(1, BODY_TRIES + 1):
            try:
                with self._session().request(method, url, timeout=TIMEOUT, stream=True, **options) as response:
                    return _read_body(response, limit, cut)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                # what urllib3 tried in vain is not tried again
                if isinstance(error, requests.RequestException) or tried == BODY_TRIES:
                    place = urllib3.util.parse_url(url).netloc
                    raise GitHubError(f"{place} cannot be reached, or breaks off: {type(error).__name__}") from None
        raise AssertionError

    def _session(self) -> requests.Session:
        session = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = self._new_session()
        return session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        retry = urllib3.Retry(
            total=_TRIES,
            backoff_factor=self._wait_seconds * _BACKOFF_PART,
            status_forcelist=(500, 502, 503, 504),
            # a query is a POST that changes nothing
            allowed_methods=None,
            raise_on_status=False,
            # waited for above, where it has an end
            respect_retry_after_header=False,
        )
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.headers["User-Agent"] = PACKAGE
        session.headers["X-GitHub-Api-Version"] = "2022-11-28"
        session.auth = Bearer(self._token)
        return session


def _read_body(response: requests.Response, limit: int, cut: bool) -> Answer:
    """Raises GitHubError for a body that is too long or too slow."""
    try:
        body = read_body(response, limit, ANSWER_SECONDS)
    except SlowAnswer:
        raise GitHubError(f"GitHub's answer took longer than {ANSWER_SECONDS} seconds") from None
    is_longer = len(body) > limit
    if is_longer and not cut:
        raise GitHubError(f"GitHub's answer is longer than {limit:,} bytes")
    return Answer(response.status_code, response.headers, body, cut=is_longer)


def _is_refusal(answer: Answer) -> bool:
    """Whether a limit refused this. A 403 may also say that this is not allowed, and then waiting does not help."""
    if answer.status == 429:
        return True
    if answer.status != 403:
        return False
    text = answer.body[:10_000].decode("utf-8", "replace").lower()
    return (
        "Retry-After" in answer.headers
        or answer.headers.get("X-RateLimit-Remaining") == "0"
        or any(words in text for words in _WORDS_OF_LIMITS)
    )
