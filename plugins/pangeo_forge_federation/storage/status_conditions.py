"""The table of statuses in SQL: check constraints, the condition of views and of a partial index, a view."""

import re
import sqlite3
from collections.abc import Iterable

from pangeo_forge_federation.storage.database import execute_script
from pangeo_forge_federation.values.statuses import STATUS_NAMES, STATUSES, UNFINISHED_STATUSES

_CHECKED_TABLES = ("recipe_runs", "recipe_run_events")
_CHECK = re.compile(r"check \(status in \([^)]*\)\)")


def _sql_list(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


# as a column's definition says it
CHECK_STATUS = f"check (status in ({_sql_list(STATUS_NAMES)}))"


def is_unfinished(status: str) -> str:
    """The condition that a column is a status that is not final.

    SQLite uses the partial index on unfinished runs only where its condition is written like the query's, so both come
    from here. The `+` keeps the condition away from the index on status, which would have to sort.
    """
    return f"+{status} in ({_sql_list(UNFINISHED_STATUSES)})"


INDEX_UNFINISHED = f"create index recipe_runs_unfinished on recipe_runs (run_date) where {is_unfinished('status')};"

# one row for each status, so that queries need no list of them
SELECT_STATUSES = "\nunion all\n".join(
    f"""select
    '{each.name}' as status,
    '{each.word}' as word,
    {each.is_final:d} as is_final,
    {each.is_rated:d} as is_rated,
    {each.needs_attention:d} as needs_attention,
    {each.severity} as severity"""
    for each in STATUSES
)


def renew(connection: sqlite3.Connection) -> None:
    """Bring a database up to date with the table of statuses: the migration for a new status calls this.

    Rewriting the definitions of tables is how SQLite's documentation changes a check constraint without copying the
    rows. Tables without the new check would refuse the status.

    Args:
        connection: To the database, in a transaction.
    """
    connection.execute("pragma writable_schema = on")
    for table in _CHECKED_TABLES:
        found = connection.execute("select sql from sqlite_schema where name = :table", {"table": table}).fetchone()
        connection.execute(
            """
            update sqlite_schema
            set sql = :sql
            where type = 'table'
                and name = :table
            """,
            {"table": table, "sql": _CHECK.sub(CHECK_STATUS, found[0])},
        )
    connection.execute("pragma writable_schema = reset")
    # this also makes other connections read the definitions anew
    execute_script(connection, f"drop index if exists recipe_runs_unfinished;\n{INDEX_UNFINISHED}")
