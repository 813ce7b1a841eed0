"""The state shared by the plugins of a running Datasette, kept on the Datasette object rather than in a module."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from datasette.database import Database

from pangeo_forge_federation.access.audit import AuditLog
from pangeo_forge_federation.access.permissions import Permissions
from pangeo_forge_federation.access.rate_limit import RateLimit
from pangeo_forge_federation.analyst_sql.turns import SqlTurns, clean_up_reads
from pangeo_forge_federation.api.canned_queries import inspect, read_canned_queries
from pangeo_forge_federation.api.reads import Reads
from pangeo_forge_federation.api.response_cache import ResponseCache
from pangeo_forge_federation.api.services import ATTRIBUTE, Services
from pangeo_forge_federation.server.datasette_patches import patch_datasette
from pangeo_forge_federation.settings import (
    METRICS_OFF,
    PLUGIN,
    Settings,
    data_folder,
    named_data_folder,
    read_settings,
)
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import (
    DATABASES,
    FEDERATION,
    TOKENS,
    connect,
    database_path,
    is_replica,
    is_replicated,
)
from pangeo_forge_federation.storage.group_commit import Writer
from pangeo_forge_federation.storage.read_connections import connect_reader
from pangeo_forge_federation.storage.read_threads import Reader
from pangeo_forge_federation.sync.deliveries import Deliveries
from pangeo_forge_federation.web.metrics import Metrics
from pangeo_forge_federation.web.public_url import check_prefix

# each takes up to `answer_bounds.MAX_CSV_BYTES` of memory
CSV_DOWNLOADS = 6


def ensure_services(datasette: Any) -> Services:
    """Return the services of a Datasette, made at the first call. Raises `BadQuery`, `BadSetting`."""
    services = getattr(datasette, ATTRIBUTE, None)
    if services is None:
        settings = read_settings(datasette.plugin_config(PLUGIN))
        queries = read_canned_queries(datasette.metadata("queries", database=FEDERATION, fallback=False) or {})
        paths = [path for query in queries.values() for path in query.paths]
        check_prefix(settings.public_url, [f"/{FEDERATION}", f"/{TOKENS}", "/static", "/-", *paths])
        data = data_of(datasette)
        path = database_path(data, FEDERATION)
        reader = Reader(path, datasette.setting("sql_time_limit_ms"))
        reads = Reads(queries, reader, settings.home_organisation)
        # half of Datasette's threads, so that its pages keep the others
        turns = SqlTurns(max(1, datasette.setting("num_sql_threads") // 2))
        writer = Writer(path, acknowledge=_acknowledgement(settings, data))
        metrics = None if settings.metrics == METRICS_OFF else Metrics()
        if metrics is not None:
            turns.on_refusal, writer.on_group = metrics.count_refused_sql, metrics.observe_group
        permissions = Permissions(datasette)
        services = Services(
            settings=settings,
            data=data,
            queries=queries,
            reads=reads,
            writer=writer,
            audit=AuditLog(database_path(data, TOKENS)),
            rate_limit=RateLimit(settings.writes_per_minute),
            sql_turns=turns,
            csv_downloads=SqlTurns(CSV_DOWNLOADS, "other downloads of CSV are under way, try again"),
            deliveries=Deliveries(data, settings),
            metrics=metrics,
            permissions=permissions,
            response_cache=ResponseCache(
                path, reads, settings.public_url, partial(permissions.is_public, tuple(queries))
            ),
            is_replica=is_replica(data),
        )
        setattr(datasette, ATTRIBUTE, services)
    return services


def _acknowledgement(settings: Settings, data: Path) -> Callable[[], str | None] | None:
    if settings.acknowledge == "disk":
        return None
    # do not import replication in servers that do not replicate
    from pangeo_forge_federation.replication.acknowledge import InTheStore

    return InTheStore(data)


def data_of(datasette: Any) -> Path:
    """Return the data folder of a Datasette: `FEDERATION_DATA`, else that of its federation.db, else the checkout."""
    attached = datasette.databases.get(FEDERATION)
    if attached is not None and attached.path and named_data_folder() is None:
        return Path(attached.path).resolve().parent
    return data_folder()


def open_databases(datasette: Any) -> None:
    """Create, migrate and attach both databases, and check each canned query. Raises `BadQuery`."""
    services = ensure_services(datasette)
    for name in prepare(services.data):
        path = str(database_path(services.data, name))
        attached = datasette.databases.get(name)
        if attached is not None and Path(attached.path).resolve() == Path(path).resolve():
            continue
        if attached is not None:
            datasette.remove_database(name)
        datasette.add_database(Database(datasette, path=path, is_mutable=True), name=name)
    patch_datasette(datasette)
    for name, database in datasette.databases.items():
        clean_up_reads(database, inline=name == TOKENS)
    connection = connect_reader(database_path(services.data, FEDERATION))
    try:
        services.queries = {name: inspect(query, connection) for name, query in services.queries.items()}
    finally:
        connection.close()
    services.reads = replace(services.reads, queries=services.queries)
    services.response_cache.serve(services.reads)


def close_databases(datasette: Any) -> None:
    """Finish pending writes, and close both databases after moving their logs into the database files."""
    services = ensure_services(datasette)
    services.close()
    for database in datasette.databases.values():
        database.close()
    # Litestream does this for replicated databases
    if not services.is_replica and not is_replicated(services.data):
        for name in DATABASES:
            # SQLite does this when the last connection is closed, unless that is read-only
            connection = connect(database_path(services.data, name))
            connection.execute("select 1 from sqlite_master limit 1")
            connection.close()
