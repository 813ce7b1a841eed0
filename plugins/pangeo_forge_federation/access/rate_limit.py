"""The rate limit on writes with one token, so that a runaway job does not block the others.

Each process counts separately. The headers follow draft-ietf-httpapi-ratelimit-headers.
"""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from pangeo_forge_federation.problems import ProblemDetails

WINDOW_SECONDS = 60


class RateLimit:
    """Allows `writes_per_minute` with one token; 0 means no limit."""

    def __init__(self, writes_per_minute: int):
        self._item = RateLimitItemPerMinute(writes_per_minute) if writes_per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, token_id: int) -> dict[str, str]:
        """Count a write, and return the rate limit headers. Raises ProblemDetails (429)."""
        if self._item is None:
            return {}
        allowed = self._limiter.hit(self._item, str(token_id))
        reset_time, remaining = self._limiter.get_window_stats(self._item, str(token_id))
        reset = max(1, math.ceil(reset_time - time.time()))
        headers = {
            "RateLimit-Policy": f'"writes";q={self._item.amount};w={WINDOW_SECONDS}',
            "RateLimit": f'"writes";r={remaining};t={reset}',
        }
        if not allowed:
            raise ProblemDetails(
                "too-many-requests",
                f"This token has made {self._item.amount} writes within a minute. Wait {reset} seconds, or send "
                "several runs in one array.",
                headers={**headers, "Retry-After": str(reset)},
            )
        return headers
