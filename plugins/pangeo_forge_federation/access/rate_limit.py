"""How many writes a token may make: so that one job that runs wild leaves the registry to the others.

Counted in each process for itself. The headers are those of draft-ietf-httpapi-ratelimit-headers.
"""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from pangeo_forge_federation.problems import ProblemDetails

WINDOW_SECONDS = 60


class RateLimit:
    """At most `writes_per_minute` of one token; 0 is no limit."""

    def __init__(self, writes_per_minute: int):
        self._item = RateLimitItemPerMinute(writes_per_minute) if writes_per_minute else None
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, token_id: int) -> dict[str, str]:
        """Count a write. The headers that tell what is left. Raises ProblemDetails (429)."""
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
                f"this token has made {self._item.amount} writes within a minute: wait {reset} seconds, or send many "
                "runs in one array",
                headers={**headers, "Retry-After": str(reset)},
            )
        return headers
