"""Whether the registry works: for people, monitors and proxies."""

import sqlite3
from importlib.metadata import version

from federation.errors import ProblemDetails
from federation.replies import Reply
from federation.routes import Call
from federation.rows import dump_json


async def get_health(call: Call) -> Reply:
    """GET /health: 200 when the database answers, with the age of what it knows from GitHub; else 503."""
    if call.address.query_string:
        raise ProblemDetails("bad-parameter", "this endpoint takes no parameters")

    def read(connection: sqlite3.Connection) -> str | None:
        row = connection.execute("select finished_at from sync_runs order by id desc limit 1").fetchone()
        return row[0] if row else None

    try:
        last_sync_at = await call.registry.reading.reader.read(read)
    except sqlite3.Error as error:
        raise ProblemDetails("unavailable", f"the database does not answer: {error}") from None
    body = {"status": "ok", "version": version("pangeo-forge-federation"), "last_sync_at": last_sync_at}
    return Reply(dump_json(body), headers={"Cache-Control": "no-store"})
