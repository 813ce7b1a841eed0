"""One sync: what was fetched is parsed, and then saved in one short transaction.

Everything slow comes before the transaction, so that reads and bakeries' writes go on. The diff is made inside it,
against the rows as they are then. A file whose version is the one that was looked at last is neither parsed nor
written; one that was saved after this fetch began is newer than what was fetched, and is left alone.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from federation import times
from federation.database import FEDERATION, connect, database_path, exclusive_lock, transaction
from federation.files.bakeries_yaml import BakeriesYaml, parse_bakeries_yaml
from federation.files.meta_yaml import MetaYaml, parse_meta_yaml
from federation.files.yaml_document import Problem
from federation.sync.changes import Change, Diff
from federation.sync.fetched import BAKERIES_PATH, META_PATHS, Fetched, FetchedFile
from federation.sync.known import save_answers
from federation.sync.progress import Progress
from federation.sync.renames import follow_renames
from federation.sync.save_bakeries import BAKERY, save_bakeries
from federation.sync.save_feedstocks import FEEDSTOCK, remove_feedstock, save_feedstock
from federation.sync.save_problems import save_problems
from federation.sync.source_files import SourceFiles

T = TypeVar("T")

# What stands for a file where a problem is of none.
LISTING = "GitHub"

# A sync saves one feedstock after another and writes nothing else meanwhile; others wait for it this long.
SYNC_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class SyncResult:
    """What a sync did, or would do."""

    diff: Diff
    # problems in the files that it looked at
    problems: int
    # files that could not be had, though another try may have them
    failed: int
    # files of which another sync saved a version that was fetched later
    skipped: int
    # what could not be fetched beyond single files, in sentences
    faults: list[str]
    # whether the problems are others than before
    problems_changed: bool

    @property
    def changes_something(self) -> bool:
        return bool(self.diff.changes) or self.problems_changed

    @property
    def is_whole(self) -> bool:
        return not self.failed and not self.faults


class _DryRun(Exception):
    pass


def run_sync(
    data: Path, fetched: Fetched, home: str, dry_run: bool = False, progress: Progress | None = None
) -> SyncResult:
    """Save what was fetched into `federation.db`. With `dry_run` the same is done and taken back."""
    path = database_path(data, FEDERATION)
    connection = connect(path, timeout=SYNC_TIMEOUT_SECONDS)
    try:
        seen = SourceFiles(connection)
        files = (progress or Progress()).over("reading files", fetched.feedstocks, len(fetched.feedstocks))
        metas = [_parse_changed(file, seen, parse_meta_yaml) for file in files]
        bakeries = fetched.bakeries and _parse_changed(fetched.bakeries, seen, parse_bakeries_yaml)
        result = None
        try:
            with exclusive_lock(path.with_name(".sync.lock")), transaction(connection):
                result = _save(connection, fetched, metas, bakeries, home)
                if dry_run:
                    raise _DryRun
        except _DryRun:
            pass
        return result
    finally:
        connection.close()


def _parse_changed(file: FetchedFile, seen: SourceFiles, parse: Callable[[bytes], T]) -> T | None:
    """What a file says; None where it says what it said, or cannot be read."""
    return None if file.data is None or seen.holds(file) else parse(file.data)


def _save(
    connection: sqlite3.Connection,
    fetched: Fetched,
    metas: list[MetaYaml | None],
    bakeries: BakeriesYaml | None,
    home: str,
) -> SyncResult:
    now, began = times.now(), fetched.fetched_at
    diff = Diff()
    # as they are now: another sync may have saved while this one parsed, and what was unchanged then is not
    seen = SourceFiles(connection)
    before = _problems_mark(connection)
    files: list[FetchedFile] = []
    if (file := fetched.bakeries) and _is_newest(connection, file, seen, began):
        save_bakeries(connection, file, bakeries or _parse_changed(file, seen, parse_bakeries_yaml), now, diff)
        seen.note(file, began)
        files.append(file)
    pairs = [
        (file, meta)
        for file, meta in zip(fetched.feedstocks, metas, strict=True)
        if _is_newest(connection, file, seen, began)
    ]
    files += [file for file, _ in pairs]
    follow_renames(connection, [file for file, _ in pairs], home, now, began, seen, diff)
    for file, meta in pairs:
        save_feedstock(connection, file, meta or _parse_changed(file, seen, parse_meta_yaml), home, now, diff)
        seen.note(file, began)
    _remove_vanished(connection, fetched, seen, now, diff)
    _save_faults(connection, fetched, now)
    save_answers(connection, fetched.answers)
    fetched_files = len(fetched.feedstocks) + (fetched.bakeries is not None)
    result = SyncResult(
        diff,
        problems=_count_problems(connection, files),
        failed=sum(file.failed for file in files),
        skipped=fetched_files - len(files),
        faults=[f"{name}: {fault}" for name, fault in fetched.faults.items() if fault],
        problems_changed=_problems_mark(connection) != before,
    )
    _save_sync_run(connection, fetched, result, now)
    return result


def _is_newest(connection: sqlite3.Connection, file: FetchedFile, seen: SourceFiles, began: str) -> bool:
    """Whether nothing newer than this was saved while it was fetched."""
    paths = (BAKERIES_PATH,) if file.path == BAKERIES_PATH else META_PATHS
    if seen.fetched_after(began, file.repository, paths):
        return False
    # not fetched, as it was the version that is known; meanwhile another one was saved
    if file.data is None and not file.unreadable and not seen.holds(file):
        return False
    row = connection.execute(
        "select repository from feedstocks where github_id = :github_id", {"github_id": file.github_id}
    ).fetchone()
    # a rename that another sync saw later is not undone
    return row is None or not seen.fetched_after(began, row["repository"], paths)


def _problems_mark(connection: sqlite3.Connection) -> tuple[int, int]:
    """Another one whenever problems were added or deleted: their ids are never given twice."""
    return tuple(connection.execute("select count(*), coalesce(max(id), 0) from problems").fetchone())


def _save_faults(connection: sqlite3.Connection, fetched: Fetched, now: str) -> None:
    """What could not be fetched of an organisation or repository is a problem, until it can be."""
    over = {}
    if fetched.whole:
        kept = connection.execute("select repository from problems where source_file = :listing", {"listing": LISTING})
        over = {row["repository"]: None for row in kept.fetchall()}
    for name, fault in {**over, **fetched.faults}.items():
        problems = [Problem("", None, None, "error", f"{fault}.")] if fault else []
        save_problems(connection, name, LISTING, problems, now)


def _remove_vanished(connection: sqlite3.Connection, fetched: Fetched, seen: SourceFiles, now: str, diff: Diff) -> None:
    found = {file.repository.lower() for file in fetched.feedstocks}
    listed = connection.execute("select id, repository from feedstocks where listed and removed_at is null")
    for row in listed.fetchall():
        repository = row["repository"]
        if (
            repository.lower() not in found
            and fetched.covers(repository)
            and not seen.fetched_after(fetched.fetched_at, repository, META_PATHS)
        ):
            diff.changes.append(Change(FEEDSTOCK, row["id"], "removed"))
            remove_feedstock(connection, row["id"], now)
            seen.note_gone(repository, fetched.fetched_at)


def _count_problems(connection: sqlite3.Connection, files: list[FetchedFile]) -> int:
    counts = {
        (row["repository"].lower(), row["source_file"]): row["problems"]
        for row in connection.execute(
            "select repository, source_file, count(*) as problems from problems group by repository, source_file"
        )
    }
    return sum(counts.get((file.repository.lower(), file.path), 0) for file in files)


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
