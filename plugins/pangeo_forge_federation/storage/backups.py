"""Backups by hand: both databases as they are, tokens too, and back again. For a machine that is gone, or a mistake."""

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

# Tokens first: each of them belongs to a bakery that is there by then.
DATABASES = (TOKENS, FEDERATION)
# by which `datasette FOLDER` knows what it is given
SERVED_BY = ("metadata.yml", "metadata.yaml", "metadata.json", "settings.json")


class BadBackup(Exception):
    """A backup cannot be made or restored. The message says why and what to do."""


@dataclass(frozen=True)
class Contents:
    """What a backup holds, in a few numbers that a person can judge."""

    recipe_runs: int
    datasets: int
    feedstocks: int
    tokens: int
    # of the last write; None where there was none
    last_write_at: str | None


def make_backup(data: Path, to: Path) -> tuple[Path, Contents]:
    """A folder under `to` with both databases of a data folder, checked. Raises BadBackup, sqlite3.Error, OSError.

    Writes go on meanwhile. It appears under its name when it is whole.
    """
    for name in DATABASES:
        if not database_path(data, name).exists():
            raise BadBackup(f"there is no {name}.db in {data}")
    refuse_place(to, data)
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    # with milliseconds, as two may be made within a second
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
    """Raises BadBackup where a backup would be lost with what it is of, or lie among files that are served."""
    place = to.resolve()
    elsewhere = "name a folder elsewhere, best on another disk, such as /var/backups/federation"
    if place.is_relative_to(data.resolve()):
        raise BadBackup(f"{to} lies in the data folder {data}, and would be lost with it: {elsewhere}")
    if place.is_relative_to(ROOT):
        raise BadBackup(f"{to} lies in {ROOT}, where the registry's program is: {elsewhere}")
    if found := next((name for name in SERVED_BY if (place / name).exists()), None):
        raise BadBackup(f"{to} has a {found}: Datasette serves such a folder, and a backup holds tokens; {elsewhere}")


def restore_backup(folder: Path, data: Path) -> Contents:
    """Put both databases of a backup into a data folder that has none. Raises BadBackup, sqlite3.Error, OSError."""
    for name in DATABASES:
        if not database_path(folder, name).exists():
            raise BadBackup(f"there is no {name}.db in {folder}: that is no backup")
        for path in (database_path(data, name), *logs_of(database_path(data, name))):
            if path.exists():
                raise BadBackup(f"{path} is there: a restore is into a folder without databases; move it away first")
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
    """Copy a database, with what lies in its log, to a file that only its owner may read."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with contextlib.closing(connect(source)) as opened, contextlib.closing(connect_copy(target)) as copy:
        opened.backup(copy)
        # one file, without a log beside it
        copy.execute("pragma journal_mode = delete")
    to_disk(target)


def check(folder: Path) -> Contents:
    """What the databases in a folder hold. Raises BadBackup when one of them is damaged."""
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
