"""Full backups of both databases, including tokens, and their restore after the loss of a machine or a mistake."""

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.database import (
    FEDERATION,
    TOKENS,
    connect,
    connect_copy,
    connect_read_only,
    database_path,
    faults_of,
    logs_of,
)
from pangeo_forge_federation.storage.durable_files import to_disk

# Tokens first, so that federation.db, copied later, has the bakeries of all tokens.
DATABASES = (TOKENS, FEDERATION)
# the files that make a folder a configuration directory of Datasette
SERVED_BY = ("metadata.yml", "metadata.yaml", "metadata.json", "settings.json")


class BadBackup(Exception):
    """A backup cannot be made or restored. The message gives the reason and what to do."""


@dataclass(frozen=True)
class Contents:
    """The contents of a backup in a few numbers.

    Attributes:
        recipe_runs: number of recipe runs.
        datasets: number of datasets.
        feedstocks: number of feedstocks.
        tokens: number of tokens.
        last_write_at: time of the last write to a run or a dataset, None if there was none.
    """

    recipe_runs: int
    datasets: int
    feedstocks: int
    tokens: int
    last_write_at: str | None


def make_backup(data: Path, to: Path) -> tuple[Path, Contents]:
    """Copy both databases of a data folder to a new folder in `to`, check the copies, and return folder and contents.

    Writes can continue meanwhile. The folder gets its name when it is complete.

    Raises:
        BadBackup: a database is missing or damaged, or `to` is not a good place.
        sqlite3.Error, OSError: a file cannot be read or written. Nothing is left of the backup.
    """
    for name in DATABASES:
        if not database_path(data, name).exists():
            raise BadBackup(f"there is no {name}.db in {data}")
    refuse_place(to, data)
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    # with milliseconds, because two may be made within a second
    folder = to / f"federation-{now:%Y-%m-%dT%H%M%S}.{now.microsecond // 1000:03}Z"
    unfinished = to / f".unfinished-{folder.name}"
    unfinished.mkdir(mode=0o700)
    try:
        for name in DATABASES:
            copy_database(database_path(data, name), database_path(unfinished, name))
        contents = check(unfinished)
        to_disk(unfinished)
        unfinished.rename(folder)
        to_disk(to)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            _remove(unfinished)
        raise
    return folder, contents


def refuse_place(to: Path, data: Path) -> None:
    """Check that a backup in `to` is neither lost with the data folder nor served to the public.

    Raises:
        BadBackup: `to` is not a good place.
    """
    place = to.resolve()
    elsewhere = "choose another folder, preferably on another disk, such as /var/backups/federation"
    if place.is_relative_to(data.resolve()):
        raise BadBackup(f"{to} is in the data folder {data}, and would be lost with it: {elsewhere}")
    if place.is_relative_to(ROOT):
        raise BadBackup(f"{to} is in {ROOT}, the folder of the registry's program: {elsewhere}")
    if found := next((name for name in SERVED_BY if (place / name).exists()), None):
        raise BadBackup(
            f"{to} has a {found}: Datasette serves such a folder, and a backup contains tokens; {elsewhere}"
        )


def restore_backup(folder: Path, data: Path) -> Contents:
    """Check a backup, copy both its databases to a data folder that has none, and return its contents.

    Raises:
        BadBackup: the backup is incomplete or damaged, or the data folder has databases.
        sqlite3.Error, OSError: a file cannot be read or written.
    """
    for name in DATABASES:
        if not database_path(folder, name).exists():
            raise BadBackup(f"there is no {name}.db in {folder}: it is not a backup")
        for path in (database_path(data, name), *logs_of(database_path(data, name))):
            if path.exists():
                raise BadBackup(
                    f"{path} already exists: restore into a folder without databases, or move them away first"
                )
    contents = check(folder)
    data.mkdir(parents=True, exist_ok=True)
    unfinished = {name: data / f".unfinished-{name}.db" for name in DATABASES}
    try:
        for name, path in unfinished.items():
            copy_database(database_path(folder, name), path)
        for name, path in unfinished.items():
            path.rename(database_path(data, name))
        to_disk(data)
    finally:
        for path in unfinished.values():
            path.unlink(missing_ok=True)
    return contents


def copy_database(source: Path, target: Path) -> None:
    """Copy a database, including what is still in its log, to a file that only its owner may read."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with contextlib.closing(connect(source)) as opened, contextlib.closing(connect_copy(target)) as copy:
        opened.backup(copy)
        # so that the copy is a single file without a log
        copy.execute("pragma journal_mode = delete")
    to_disk(target)


def check(folder: Path) -> Contents:
    """Return the contents of the databases in a folder.

    Raises:
        BadBackup: one of them is damaged.
    """
    for name in DATABASES:
        path = database_path(folder, name)
        with contextlib.closing(connect_read_only(path, immutable=True)) as connection:
            if found := faults_of(connection):
                raise BadBackup(f"{path} is damaged: {found}")
    with contextlib.closing(connect_read_only(database_path(folder, TOKENS), immutable=True)) as connection:
        tokens = connection.execute("select count(*) from tokens").fetchone()[0]
    with contextlib.closing(connect_read_only(database_path(folder, FEDERATION), immutable=True)) as connection:
        recipe_runs, datasets, feedstocks = (
            connection.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("recipe_runs", "datasets", "feedstocks")
        )
        last = connection.execute(
            "select max(at) from (select max(at) as at from recipe_run_events union select max(at) from dataset_events)"
        ).fetchone()[0]
    return Contents(recipe_runs, datasets, feedstocks, tokens, last)


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
