"""GET /metrics, for Prometheus, if the settings allow it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import GaugeMetricFamily

from pangeo_forge_federation.api.health import last_sync_of, replication_of
from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.problems import ProblemDetails, unauthorized
from pangeo_forge_federation.settings import METRICS_TOKEN
from pangeo_forge_federation.storage.database import DATABASES, database_path, logs_of
from pangeo_forge_federation.values import times
from pangeo_forge_federation.web.metrics import CONTENT_TYPE
from pangeo_forge_federation.web.replies import Reply


async def get_metrics(call: Call) -> Reply:
    """Return the metrics. Raises ProblemDetails: 404 if they are off, 401 without a required token."""
    metrics = call.services.metrics
    if metrics is None:
        raise ProblemDetails("not-found", "Metrics are turned off. docs/operations.md explains how to turn them on.")
    if call.services.settings.metrics == METRICS_TOKEN and call.actor is None:
        raise unauthorized("Metrics require a token: send `Authorization: Bearer pfk_...`.")
    refuse_parameters(call)
    last_sync_at = await last_sync_of(call.services)
    body = metrics.exposition(gauges(call.services.data, last_sync_at, replication_of(call.services)))
    return Reply(body, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def gauges(data: Path, last_sync_at: str | None, replication: Mapping[str, Any]) -> list[GaugeMetricFamily]:
    """Return the metrics that are read on request. Times are in seconds since 1970, so an age is `time() - ...`."""
    families = []
    if last_sync_at:
        words = "When bakeries.yaml and every feedstock were last synced."
        seconds = times.from_text(last_sync_at).timestamp()
        families.append(GaugeMetricFamily("federation_last_sync_timestamp_seconds", words, value=seconds))
    if replication["replication"]:
        states = GaugeMetricFamily(
            "federation_replication", "State of replication; the value is always 1.", labels=["role", "state"]
        )
        states.add_metric([replication["role"], replication["replication"]], 1)
        families.append(states)
    if replication["position"]:
        words = "Latest transaction in the store, or on this replica."
        families.append(GaugeMetricFamily("federation_replication_position", words, value=replication["position"]))
    if replication["replicated_seconds_ago"] is not None:
        words = "Seconds since replication was last known to be up to date."
        age = replication["replicated_seconds_ago"]
        families.append(GaugeMetricFamily("federation_replication_age_seconds", words, value=age))
    sizes = GaugeMetricFamily("federation_file_bytes", "Sizes of the databases and their logs.", labels=["file"])
    for name in DATABASES:
        path = database_path(data, name)
        for each in (path, logs_of(path)[0]):
            sizes.add_metric([each.name], each.stat().st_size if each.exists() else 0)
    return [*families, sizes]


GET_METRICS = Operation(
    "get_metrics",
    "Metrics for Prometheus",
    get_metrics,
    "Off unless the setting `metrics` or `FEDERATION_METRICS` is `token` (requires a token) or `public`.",
    problems=(404, 503),
    content_type=CONTENT_TYPE,
)
