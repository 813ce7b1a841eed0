"""HTTP requests to GitHub with retries, waits for rate limits, and limits on time and size.

urllib3 retries dropped connections and 5xx. Rate limits are handled here: a primary limit is waited for if its reset
is near. A secondary limit, which may be a 403 without any header, is waited for a minute, then longer, a few times.
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api describes both.
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

# Seconds to connect, and between two parts of a response.
TIMEOUT = (10, 30)
# Seconds for a whole response: one that sends a part every 29 seconds would never end.
RESPONSE_SECONDS = 180
# Attempts to read a response that breaks off, and waits for a rate limit.
BODY_ATTEMPTS = 4
LIMIT_WAITS = 3
# The longest wait that GitHub may ask for: beyond it the fetch ends with an error.
LONGEST_WAIT_SECONDS = 120
# Enough for a page of 100 repositories with their files, which GitHub truncates at 512,000 bytes each.
MAX_RESPONSE_BYTES = 128 * 1024 * 1024
CONNECTIONS = 8

_RETRIES = 4
# the first pause after a 5xx, as a fraction of the wait for a secondary limit
_BACKOFF_FRACTION = 1 / 120
_RATE_LIMIT_PHRASES = ("rate limit", "abuse detection")


class GitHubError(Exception):
    """A failed request to GitHub. Its message is a sentence."""


class FetchEnds(GitHubError):
    """An error that all further requests would have too, so that the fetch ends."""


@dataclass(frozen=True)
class GitHubResponse:
    """A complete response, or one that was `cut` at the size limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False

    def json(self) -> Any:
        """Parse the body as JSON. Raises GitHubError."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise GitHubError(f"GitHub returned {self.status} with a body that is not JSON") from None


class Transport:
    """Send requests to GitHub, with or without a token. Thread-safe."""

    def __init__(
        self,
        token: str | None,
        wait_seconds: float,
        sleep: Callable[[float], None],
        report: Callable[[str], None],
    ):
        """`wait_seconds` is the first wait for a secondary limit; `report` is called with a message about each wait."""
        self._wait_seconds = wait_seconds
        self._sleep = sleep
        self._report = report
        self._token = token
        self._sessions = threading.local()

    def get(
        self, url: str, limit: int = MAX_RESPONSE_BYTES, etag: str | None = None, cut: bool = False
    ) -> GitHubResponse:
        """Send a GET. A body longer than `limit` bytes is cut there with `cut`, else it raises GitHubError."""
        headers = {"If-None-Match": etag} if etag else {}
        return self._request("GET", url, limit, cut, headers=headers)

    def post(
        self, url: str, body: Any, is_limit: Callable[[GitHubResponse], bool] = lambda response: False
    ) -> GitHubResponse:
        """Send a read-only POST of JSON. `is_limit` recognises rate limits that have status 200."""
        return self._request("POST", url, MAX_RESPONSE_BYTES, False, is_limit, json=body)

    def _request(
        self,
        method: str,
        url: str,
        limit: int,
        cut: bool,
        is_limit: Callable[[GitHubResponse], bool] = lambda response: False,
        **options: Any,
    ) -> GitHubResponse:
        for waits in range(LIMIT_WAITS + 1):
            response = self._read(method, url, limit, cut, options)
            if response.status == 401:
                raise FetchEnds("GitHub rejected the token in GITHUB_TOKEN (401): it is wrong, or has expired")
            if response.status >= 500:
                raise GitHubError(f"GitHub returned {response.status} in each of {_RETRIES + 1} attempts")
            if not _is_rate_limit(response) and not is_limit(response):
                return response
            wait = self._wait_for(response, waits)
            if waits < LIMIT_WAITS:
                self._report(f"GitHub's rate limit is reached: waiting {wait:.0f} seconds")
                self._sleep(wait)
        raise FetchEnds(f"GitHub's rate limit still applied after {LIMIT_WAITS} waits: try again later")

    def _wait_for(self, response: GitHubResponse, waits: int) -> float:
        """Return the seconds to wait. Raises FetchEnds if that is too long."""
        retry_after = response.headers.get("Retry-After", "")
        reset = response.headers.get("X-RateLimit-Reset", "")
        if retry_after.isdigit():
            wait, until = float(retry_after), time.time() + float(retry_after)
        elif response.headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
            # one more second, as clocks differ
            until = float(reset)
            wait = max(0.0, until - time.time()) + 1
        else:
            return self._wait_seconds * 2**waits
        if wait > LONGEST_WAIT_SECONDS:
            at = datetime.fromtimestamp(min(until, 2**32), UTC)
            raise FetchEnds(f"GitHub's rate limit is used up until {at:%Y-%m-%d %H:%M:%S} UTC")
        return wait

    def _read(self, method: str, url: str, limit: int, cut: bool, options: dict[str, Any]) -> GitHubResponse:
        for attempt in range(1, BODY_ATTEMPTS + 1):
            try:
                with self._session().request(method, url, timeout=TIMEOUT, stream=True, **options) as response:
                    return _read_body(response, limit, cut)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                # urllib3 has retried these already
                if isinstance(error, requests.RequestException) or attempt == BODY_ATTEMPTS:
                    place = urllib3.util.parse_url(url).netloc
                    raise GitHubError(f"{place} could not be reached, or broke off: {type(error).__name__}") from None
        raise AssertionError

    def _session(self) -> requests.Session:
        session = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = self._new_session()
        return session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        retry = urllib3.Retry(
            total=_RETRIES,
            backoff_factor=self._wait_seconds * _BACKOFF_FRACTION,
            status_forcelist=(500, 502, 503, 504),
            # retries POST too: a query changes nothing
            allowed_methods=None,
            raise_on_status=False,
            # handled in `_request`, with a limit
            respect_retry_after_header=False,
        )
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.headers["User-Agent"] = PACKAGE
        session.headers["X-GitHub-Api-Version"] = "2022-11-28"
        session.auth = Bearer(self._token)
        return session


def _read_body(response: requests.Response, limit: int, cut: bool) -> GitHubResponse:
    """Read a response. Raises GitHubError if it is too long or too slow."""
    try:
        body = read_body(response, limit, RESPONSE_SECONDS)
    except SlowAnswer:
        raise GitHubError(f"GitHub's response took longer than {RESPONSE_SECONDS} seconds") from None
    is_longer = len(body) > limit
    if is_longer and not cut:
        raise GitHubError(f"GitHub's response is longer than {limit:,} bytes")
    return GitHubResponse(response.status_code, response.headers, body, cut=is_longer)


def _is_rate_limit(response: GitHubResponse) -> bool:
    """Return whether this is a rate limit. A 403 may also be a missing permission, where waiting does not help."""
    if response.status == 429:
        return True
    if response.status != 403:
        return False
    text = response.body[:10_000].decode("utf-8", "replace").lower()
    return (
        "Retry-After" in response.headers
        or response.headers.get("X-RateLimit-Remaining") == "0"
        or any(phrase in text for phrase in _RATE_LIMIT_PHRASES)
    )
