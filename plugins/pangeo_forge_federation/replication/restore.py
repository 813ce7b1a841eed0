"""Restore a database from a store, and move it into place after checking it."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pangeo_forge_federation.replication import litestream
from pangeo_forge_federation.replication.local import forget
from pangeo_forge_federation.replication.store import Stored
from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.storage.database import FEDERATION, TOKENS, connect_copy, database_path, faults_of, logs_of
from pangeo_forge_federation.storage.durable_files import to_disk

# A table that identifies each database, and the noun for its rows.
TABLE_OF = {FEDERATION: "recipe_runs", TOKENS: "tokens"}
NOUN_OF = {FEDERATION: "recipe run", TOKENS: "token"}
# Other files of a database: SQLite's journal, and Litestream's files next to a copy.
OTHER_SUFFIXES = ("-journal", "-txid", ".tmp")


@dataclass(frozen=True)
class Restored:
    """The result of restoring one database."""

    name: str
    transaction: int
    # when that transaction was written, by its writer's clock
    at: str | None
    # rows of its main table
    rows: int


def restore_database(configuration: Path, data: Path, name: str, stored: Stored, at: str | None = None) -> Restored:
    """Restore one database into the folder, to the newest transaction or to the moment `at` (RFC 3339).

    Raises ReplicationError, without leaving a file under the database's name.
    """
    path = database_path(data, name)
    if path.exists():
        raise ReplicationError(f"{path} already exists and is not overwritten")
    made = data / f".{name}.restoring.db"
    remove(made)
    moment = ["-timestamp", at] if at else []
    try:
        output = litestream.run(
            [
                "restore", "-json", "-no-expand-env", "-config", str(configuration), *moment, "-o", str(made), str(path)
            ],
            f"{name}.db cannot be restored",
            seconds=None,
        )  # fmt: skip
        transaction = int(json.loads(output)["txid"], 16)
        rows = check(made, name)
        # remove the progress of an earlier database of this name
        forget(data, name)
        remove(path)
        if name == TOKENS:
            made.chmod(0o600)
        made.replace(path)
        to_disk(data)
    except sqlite3.Error as error:
        raise ReplicationError(f"{name}.db in the store is not a valid database: {error}") from None
    finally:
        remove(made)
    return Restored(name, transaction, stored.at(transaction), rows)


def check(path: Path, name: str) -> int:
    """Check a database, and return the number of rows in its main table. Raises ReplicationError or sqlite3.Error."""
    with closing(connect_copy(path)) as connection:
        table = TABLE_OF[name]
        if not connection.execute("select 1 from sqlite_master where name = :name", {"name": table}).fetchone():
            raise ReplicationError(f"{name}.db in the store is a different database: it has no table {table}")
        if found := faults_of(connection):
            raise ReplicationError(f"{name}.db in the store is damaged: {found}")
        rows = connection.execute(f"select count(*) from {table}").fetchone()[0]
        # on disk before the file is renamed
        connection.execute("pragma wal_checkpoint(truncate)")
    to_disk(path)
    return rows


def remove(path: Path) -> None:
    """Delete a copy of a database with the files next to it."""
    for each in (path, *logs_of(path), *(path.with_name(path.name + suffix) for suffix in OTHER_SUFFIXES)):
        each.unlink(missing_ok=True)
