"""What the plugins share in one running Datasette. It lies on the Datasette object: modules are process-global."""

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from datasette.database import Database

from pangeo_forge_federation.access.audit import AuditLog
from pangeo_forge_federation.api.canned_queries import CannedQuery, inspect, read_canned_queries
from pangeo_forge_federation.storage.read_connections import connect_reader
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import DATABASES, FEDERATION, TOKENS, connect, database_path, is_replica, is_replicated
from pangeo_forge_federation.sync.deliveries import Deliveries
from pangeo_forge_federation.api.response_cache import HotReads
from pangeo_forge_federation.web.metrics import Metrics
from pangeo_forge_federation.server.datasette_patches import do_once
from pangeo_forge_federation.web.public_url import check_prefix
from pangeo_forge_federation.access.rate_limit import RateLimit
from pangeo_forge_federation.storage.read_threads import Reader
from pangeo_forge_federation.api.reads import Reading
from pangeo_forge_federation.settings import METRICS_OFF, PLUGIN, Settings, data_folder, named_data_folder, read_settings
from pangeo_forge_federation.analyst_sql.turns import SqlTurns, tame
from pangeo_forge_federation.access.permissions import Visibility
from pangeo_forge_federation.storage.group_commit import Writer

_ATTRIBUTE = "_federation_registry"
# each holds up to `answer_bounds.MAX_CSV_BYTES` of memory
CSV_DOWNLOADS = 6


@dataclass
class Registry:
    """What the plugins of one Datasette share: each part is described where it is made."""

    settings: Settings
    data: Path
    # the endpoints as metadata.yml has them, by name
    queries: dict[str, CannedQuery]
    reading: Reading
    writer: Writer
    audit: AuditLog
    rate_limit: RateLimit
    sql_turns: SqlTurns
    # queries as CSV that are being read or sent
    csv_downloads: SqlTurns
    deliveries: Deliveries
    visibility: Visibility
    hot_reads: HotReads
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
        self.hot_reads.close()
        self.reading.reader.close()


def registry_of(datasette: Any) -> Registry:
    """The registry of a Datasette, made when it is first asked for. Raises `BadQuery`, `BadSetting`."""
    registry = getattr(datasette, _ATTRIBUTE, None)
    if registry is None:
        settings = read_settings(datasette.plugin_config(PLUGIN))
        queries = read_canned_queries(datasette.metadata("queries", database=FEDERATION, fallback=False) or {})
        paths = [path for query in queries.values() for path in query.paths]
        check_prefix(settings.public_url, [f"/{FEDERATION}", f"/{TOKENS}", "/static", "/-", *paths])
        data = data_of(datasette)
        path = database_path(data, FEDERATION)
        reader = Reader(path, datasette.setting("sql_time_limit_ms"))
        reading = Reading(queries, reader, settings.home_organisation)
        # half of Datasette's threads, so that its pages keep the others
        turns = SqlTurns(max(1, datasette.setting("num_sql_threads") // 2))
        writer = Writer(path, acknowledge=_acknowledgement(settings, data))
        metrics = None if settings.metrics == METRICS_OFF else Metrics()
        if metrics is not None:
            turns.on_refusal, writer.on_group = metrics.count_refused_sql, metrics.observe_group
        visibility = Visibility(datasette)
        registry = Registry(
            settings=settings,
            data=data,
            queries=queries,
            reading=reading,
            writer=writer,
            audit=AuditLog(database_path(data, TOKENS)),
            rate_limit=RateLimit(settings.writes_per_minute),
            sql_turns=turns,
            csv_downloads=SqlTurns(CSV_DOWNLOADS, "other downloads of CSV are under way, try again"),
            deliveries=Deliveries(data, settings),
            metrics=metrics,
            visibility=visibility,
            hot_reads=HotReads(path, reading, settings.public_url, partial(visibility.is_public, tuple(queries))),
            is_replica=is_replica(data),
        )
        setattr(datasette, _ATTRIBUTE, registry)
    return registry


def _acknowledgement(settings: Settings, data: Path) -> Callable[[], str | None] | None:
    if settings.acknowledge == "disk":
        return None
    # a server that does not replicate loads nothing of it
    from pangeo_forge_federation.replication.acknowledge import InTheStore

    return InTheStore(data)


def data_of(datasette: Any) -> Path:
    """The data folder of a Datasette: `FEDERATION_DATA`, else where its federation.db lies, else the checkout."""
    attached = datasette.databases.get(FEDERATION)
    if attached is not None and attached.path and named_data_folder() is None:
        return Path(attached.path).resolve().parent
    return data_folder()


def open_databases(datasette: Any) -> None:
    """Make, migrate and attach both databases, and try each canned query on them. Raises `BadQuery`."""
    registry = registry_of(datasette)
    for name in prepare(registry.data):
        path = str(database_path(registry.data, name))
        attached = datasette.databases.get(name)
        if attached is not None and Path(attached.path).resolve() == Path(path).resolve():
            continue
        if attached is not None:
            datasette.remove_database(name)
        datasette.add_database(Database(datasette, path=path, is_mutable=True), name=name)
    do_once(datasette)
    for name, database in datasette.databases.items():
        tame(database, inline=name == TOKENS)
    connection = connect_reader(database_path(registry.data, FEDERATION))
    try:
        registry.queries = {name: inspect(query, connection) for name, query in registry.queries.items()}
    finally:
        connection.close()
    registry.reading = replace(registry.reading, queries=registry.queries)
    registry.hot_reads.serve(registry.reading)


def close_databases(datasette: Any) -> None:
    """Finish what waits to be written and let go of both databases, whose logs are then in the databases themselves."""
    registry = registry_of(datasette)
    registry.close()
    for database in datasette.databases.values():
        database.close()
    # where it is replicated, that is Litestream's to do
    if not registry.is_replica and not is_replicated(registry.data):
        for name in DATABASES:
            # SQLite does it when the last connection is closed, and none that only reads can
            connection = connect(database_path(registry.data, name))
            connection.execute("select 1 from sqlite_master limit 1")
            connection.close()
