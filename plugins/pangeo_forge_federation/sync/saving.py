"""Save the result of a fetch in short transactions, whatever its size, so that others can write in between.

Each step (the bakeries, one feedstock, or a group of renamed feedstocks) is saved in one transaction together with its
rows in `sync_runs` and `sync_changes`. If a sync is killed, the steps before are saved and its row has no
`finished_at`. The next sync finds those unchanged and saves the rest.
"""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from pangeo_forge_federation.files.bakeries_yaml import BakeriesYaml, parse_bakeries_yaml
from pangeo_forge_federation.files.file_problems import problem_of_file
from pangeo_forge_federation.files.meta_yaml import MetaYaml, parse_meta_yaml
from pangeo_forge_federation.storage.database import transaction
from pangeo_forge_federation.sync.changes import Change, Diff
from pangeo_forge_federation.sync.fetched import Fetched, FetchedFile
from pangeo_forge_federation.sync.known import save_responses
from pangeo_forge_federation.sync.renames import find_moves, follow_renames
from pangeo_forge_federation.sync.save_bakeries import save_bakeries
from pangeo_forge_federation.sync.save_feedstocks import FEEDSTOCK, remove_feedstock, save_feedstock
from pangeo_forge_federation.sync.save_problems import count_problems, file_key, problems_by_file, save_problems
from pangeo_forge_federation.sync.save_sync_run import begin_sync_run, finish_sync_run, save_changes
from pangeo_forge_federation.sync.source_files import SourceFiles
from pangeo_forge_federation.sync.unlisted_bakeries import save_unlisted_bakeries
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.feedstock_names import feedstock_id as id_of
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

T = TypeVar("T")

# The `source_file` of problems that concern no particular file.
LISTING = "GitHub"
# How long a transaction goes on taking steps, and the pause for other writers between two transactions: SQLite retries
# a lock every 100 ms.
TRANSACTION_SECONDS = 0.2
PAUSE_SECONDS = 0.12


class _DryRun(Exception):
    pass


class Saving:
    """Saves one sync. The caller holds the lock between syncs, so that no other process changes these tables."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        fetched: Fetched,
        metas: list[MetaYaml | None],
        bakeries: BakeriesYaml | None,
        home: str,
    ) -> None:
        self._connection = connection
        self._fetched = fetched
        self._bakeries = bakeries
        self._home = home
        self._now = times.now()
        # read again, since another sync may have saved changes while this one parsed
        self._seen = SourceFiles(connection)
        rows = connection.execute("select id, repository, archived, github_id, listed, removed_at from feedstocks")
        self._rows = {row["id"].lower(): row for row in rows}
        by_number = {row["github_id"]: row["repository"] for row in self._rows.values() if row["github_id"] is not None}
        self._pairs = [
            (file, meta)
            for file, meta in zip(fetched.feedstocks, metas, strict=True)
            if self._is_newest(file, by_number.get(file.github_id))
        ]
        self._kept_problems = problems_by_file(connection)
        # of the current transaction
        self._diff = Diff()
        # of all transactions
        self.diff = Diff()
        self.files: list[FetchedFile] = []
        self.problems = 0
        self.problems_changed = False

    def save(self, dry_run: bool) -> None:
        """Save everything. With `dry_run`, each transaction is rolled back: no step needs the result of another."""
        steps = self._steps()
        sync_run_id = None
        while True:
            try:
                with transaction(self._connection):
                    if sync_run_id is None:
                        sync_run_id = begin_sync_run(self._connection, self._fetched)
                    ended = self._take_steps(steps)
                    save_changes(self._connection, sync_run_id, self._diff)
                    if ended:
                        finish_sync_run(self._connection, sync_run_id, self.problems, self.not_fetched, times.now())
                    if dry_run:
                        raise _DryRun
            except _DryRun:
                sync_run_id = None
            self.diff.changes += self._diff.changes
            self.diff.unchanged += self._diff.unchanged
            self._diff = Diff()
            if ended:
                return
            time.sleep(PAUSE_SECONDS)

    @property
    def not_fetched(self) -> int:
        """Number of files and listings that could not be fetched, and may be at the next attempt."""
        return sum(file.failed for file in self.files) + sum(map(bool, self._fetched.errors.values()))

    def _take_steps(self, steps: Iterator[None]) -> bool:
        """Take steps until the time of a transaction is used up. Return True if there are none left."""
        until = time.monotonic() + TRANSACTION_SECONDS
        before = _problems_fingerprint(self._connection)
        ended = True
        for _ in steps:
            if time.monotonic() >= until:
                ended = False
                break
        self.problems_changed |= _problems_fingerprint(self._connection) != before
        return ended

    def _steps(self) -> Iterator[None]:
        """Yield after each step that is done."""
        fetched = self._fetched
        if (file := fetched.bakeries) and self._is_newest(file):
            parsed = self._bakeries or parse_changed(file, self._seen, parse_bakeries_yaml)
            save_bakeries(self._connection, file, parsed, self._now, self._diff)
            self._note(file, count_problems(self._connection, file))
            yield
        waiting: dict[str, list[tuple[FetchedFile, MetaYaml | None]]] = {}
        for file, meta in self._pairs:
            waiting.setdefault(id_of(file.repository, self._home).lower(), []).append((file, meta))
        for moves in find_moves(self._connection, [file for file, _ in self._pairs], self._home):
            follow_renames(self._connection, moves, self._now, fetched.fetched_at, self._seen, self._diff)
            for name in {each.lower(): None for move in moves for each in (move.old, move.new)}:
                for file, meta in waiting.pop(name, ()):
                    self._save_feedstock(file, meta)
            yield
        for file, meta in itertools.chain.from_iterable(waiting.values()):
            if self._is_unchanged(file):
                self._diff.unchanged += 1
                self._note(file, self._kept_problems[file_key(file)])
            else:
                self._save_feedstock(file, meta)
            yield
        yield from self._remove_vanished()
        self._save_unlisted_bakeries()
        self._save_errors()
        save_responses(self._connection, fetched.responses)

    def _save_feedstock(self, file: FetchedFile, meta: MetaYaml | None) -> None:
        meta = meta or parse_changed(file, self._seen, parse_meta_yaml)
        is_read_again = self._seen.is_read_again(file)
        save_feedstock(self._connection, file, meta, self._home, self._now, self._diff, is_read_again)
        self._note(file, count_problems(self._connection, file))

    def _is_unchanged(self, file: FetchedFile) -> bool:
        """Return whether a feedstock's rows already match its file and GitHub."""
        row = self._rows.get(id_of(file.repository, self._home).lower())
        return (
            row is not None
            and bool(row["listed"])
            and row["removed_at"] is None
            and row["repository"] == file.repository
            and file.unreadable is None
            and self._seen.holds(file)
            and file.archived in (None, bool(row["archived"]))
            and file.github_id in (None, row["github_id"])
        )

    def _note(self, file: FetchedFile, problems: int) -> None:
        self._seen.note(file, self._fetched.fetched_at)
        self.files.append(file)
        self.problems += problems

    def _is_newest(self, file: FetchedFile, before: str | None = None) -> bool:
        """Return whether nothing newer was saved since the fetch; `before` is the stored name of its repository."""
        began = self._fetched.fetched_at
        paths = (BAKERIES_PATH,) if file.path == BAKERIES_PATH else META_PATHS
        if self._seen.fetched_after(began, file.repository, paths):
            return False
        # the stored version was current when this was fetched, but another sync has replaced it
        if file.data is None and not file.unreadable and not self._seen.holds(file):
            return False
        # do not undo a later rename by another sync
        return before is None or not self._seen.fetched_after(began, before, paths)

    def _remove_vanished(self) -> Iterator[None]:
        fetched = self._fetched
        found = {file.repository.lower() for file in fetched.feedstocks}
        numbers = {file.github_id for file in fetched.feedstocks if file.github_id is not None}
        listed = self._connection.execute(
            "select id, repository, github_id from feedstocks where listed and removed_at is null"
        )
        for row in listed.fetchall():
            repository = row["repository"]
            if (
                repository.lower() not in found
                and row["github_id"] not in numbers
                and fetched.covers(repository)
                and not self._seen.fetched_after(fetched.fetched_at, repository, META_PATHS)
            ):
                self._diff.changes.append(Change(FEEDSTOCK, row["id"], "removed"))
                remove_feedstock(self._connection, row["id"], self._now)
                self._seen.note_gone(repository, fetched.fetched_at)
                yield

    def _save_unlisted_bakeries(self) -> None:
        """Check all files that name a bakery, since bakeries.yaml may have changed; count those of this sync."""
        more = save_unlisted_bakeries(self._connection, self._now)
        self.problems += sum(more[file_key(file)] for file in self.files)

    def _save_errors(self) -> None:
        """Save errors of organisations and repositories as problems, and delete those that are over."""
        obsolete = {}
        if self._fetched.whole:
            kept = self._connection.execute(
                "select repository from problems where source_file = :listing", {"listing": LISTING}
            )
            obsolete = {row["repository"]: None for row in kept.fetchall()}
        for name, error in {**obsolete, **self._fetched.errors}.items():
            problems = [problem_of_file(f"{error}.")] if error else []
            save_problems(self._connection, name, LISTING, problems, self._now)


def parse_changed(file: FetchedFile, seen: SourceFiles, parse: Callable[[bytes], T]) -> T | None:
    """Parse a file. Return None if it has not changed, or cannot be read."""
    return None if file.data is None or seen.holds(file) else parse(file.data)


def _problems_fingerprint(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return a value that changes whenever problems are added or deleted, since ids are never reused."""
    return tuple(connection.execute("select count(*), coalesce(max(id), 0) from problems").fetchone())
