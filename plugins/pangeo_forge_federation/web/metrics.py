"""Metrics for Prometheus: requests, writes, refused queries, and the age of the last sync.

With several workers, `PROMETHEUS_MULTIPROC_DIR` must be set before this module is imported: each worker then counts in
shared files, and any of them reports the sum. Without it, the numbers are those of this process.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pangeo_forge_federation.request_notes import RequestNote

CONTENT_TYPE = CONTENT_TYPE_LATEST
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
GROUP_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
# any other method is counted as "other", or clients could create unlimited series
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "OPTIONS", "PUT", "DELETE"})


@contextlib.contextmanager
def shared_folder() -> Iterator[str]:
    """Yield a folder in which several workers count together, in memory if possible."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="federation-metrics-", dir=memory) as folder:
        yield folder


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self._requests = Counter(
            "federation_requests",
            "Requests by endpoint, method and status; status 0 means no response was sent.",
            ["endpoint", "method", "status"],
            registry=own,
        )
        self._seconds = Histogram(
            "federation_request_seconds",
            "From the arrival of a request to the last byte of its response.",
            ["endpoint"],
            buckets=SECONDS,
            registry=own,
        )
        self._problems = Counter("federation_problems", "Problem responses by type.", ["kind"], registry=own)
        self._cache = Counter(
            "federation_response_cache", "Response cache lookups by result.", ["result"], registry=own
        )
        self._sql_refused = Counter(
            "federation_sql_refused",
            "SQL queries of visitors that were refused because all threads were busy.",
            registry=own,
        )
        self._group_size = Histogram(
            "federation_write_group_size", "Number of writes in a commit.", buckets=GROUP_SIZES, registry=own
        )
        self._commit_seconds = Histogram(
            "federation_write_group_seconds",
            "From the first write of a group to its commit.",
            buckets=SECONDS,
            registry=own,
        )
        self._waiting = Gauge(
            "federation_writes_waiting",
            "Writes in the queue when the last group was started.",
            multiprocess_mode="livesum",
            registry=own,
        )
        if not self._is_shared:
            ProcessCollector(registry=own)
        # looking up a series by its labels costs as much as counting
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    @property
    def _is_shared(self) -> bool:
        return SHARED_FOLDER in os.environ

    def observe(self, note: RequestNote, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (note.endpoint, method if method in METHODS else "other", status)
        series = self._series.get(key)
        if series is None:
            counter = self._requests.labels(key[0], key[1], str(status))
            series = self._series[key] = (counter, self._seconds.labels(note.endpoint))
        series[0].inc()
        series[1].observe(seconds)
        if note.problem:
            self._problems.labels(note.problem).inc()
        if note.cache:
            self._cache.labels(note.cache).inc()

    def observe_group(self, size: int, waiting: int, seconds: float) -> None:
        """Count a commit. Called from the writer's thread."""
        self._group_size.observe(size)
        self._commit_seconds.observe(seconds)
        self._waiting.set(waiting)

    def count_refused_sql(self) -> None:
        """Count a query that was refused."""
        self._sql_refused.inc()

    def exposition(self, gauges: Iterable[Any]) -> bytes:
        """Return all metrics as text, including `gauges` (metric families) that were read for this request."""
        registry = self._registry
        if self._is_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry) + generate_latest(_Given(gauges))


class _Given:
    """A collector of metric families, for `generate_latest`."""

    def __init__(self, families: Iterable[Any]):
        self._families = families

    def collect(self) -> Iterable[Any]:
        return self._families
