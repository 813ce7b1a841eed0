"""What a Prometheus is told: requests, writes, queries that were refused, and how old the last sync is.

Of several workers each counts in files that all of them share, as long as `PROMETHEUS_MULTIPROC_DIR` is set before
this is imported: then any worker's answer is that of all. Else the numbers are those of this process.
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
# others would let anybody make series without end
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "OPTIONS", "PUT", "DELETE"})


@contextlib.contextmanager
def shared_folder() -> Iterator[str]:
    """A folder in which several workers count together, in memory where there is such a file system."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="federation-metrics-", dir=memory) as folder:
        yield folder


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self._requests = Counter(
            "federation_requests",
            "Requests by endpoint, method and status; status 0 was never answered.",
            ["endpoint", "method", "status"],
            registry=own,
        )
        self._seconds = Histogram(
            "federation_request_seconds",
            "From a request's arrival to the last byte of its answer.",
            ["endpoint"],
            buckets=SECONDS,
            registry=own,
        )
        self._problems = Counter(
            "federation_problems", "Answers that were a problem, by its type.", ["kind"], registry=own
        )
        self._cache = Counter(
            "federation_response_cache", "Reads that asked the response cache, by result.", ["result"], registry=own
        )
        self._sql_refused = Counter(
            "federation_sql_refused", "Queries of people's own that got no thread in time.", registry=own
        )
        self._group_size = Histogram(
            "federation_write_group_size", "Writes that shared a commit.", buckets=GROUP_SIZES, registry=own
        )
        self._commit_seconds = Histogram(
            "federation_write_group_seconds", "From a group's first write to its commit.", buckets=SECONDS, registry=own
        )
        self._waiting = Gauge(
            "federation_writes_waiting",
            "Writes in the queue when the last group was taken from it.",
            multiprocess_mode="livesum",
            registry=own,
        )
        if not self._is_shared:
            ProcessCollector(registry=own)
        # finding a series by its labels costs as much as counting does
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    @property
    def _is_shared(self) -> bool:
        return SHARED_FOLDER in os.environ

    def observe(self, note: RequestNote, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
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
        """Count a query that got no turn."""
        self._sql_refused.inc()

    def exposition(self, gauges: Iterable[Any]) -> bytes:
        """The text of all metrics, with `gauges` (metric families) that are read when they are asked for."""
        registry = self._registry
        if self._is_shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry) + generate_latest(_Given(gauges))


class _Given:
    """Metric families, as what `generate_latest` reads."""

    def __init__(self, families: Iterable[Any]):
        self._families = families

    def collect(self) -> Iterable[Any]:
        return self._families
