"""Whether the registry works: for people, monitors and proxies."""

import sqlite3
from importlib.metadata import version

from federation.errors import ProblemDetails
from federation.fields import Health
from federation.replies import Reply
from federation.routes import Call, Operation, refuse_parameters
from federation.rows import dump_json


async def get_health(call: Call) -> Reply:
    """GET /health: 200 when the database answers, with the age of what it knows from GitHub; else 503."""
    refuse_parameters(call)
    try:
        last_sync_at = await call.registry.reading.reader.read(read_last_sync)
    except sqlite3.Error as error:
        raise ProblemDetails("unavailable", f"the database does not answer: {error}") from None
    body = {"status": "ok", "version": version("pangeo-forge-federation"), "last_sync_at": last_sync_at}
    return Reply(dump_json(body), headers={"Cache-Control": "no-store"})


def read_last_sync(connection: sqlite3.Connection) -> str | None:
    """When the last sync was saved."""
    row = connection.execute(
        "select finished_at from sync_runs where finished_at is not null order by id desc limit 1"
    ).fetchone()
    return row[0] if row else None


GET_HEALTH = Operation(
    "get_health",
    "Whether the registry works",
    get_health,
    "200 when the database answers, with the time of the last sync; 503 when it does not.",
    record=Health,
    problems=(503,),
)
