"""What the handlers and pages of one server share. It lies on the Datasette object: modules are process-global."""

import gc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pangeo_forge_federation.access.audit import AuditLog
from pangeo_forge_federation.access.permissions import Permissions
from pangeo_forge_federation.access.rate_limit import RateLimit
from pangeo_forge_federation.analyst_sql.turns import SqlTurns
from pangeo_forge_federation.api.canned_queries import CannedQuery
from pangeo_forge_federation.api.reads import Reads
from pangeo_forge_federation.api.response_cache import ResponseCache
from pangeo_forge_federation.settings import Settings
from pangeo_forge_federation.storage.group_commit import Writer
from pangeo_forge_federation.web.metrics import Metrics

ATTRIBUTE = "_federation_services"


class Deliveries(Protocol):
    """What works off the deliveries of webhooks (`sync/deliveries.py`)."""

    def wake(self) -> None:
        """Look for deliveries now."""

    def close(self) -> None:
        """Stop."""


@dataclass
class Services:
    """What the plugins of one Datasette share: each part is described where it is made."""

    settings: Settings
    data: Path
    # the endpoints as metadata.yml has them, by name
    queries: dict[str, CannedQuery]
    reads: Reads
    writer: Writer
    audit: AuditLog
    rate_limit: RateLimit
    sql_turns: SqlTurns
    # queries as CSV that are being read or sent
    csv_downloads: SqlTurns
    deliveries: Deliveries
    permissions: Permissions
    response_cache: ResponseCache
    # None where they are off
    metrics: Metrics | None = None
    # whether it only reads, from a copy that follows another's database
    is_replica: bool = False
    # (path, method): what there is beside the canned queries (`routes.Operation`)
    operations: Mapping[tuple[str, str], Any] = field(default_factory=dict)

    def start(self) -> None:
        """Take up what was left undone, once the server runs."""
        # what is there now stays: looking through it again and again took a fifth of the time of some requests
        gc.collect()
        gc.freeze()
        if self.settings.github_webhook_secret and not self.is_replica:
            self.deliveries.wake()

    def close(self) -> None:
        """Finish what waits to be written, then let go of the database."""
        self.deliveries.close()
        self.writer.close()
        self.audit.close()
        self.response_cache.close()
        self.reads.reader.close()


def services_of(datasette: Any) -> Services:
    """The services of a Datasette, which `services.ensure_services` has made."""
    services: Services = getattr(datasette, ATTRIBUTE)
    return services
