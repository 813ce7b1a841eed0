"""The paths of the databases, every way to open one, and the only way to commit.

Every process that writes (the server, the sync, the scripts) uses `connect` and `transaction`. A commit also increases
`pragma user_version`, which is stored on page 1: readers of a copy that follows this database only drop what they have
cached when page 1 changes. That is also why Datasette's `execute_write_fn` is not used: its commits do not do this.
"""

import fcntl
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import sqlite_utils

FEDERATION = "federation"
TOKENS = "tokens"
DATABASES = (FEDERATION, TOKENS)

# Marks a folder whose federation.db is the copy of a read replica: only its follower writes there.
REPLICA_MARK = ".read-replica"
# Marks a folder whose databases a server replicates at the moment.
REPLICATED_MARK = ".replicated"

# How long a writer waits for another process's transaction before it fails with "database is locked".
BUSY_TIMEOUT_SECONDS = 5.0
WRITER_CACHE_KIB = 16_000


class UnusableDatabase(Exception):
    """A newer version has changed the database, it is too old to upgrade, or it is not the registry's at all."""


@dataclass(frozen=True)
class Baseline:
    """The first migration of a set, if it replaces earlier ones.

    Attributes:
        name: its name.
        replaces: the names of all migrations that together made the same tables.
    """

    name: str
    replaces: frozenset[str]


def database_path(data: Path, name: str) -> Path:
    """Return the path of the database `name` ("federation" or "tokens") in a data folder."""
    return Path(data) / f"{name}.db"


def is_replica(data: Path) -> bool:
    """Return whether a folder has the copy of a read replica."""
    return (Path(data) / REPLICA_MARK).exists()


def is_replicated(data: Path) -> bool:
    """Return whether a server replicates the databases of a folder at the moment."""
    return (Path(data) / REPLICATED_MARK).exists()


def connect(path: Path, timeout: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """Open a connection that may write.

    It is in autocommit mode, so that `transaction` alone decides what is one commit. `timeout` is in seconds.

    Raises:
        sqlite3.OperationalError: the folder has a read replica, or the file cannot be opened.
    """
    if is_replica(path.parent):
        raise sqlite3.OperationalError(f"{path.parent} holds a read replica: write to the primary")
    connection = sqlite3.connect(path, isolation_level=None, timeout=timeout, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma foreign_keys = on")
    # An acknowledged row must survive a power cut; in WAL mode NORMAL may lose the last commits.
    connection.execute("pragma synchronous = full")
    # a write of a run uses pages of each of its indexes and roll-ups, too many for SQLite's default of 2 MB
    connection.execute(f"pragma cache_size = -{WRITER_CACHE_KIB}")
    if is_replicated(path.parent):
        # Litestream makes the checkpoints: another one while it copies a database damages the copy in the store
        connection.execute("pragma wal_autocheckpoint = 0")
    return connection


def connect_read_only(path: Path, immutable: bool = False) -> sqlite3.Connection:
    """Open a connection that cannot write.

    `immutable` is for a file that no process writes to: SQLite then creates no files beside it.
    """
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{options}", uri=True, isolation_level=None, check_same_thread=False
    )


def connect_copy(path: Path, timeout: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """Open a connection that may write to a copy of a database, with SQLite's default settings."""
    return sqlite3.connect(path, isolation_level=None, timeout=timeout)


def logs_of(path: Path) -> tuple[Path, Path]:
    """Return the paths of the files that SQLite keeps beside a database.

    Files left by another database of the same name would be read as part of this one.
    """
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def faults_of(connection: sqlite3.Connection) -> str | None:
    """Return the first error that SQLite's own checks find in a database, None if there is none."""
    try:
        for pragma in ("integrity_check", "foreign_key_check"):
            for row in connection.execute(f"pragma {pragma}"):
                if tuple(row) != ("ok",):
                    return f"{pragma}: {row[0]}"
    except sqlite3.DatabaseError as error:
        return str(error)
    return None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit all statements of the block at once: they are on disk when it ends, or rolled back if it raises."""
    connection.execute("begin immediate")
    try:
        yield connection
        raise_user_version(connection)
        connection.execute("commit")
    except BaseException:
        # When the disk is full or fails SQLite has already rolled back.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def raise_user_version(connection: sqlite3.Connection) -> None:
    """Increase `pragma user_version`, so that the current transaction changes page 1 of the database file."""
    version = connection.execute("pragma user_version").fetchone()[0]
    connection.execute(f"pragma user_version = {(version + 1) % 2**31}")


def execute_script(connection: sqlite3.Connection, script: str) -> None:
    """Run the statements of a script in the current transaction, which `executescript` would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    if statement.strip():
        connection.execute(statement)


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an advisory lock on a file. The system releases it when the process ends, however it ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def migrate(
    path: Path,
    migrations: sqlite_utils.Migrations,
    views: Mapping[str, str] = MappingProxyType({}),
    baseline: Baseline | None = None,
) -> None:
    """Create the database, or upgrade it, in one transaction.

    Tables have migrations. Views hold no data, so they are simply made equal to `views` (name: create statement).
    A database with all migrations that `baseline` replaces counts as one that was created by the baseline.

    Several processes may do this at once. They wait for each other on a lock of their own, because SQLite's locks cover
    neither the switch to WAL mode nor the creation of the first tables.

    Raises:
        UnusableDatabase: it is newer, too old, or not the registry's. Nothing was changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    replaced = baseline.replaces if baseline else frozenset()
    with exclusive_lock(path.with_name(".federation.lock")):
        connection = connect(path)
        try:
            database = sqlite_utils.Database(connection, execute_plugins=False)
            applied = {migration.name for migration in migrations.applied(database)}
            if not applied and connection.execute("select 1 from sqlite_master limit 1").fetchone():
                raise UnusableDatabase(f"{path} is not a database of the registry, so it was left unchanged")
            if unknown := applied - migration_names(migrations) - replaced:
                raise UnusableDatabase(f"{path} was made by a newer version: it has {', '.join(sorted(unknown))}")
            before_baseline = applied & replaced
            if before_baseline and applied != replaced:
                raise UnusableDatabase(
                    f"{path} was made by an older version that cannot be upgraded directly: "
                    "start the version before this one on it first, or restore a newer backup"
                )
            connection.execute("pragma journal_mode = wal")
            if migrations.pending(database) or views != existing_views(connection):
                with transaction(connection):
                    if baseline and before_baseline:
                        _record_baseline(connection, migrations.name, baseline)
                    migrations.apply(database)
                    replace_views(connection, views)
        finally:
            connection.close()


def _record_baseline(connection: sqlite3.Connection, migration_set: str, baseline: Baseline) -> None:
    """Replace the names of earlier migrations by the name of the baseline."""
    connection.execute(
        "delete from _sqlite_migrations where migration_set = :migration_set", {"migration_set": migration_set}
    )
    connection.execute(
        """
        insert into _sqlite_migrations (migration_set, name, applied_at)
        values (:migration_set, :name, :applied_at)
        """,
        # the time in the format of sqlite-utils
        {"migration_set": migration_set, "name": baseline.name, "applied_at": str(datetime.now(UTC))},
    )


def existing_views(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the views of a database in the form of `views`.

    SQLite keeps their statements as they were written, except that it starts them with an upper case CREATE VIEW.
    """
    rows = connection.execute("select name, sql from sqlite_master where type = 'view'").fetchall()
    return {name: "create view" + sql[len("create view") :] for name, sql in rows}


def replace_views(connection: sqlite3.Connection, views: Mapping[str, str]) -> None:
    """Make a database's views equal to `views` (name: create statement), in the current transaction."""
    for name in existing_views(connection):
        connection.execute(f'drop view "{name}"')
    for statement in views.values():
        connection.execute(statement)


def applied_migrations(connection: sqlite3.Connection, migration_set: str) -> set[str]:
    """Return the names of the migrations of a set that a database has, without writing to it."""
    if not connection.execute("select 1 from sqlite_master where name = '_sqlite_migrations'").fetchone():
        return set()
    statement = "select name from _sqlite_migrations where migration_set = :migration_set"
    return {row[0] for row in connection.execute(statement, {"migration_set": migration_set})}


def migration_names(migrations: sqlite_utils.Migrations) -> set[str]:
    """Return the names of all migrations of a set, which are those that an empty database lacks."""
    return {migration.name for migration in migrations.pending(sqlite_utils.Database(memory=True))}
