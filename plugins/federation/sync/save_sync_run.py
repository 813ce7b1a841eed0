"""The record of a sync: begun with the first row that it saves, and finished with the last."""

import sqlite3
from collections.abc import Sequence

from federation.sync.changes import Change
from federation.sync.fetched import Fetched
from federation.sync.save_bakeries import BAKERY
from federation.sync.save_feedstocks import FEEDSTOCK


def start_sync_run(connection: sqlite3.Connection, fetched: Fetched) -> int:
    """The new row's id. Until it is finished it says that a sync is under way, or that it died."""
    return connection.execute(
        'insert into sync_runs (source, started_at, "commit") values (:source, :started_at, :commit)',
        {
            "source": fetched.source,
            "started_at": fetched.fetched_at,
            "commit": fetched.bakeries.commit if fetched.bakeries else None,
        },
    ).lastrowid


def save_changes(connection: sqlite3.Connection, sync_run_id: int, changes: Sequence[Change]) -> None:
    """Keep changes beside the rows that they are about, in the same transaction."""
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
            for change in changes
        ],
    )


def finish_sync_run(
    connection: sqlite3.Connection, sync_run_id: int, counts: dict[str, int], problems: int, now: str
) -> None:
    connection.execute(
        """
        update sync_runs
        set finished_at = :now,
            added = :added,
            changed = :changed,
            removed = :removed,
            unchanged = :unchanged,
            problems = :problems
        where id = :id
        """,
        {"id": sync_run_id, "now": now, "problems": problems, **counts},
    )
