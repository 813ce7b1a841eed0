"""GET /health: whether the registry works, for people, monitors and proxies."""

import sqlite3
from typing import Any

from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.api.services import Services
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.models import Health
from pangeo_forge_federation.storage.database import is_replicated
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.values.repositories import BAKERIES, FEEDSTOCKS
from pangeo_forge_federation.version import package_version
from pangeo_forge_federation.web.replies import Reply

# seconds after which a replica that has not caught up with the store reports that it is unavailable
STALE_SECONDS = 60
# for a server without replication
SINGLE = {
    "role": "single",
    "replication": None,
    "position": None,
    "replicated_up_to": None,
    "replicated_seconds_ago": None,
}


async def get_health(call: Call) -> Reply:
    """Return the state of the registry. Raises ProblemDetails (503) if the database does not respond, or on a replica
    that has not caught up for a minute."""
    refuse_parameters(call)
    last_sync_at = await last_sync_of(call.services)
    replicated = replication_of(call.services)
    age = replicated["replicated_seconds_ago"]
    # 0.0 seconds is a valid age
    if call.services.is_replica and (age is None or age >= STALE_SECONDS):
        detail = f"This replica has not caught up with its store for {STALE_SECONDS} seconds or more."
        raise ProblemDetails("unavailable", detail, headers={"Retry-After": "5"}, **replicated)
    body = {"status": "ok", "version": package_version(), "last_sync_at": last_sync_at, **replicated}
    return Reply(dump_json(body), headers={"Cache-Control": "no-store"})


async def last_sync_of(services: Services) -> str | None:
    """Return the result of `read_last_sync`. Raises ProblemDetails (503) without a database."""
    try:
        return await services.reads.reader.read(read_last_sync)
    except sqlite3.Error as error:
        raise ProblemDetails("unavailable", f"The database does not respond: {error}.") from None


def read_last_sync(connection: sqlite3.Connection) -> str | None:
    """Return when a sync last fetched every feedstock, and bakeries.yaml if it was ever synced.

    Both can be separate syncs, in which case the older one counts.
    """
    feedstocks, bakeries = (
        connection.execute(
            """
            select finished_at
            from sync_runs
            where id = (
                select max(id)
                from (
                    select max(id) as id
                    from sync_runs
                    where scope = 'all'
                        and not_fetched = 0
                        and finished_at is not null
                    union all
                    select max(id)
                    from sync_runs
                    where scope = :half
                        and not_fetched = 0
                        and finished_at is not null
                )
            )
            """,
            {"half": half},
        ).fetchone()
        for half in (FEEDSTOCKS, BAKERIES)
    )
    return min(row[0] for row in (feedstocks, bakeries) if row) if feedstocks else None


def replication_of(services: Services) -> dict[str, Any]:
    """Return the state of replication, with the field names of `Health`."""
    if not services.is_replica and not is_replicated(services.data):
        return SINGLE
    # a server that does not replicate loads nothing of it
    from pangeo_forge_federation.replication.state import State, read_state

    role = "replica" if services.is_replica else "primary"
    state = read_state(services.data) or State(role, "", "starting")
    age = state.age_seconds
    return {
        "role": role,
        "replication": state.status,
        "position": state.position,
        "replicated_up_to": state.arrived_at,
        "replicated_seconds_ago": None if age is None else round(age, 1),
    }


GET_HEALTH = Operation(
    "get_health",
    "Health of the registry",
    get_health,
    "Returns 200 with the time of the last sync, or 503 if the database does not respond or a read replica is a minute "
    "or more behind its store.",
    record=Health,
    problems=(503,),
)
