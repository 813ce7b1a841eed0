"""Where the databases lie, every way to open one, and the one way to commit.

Every process that writes (the server, the sync, the scripts) comes through `connect` and `transaction`.
A commit also raises `pragma user_version`: it lies on page 1, which a copy that follows this database must see
change to drop what it has cached. Datasette's `execute_write_fn` is not used for the same reason: its connection
cannot be told from a reader's.
"""

import fcntl
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import sqlite_utils

FEDERATION = "federation"
TOKENS = "tokens"
DATABASES = (FEDERATION, TOKENS)

# It stands in a folder whose federation.db is the copy of a read replica: only its follower writes there.
REPLICA_MARK = ".read-replica"
# It stands in a folder whose databases are replicated at the moment.
REPLICATED_MARK = ".replicated"

# How long a writer waits for another process's transaction before it says "database is locked".
BUSY_TIMEOUT_SECONDS = 5.0
WRITER_CACHE_KIB = 16_000


class UnusableDatabase(Exception):
    """A newer version of the registry has changed the database, or it is not the registry's at all."""


def database_path(data: Path, name: str) -> Path:
    """The file of the database `name` ("federation" or "tokens") in the data folder."""
    return Path(data) / f"{name}.db"


def is_replica(data: Path) -> bool:
    """Whether a folder holds the copy of a read replica."""
    return (Path(data) / REPLICA_MARK).exists()


def is_replicated(data: Path) -> bool:
    """Whether a server replicates the databases of a folder at the moment."""
    return (Path(data) / REPLICATED_MARK).exists()


def connect(path: Path, timeout: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """A connection that may write: autocommit, so that `transaction` alone decides what is one commit."""
    if is_replica(path.parent):
        raise sqlite3.OperationalError(f"{path.parent} holds a read replica: write to the primary")
    connection = sqlite3.connect(path, isolation_level=None, timeout=timeout, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma foreign_keys = on")
    # An acknowledged row must survive a power cut; with WAL the default NORMAL would lose the last commits.
    connection.execute("pragma synchronous = full")
    # a run touches a page of each of its indexes and roll-ups: with SQLite's usual 2 MB they are read again and again
    connection.execute(f"pragma cache_size = -{WRITER_CACHE_KIB}")
    if is_replicated(path.parent):
        # Litestream does it: a checkpoint of ours, while it copies a database, leaves a damaged copy in the store
        connection.execute("pragma wal_autocheckpoint = 0")
    return connection


def connect_read_only(path: Path, immutable: bool = False) -> sqlite3.Connection:
    """A connection that cannot write. `immutable`: to a file that nobody writes to; nothing is made beside it."""
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?{options}", uri=True, isolation_level=None, check_same_thread=False
    )


def connect_copy(path: Path, timeout: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """A connection that may write to a copy of a database: with SQLite's own settings, and none of a registry's."""
    return sqlite3.connect(path, isolation_level=None, timeout=timeout)


def logs_of(path: Path) -> tuple[Path, Path]:
    """What SQLite keeps beside a database: left from another one, it would be read into this one."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def faults_of(connection: sqlite3.Connection) -> str | None:
    """The first thing that SQLite finds wrong with a database, in its words; None where it is sound."""
    try:
        for pragma in ("integrity_check", "foreign_key_check"):
            for row in connection.execute(f"pragma {pragma}"):
                if tuple(row) != ("ok",):
                    return f"{pragma} says {row[0]}"
    except sqlite3.DatabaseError as error:
        return str(error)
    return None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One commit: all of it is on disk when the block is left, or nothing if it raises."""
    connection.execute("begin immediate")
    try:
        yield connection
        raise_user_version(connection)
        connection.execute("commit")
    except BaseException:
        # SQLite itself rolls back when the disk is full or fails: then there is nothing left to undo.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def raise_user_version(connection: sqlite3.Connection) -> None:
    """Make the commit that is under way change page 1 of the database file."""
    version = connection.execute("pragma user_version").fetchone()[0]
    connection.execute(f"pragma user_version = {(version + 1) % 2**31}")


def execute_script(connection: sqlite3.Connection, script: str) -> None:
    """Run the statements of a script inside the open transaction (`executescript` would commit it first)."""
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
    """Hold an advisory lock that ends with this process, whatever ends it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def migrate(path: Path, migrations: sqlite_utils.Migrations, views: Mapping[str, str] = MappingProxyType({})) -> None:
    """Make the database or bring it up to date. Raises UnusableDatabase.

    Tables have migrations. Views hold no data: they are made equal to `views` (name: create statement).
    Processes that open a fresh folder at the same moment wait for each other: switching to WAL and creating
    the first tables do not wait for SQLite's own locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive_lock(path.with_name(".federation.lock")):
        connection = connect(path)
        try:
            database = sqlite_utils.Database(connection, execute_plugins=False)
            applied = {migration.name for migration in migrations.applied(database)}
            if not applied and connection.execute("select 1 from sqlite_master limit 1").fetchone():
                raise UnusableDatabase(f"{path} holds something else than the registry, which would be changed")
            if unknown := applied - migration_names(migrations):
                raise UnusableDatabase(f"{path} was made by a newer version: it holds {', '.join(sorted(unknown))}")
            connection.execute("pragma journal_mode = wal")
            if migrations.pending(database) or views != existing_views(connection):
                with transaction(connection):
                    migrations.apply(database)
                    replace_views(connection, views)
        finally:
            connection.close()


def existing_views(connection: sqlite3.Connection) -> dict[str, str]:
    """The views of a database, as `views` has them: SQLite keeps their statements, but for the first words' case."""
    rows = connection.execute("select name, sql from sqlite_master where type = 'view'").fetchall()
    return {name: "create view" + sql[len("create view") :] for name, sql in rows}


def replace_views(connection: sqlite3.Connection, views: Mapping[str, str]) -> None:
    """Make a database's views equal to `views` (name: create statement), inside the open transaction."""
    for name in existing_views(connection):
        connection.execute(f'drop view "{name}"')
    for statement in views.values():
        connection.execute(statement)


def applied_migrations(connection: sqlite3.Connection, migration_set: str) -> set[str]:
    """The names of the migrations of a set that a database has, read without writing to it."""
    if not connection.execute("select 1 from sqlite_master where name = '_sqlite_migrations'").fetchone():
        return set()
    statement = "select name from _sqlite_migrations where migration_set = :migration_set"
    return {row[0] for row in connection.execute(statement, {"migration_set": migration_set})}


def migration_names(migrations: sqlite_utils.Migrations) -> set[str]:
    """The names of all migrations of a set: those that are pending on an empty database."""
    return {migration.name for migration in migrations.pending(sqlite_utils.Database(memory=True))}
