"""Record each sync: its beginning, every field that it changed, and its end."""

import sqlite3

from pangeo_forge_federation.storage.row_writes import insert
from pangeo_forge_federation.sync.changes import Diff
from pangeo_forge_federation.sync.fetched import Fetched
from pangeo_forge_federation.sync.save_bakeries import BAKERY
from pangeo_forge_federation.sync.save_feedstocks import FEEDSTOCK


def begin_sync_run(connection: sqlite3.Connection, fetched: Fetched) -> int:
    """Insert the row of a sync, without `finished_at`. Return its id."""
    return insert(
        connection,
        "sync_runs",
        {
            "source": fetched.source,
            "scope": fetched.scope,
            "started_at": fetched.fetched_at,
            "commit": fetched.bakeries.commit if fetched.bakeries else None,
        },
    )


def save_changes(connection: sqlite3.Connection, sync_run_id: int, diff: Diff) -> None:
    """Add the changes of one transaction."""
    connection.execute(
        """
        update sync_runs
        set added = added + :added,
            changed = changed + :changed,
            removed = removed + :removed,
            unchanged = unchanged + :unchanged
        where id = :id
        """,
        {"id": sync_run_id, **diff.counts()},
    )
    connection.executemany(
        """
        insert into sync_changes (sync_run_id, feedstock_id, bakery_id, action, field, old, new)
        values (:sync_run_id, :feedstock_id, :bakery_id, :action, :field, :old, :new)
        """,
        [
            {
                "sync_run_id": sync_run_id,
                "feedstock_id": change.id if change.kind == FEEDSTOCK else None,
                "bakery_id": change.id if change.kind == BAKERY else None,
                "action": change.action,
                "field": change.field,
                "old": change.old,
                "new": change.new,
            }
            for change in diff.changes
        ],
    )


def finish_sync_run(
    connection: sqlite3.Connection, sync_run_id: int, problems: int, not_fetched: int, now: str
) -> None:
    """Mark a sync as finished."""
    connection.execute(
        """
        update sync_runs
        set finished_at = :now,
            problems = :problems,
            not_fetched = :not_fetched
        where id = :id
        """,
        {"id": sync_run_id, "now": now, "problems": problems, "not_fetched": not_fetched},
    )
