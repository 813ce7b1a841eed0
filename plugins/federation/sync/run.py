"""One sync: what was fetched is parsed, and then saved in one short transaction.

Everything slow comes before the transaction, so that reads and bakeries' writes go on. The diff is made inside it,
against the rows as they are then. A file whose version is the one that was looked at last is neither parsed nor
written; one that was saved after this fetch began is newer than what was fetched, and is left alone.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from federation import times
from federation.database import FEDERATION, connect, database_path, exclusive_lock, transaction
from federation.files.bakeries_yaml import BakeriesYaml, parse_bakeries_yaml
from federation.files.meta_yaml import parse_meta_yaml
from federation.sync.changes import Change, Diff
from federation.sync.fetched import META_PATHS, Fetched, FetchedFile
from federation.sync.save_bakeries import BAKERY, save_bakeries
from federation.sync.save_feedstocks import FEEDSTOCK, ReadFeedstock, remove_feedstock, save_feedstock

# A sync saves one feedstock after another and writes nothing else meanwhile; others wait for it this long.
SYNC_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class SyncResult:
    """What a sync did, or would do."""

    diff: Diff
    # problems in the files that it looked at
    problems: int
    # files that could not be read at all
    unreadable: int


class _DryRun(Exception):
    pass


def run_sync(data: Path, fetched: Fetched, home: str, dry_run: bool = False) -> SyncResult:
    """Save what was fetched into `federation.db`. With `dry_run` the same is done and taken back."""
    path = database_path(data, FEDERATION)
    connection = connect(path, timeout=SYNC_TIMEOUT_SECONDS)
    try:
        seen = _seen_versions(connection)
        feedstocks = [_read_feedstock(file, seen) for file in fetched.feedstocks]
        bakeries = _read_bakeries(fetched.bakeries, seen)
        result = None
        try:
            with exclusive_lock(path.with_name(".sync.lock")), transaction(connection):
                result = _save(connection, fetched, feedstocks, bakeries, home)
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        return result
    finally:
        connection.close()


def _read_feedstock(file: FetchedFile, seen: dict[tuple[str, str], str]) -> ReadFeedstock:
    if file.data is None or seen.get(_key(file)) == file.sha:
        return ReadFeedstock(file, None)
    return ReadFeedstock(file, parse_meta_yaml(file.data))


def _read_bakeries(file: FetchedFile | None, seen: dict[tuple[str, str], str]) -> BakeriesYaml | None:
    if file is None or file.data is None or seen.get(_key(file)) == file.sha:
        return None
    return parse_bakeries_yaml(file.data)


def _save(
    connection: sqlite3.Connection,
    fetched: Fetched,
    feedstocks: list[ReadFeedstock],
    bakeries: BakeriesYaml | None,
    home: str,
) -> SyncResult:
    now = times.now()
    diff = Diff()
    newer = _newer_files(connection, fetched.fetched_at)
    if fetched.bakeries and _key(fetched.bakeries) not in newer:
        save_bakeries(connection, fetched.bakeries, bakeries, now, diff)
        _see(connection, fetched.bakeries, fetched.fetched_at)
    for read in feedstocks:
        if _key(read.file) not in newer:
            save_feedstock(connection, read, home, now, diff)
            _see(connection, read.file, fetched.fetched_at)
    _remove_vanished(connection, fetched, newer, now, diff)
    files = [*fetched.feedstocks, *([fetched.bakeries] if fetched.bakeries else [])]
    result = SyncResult(diff, _count_problems(connection, files), sum(file.data is None for file in files))
    _save_sync_run(connection, fetched, result, now)
    return result


def _remove_vanished(
    connection: sqlite3.Connection, fetched: Fetched, newer: set[tuple[str, str]], now: str, diff: Diff
) -> None:
    found = {file.repository.lower() for file in fetched.feedstocks}
    newer_repositories = {repository for repository, _ in newer}
    listed = connection.execute("select id, repository from feedstocks where listed and removed_at is null")
    for row in listed.fetchall():
        repository = row["repository"].lower()
        if repository not in found and repository not in newer_repositories and fetched.covers(repository):
            diff.changes.append(Change(FEEDSTOCK, row["id"], "removed"))
            remove_feedstock(connection, row["id"], now)
            # what comes back is read again, even if it did not change meanwhile
            connection.execute("delete from source_files where repository = :name", {"name": row["repository"]})


def _seen_versions(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("select repository, path, sha from source_files")
    return {(row["repository"].lower(), row["path"]): row["sha"] for row in rows}


def _newer_files(connection: sqlite3.Connection, fetched_at: str) -> set[tuple[str, str]]:
    rows = connection.execute(
        "select repository, path from source_files where fetched_at > :fetched_at", {"fetched_at": fetched_at}
    )
    return {(row["repository"].lower(), row["path"]) for row in rows}


def _see(connection: sqlite3.Connection, file: FetchedFile, fetched_at: str) -> None:
    # a feedstock has one file: what was said of it under its other name is over
    for path in set(META_PATHS) - {file.path} if file.path in META_PATHS else ():
        other = {"repository": file.repository, "path": path}
        connection.execute("delete from source_files where repository = :repository and path = :path", other)
        connection.execute("delete from problems where repository = :repository and source_file = :path", other)
    if file.sha is None:
        return
    connection.execute(
        """
        insert into source_files (repository, path, sha, fetched_at)
        values (:repository, :path, :sha, :fetched_at)
        on conflict do update set sha = excluded.sha, fetched_at = excluded.fetched_at
        where sha is not excluded.sha
        """,
        {"repository": file.repository, "path": file.path, "sha": file.sha, "fetched_at": fetched_at},
    )


def _key(file: FetchedFile) -> tuple[str, str]:
    return (file.repository.lower(), file.path)


def _count_problems(connection: sqlite3.Connection, files: list[FetchedFile]) -> int:
    return sum(
        connection.execute(
            "select count(*) from problems where repository = :repository", {"repository": file.repository}
        ).fetchone()[0]
        for file in files
    )


def _save_sync_run(connection: sqlite3.Connection, fetched: Fetched, result: SyncResult, now: str) -> None:
    sync_run_id = connection.execute(
        """
        insert into sync_runs (
            source, started_at, finished_at, "commit", added, changed, removed, unchanged, problems
        )
        values (:source, :started_at, :now, :commit, :added, :changed, :removed, :unchanged, :problems)
        """,
        {
            "source": fetched.source,
            "started_at": fetched.fetched_at,
            "now": now,
            "commit": fetched.bakeries.commit if fetched.bakeries else None,
            "problems": result.problems,
            **result.diff.counts(),
        },
    ).lastrowid
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
            for change in result.diff.changes
        ],
    )
