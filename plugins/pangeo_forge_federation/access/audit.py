"""The audit log in `tokens.db`: every write with a token, accepted or refused, and when each token was last used.

A thread of its own writes the log after the response's commit, many lines at once and without waiting for the disk, so
a crash may lose the last lines. Accepted writes are also in `recipe_run_events` and `dataset_events`, which lose none.
"""

import sqlite3
import time
from pathlib import Path

from pangeo_forge_federation.storage.group_commit import Writer
from pangeo_forge_federation.storage.row_writes import insert
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.redaction import redact

# rows kept; the oldest are deleted
KEPT_ROWS = 100_000
# rows between two deletions: checking at every row would cost more than writing it
TRIMMED_EVERY = 1000
# at most one update of a token's last use in this time, so that reads do not each cause a write
LAST_USED_SECONDS = 60


class AuditLog:
    """Appends to the audit log of one tokens.db."""

    def __init__(self, path: Path):
        self._writer = Writer(path, relaxed=True)
        self._noted: dict[int, float] = {}

    def append(self, token_id: int, client: str | None, method: str, path: str, status: int) -> None:
        """Log a write and the status of its response."""
        row = {
            "at": times.now(),
            "token_id": token_id,
            "client": client,
            "method": method,
            "path": redact(path)[:500],
            "status": status,
        }
        self._writer.submit(lambda connection: _append(connection, row))

    def note_use(self, token_id: int) -> None:
        """Record that a token was used now, unless this was recorded a moment ago."""
        now = time.monotonic()
        if now - self._noted.get(token_id, -LAST_USED_SECONDS) < LAST_USED_SECONDS:
            return
        self._noted[token_id] = now
        used = {"now": times.now(), "id": token_id}
        self._writer.submit(
            lambda connection: connection.execute("update tokens set last_used_at = :now where id = :id", used)
        )

    def close(self) -> None:
        """Write the remaining lines, and stop."""
        self._writer.close()


def read_audit_log(connection: sqlite3.Connection, token_id: int | None, limit: int) -> list[dict]:
    """Return the newest rows, newest first, of one token or of all."""
    rows = connection.execute(
        """
        select
            audit_log.id,
            audit_log.at,
            audit_log.token_id,
            tokens.bakery_id,
            tokens.name,
            audit_log.client,
            audit_log.method,
            audit_log.path,
            audit_log.status
        from audit_log
        left join tokens on tokens.id = audit_log.token_id
        where :token_id is null or audit_log.token_id = :token_id
        order by audit_log.id desc
        limit :limit
        """,
        {"token_id": token_id, "limit": limit},
    )
    return [dict(row) for row in rows]


def _append(connection: sqlite3.Connection, row: dict) -> None:
    row_id = insert(connection, "audit_log", row)
    if row_id % TRIMMED_EVERY == 0:
        connection.execute("delete from audit_log where id <= :oldest", {"oldest": row_id - KEPT_ROWS})
