"""Bring a database back from a store, check it, and only then give it its name."""

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

# A table that only our databases of that name have, and what its rows are.
TABLE_OF = {FEDERATION: "recipe_runs", TOKENS: "tokens"}
NOUN_OF = {FEDERATION: "recipe run", TOKENS: "token"}
# Beside SQLite's logs: its journal, and what Litestream keeps beside a copy.
OTHER_SUFFIXES = ("-journal", "-txid", ".tmp")


@dataclass(frozen=True)
class Restored:
    """What came back of one database."""

    name: str
    transaction: int
    # when that transaction was written, by its writer's clock
    at: str | None
    # rows of its main table
    rows: int


def restore_database(configuration: Path, data: Path, name: str, stored: Stored, at: str | None = None) -> Restored:
    """Restore one database into the folder, to the newest transaction or to the moment `at` (RFC 3339).

    Raises ReplicationError; then there is nothing under its name.
    """
    path = database_path(data, name)
    if path.exists():
        raise ReplicationError(f"{path} exists: nothing is restored over a database")
    made = data / f".{name}.restoring.db"
    remove(made)
    moment = ["-timestamp", at] if at else []
    try:
        said = litestream.run(
            [
                "restore", "-json", "-no-expand-env", "-config", str(configuration), *moment, "-o", str(made), str(path)
            ],
            f"{name}.db cannot be restored",
            seconds=None,
        )  # fmt: skip
        transaction = int(json.loads(said)["txid"], 16)
        rows = check(made, name)
        # what another life of this database left there does not fit this one
        forget(data, name)
        remove(path)
        if name == TOKENS:
            made.chmod(0o600)
        made.replace(path)
        to_disk(data)
    except sqlite3.Error as error:
        raise ReplicationError(f"what the store holds of {name}.db is no sound database: {error}") from None
    finally:
        remove(made)
    return Restored(name, transaction, stored.at(transaction), rows)


def check(path: Path, name: str) -> int:
    """The rows of a database's main table, if it is sound. Raises ReplicationError or sqlite3.Error."""
    with closing(connect_copy(path)) as connection:
        table = TABLE_OF[name]
        if not connection.execute("select 1 from sqlite_master where name = :name", {"name": table}).fetchone():
            raise ReplicationError(f"the store holds another database in the place of {name}.db: it has no {table}")
        if found := faults_of(connection):
            raise ReplicationError(f"what the store holds of {name}.db is damaged: {found}")
        rows = connection.execute(f"select count(*) from {table}").fetchone()[0]
        # on disk before it gets its name
        connection.execute("pragma wal_checkpoint(truncate)")
    to_disk(path)
    return rows


def remove(path: Path) -> None:
    """Delete a copy of a database with all that stands beside it."""
    for each in (path, *logs_of(path), *(path.with_name(path.name + suffix) for suffix in OTHER_SUFFIXES)):
        each.unlink(missing_ok=True)
