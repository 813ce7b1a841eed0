"""Pragmas and limits of all reading connections, Datasette's and those of the endpoints.

Analysts may run any SQL, which must neither exhaust the memory nor block a thread beyond its time limit: SQLite checks
the time between instructions, and a single instruction on a huge string can take minutes.
"""

import json
import sqlite3
from pathlib import Path

from pangeo_forge_federation.records.json_rows import JSON_NUMBER
from pangeo_forge_federation.storage.database import connect_read_only

# bytes of a string, blob or row; rows of the registry have less than 190,000
LENGTH_LIMIT = 200_000
# of a table or a result; the widest view has 36. A row with SQLite's default of 2,000 could be 400 MB.
COLUMN_LIMIT = 100


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection that sees each commit immediately, with the function `json_number` of `json_rows.py`.

    The caller executes `begin` if several statements must see the same state.
    """
    connection = connect_read_only(path)
    prepare_reader(connection)
    connection.create_function(JSON_NUMBER, 1, json.dumps, deterministic=True)
    return connection


def prepare_reader(connection: sqlite3.Connection) -> None:
    """Set foreign keys and the limits above, and deny access to details of the server."""
    connection.execute("pragma foreign_keys = on")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH_LIMIT)
    connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, COLUMN_LIMIT)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    # the first has paths of files on the server, the second addresses in its memory; names are spelled as in the query
    if action == sqlite3.SQLITE_READ and (first or "").lower() == "pragma_database_list":
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() == "fts3_tokenizer":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
