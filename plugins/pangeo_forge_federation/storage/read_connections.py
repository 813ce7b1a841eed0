"""What every reading connection gets, Datasette's and the endpoints' alike: pragmas and limits.

Analysts may run SQL of their own, so a reader must not be able to fill the memory or to hold a thread beyond its
time limit: SQLite looks at the clock between instructions, and one instruction on a huge text takes minutes.
"""

import json
import sqlite3
from pathlib import Path

from pangeo_forge_federation.records.json_rows import JSON_NUMBER
from pangeo_forge_federation.storage.database import connect_read_only

# bytes of one text, blob or row; whole rows of the registry stay below 190,000
LENGTH_LIMIT = 200_000
# of a table or an answer; the widest view has 36. A row of Datasette's own 2,000 could be 400 MB.
COLUMN_LIMIT = 100


def connect_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection that sees each commit as soon as it is made, with `json_number` for `json_rows.py`.

    `begin` is written where several statements must see one state.
    """
    connection = connect_read_only(path)
    prepare_reader(connection)
    connection.create_function(JSON_NUMBER, 1, json.dumps, deterministic=True)
    return connection


def prepare_reader(connection: sqlite3.Connection) -> None:
    """Foreign keys, the limits above, and no reading of what tells of the server."""
    connection.execute("pragma foreign_keys = on")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH_LIMIT)
    connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, COLUMN_LIMIT)
    connection.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    # the first prints the paths of files on the server, the second an address in its memory; names come as typed
    if action == sqlite3.SQLITE_READ and (first or "").lower() == "pragma_database_list":
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() == "fts3_tokenizer":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
