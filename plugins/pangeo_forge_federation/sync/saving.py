"""Save what a sync was told, in transactions that are short however much there is, so that others can write between.

Each step (the bakeries, one feedstock, feedstocks that give each other names) is whole in one transaction with what
`sync_runs` and `sync_changes` say of it. A sync that is killed between two has saved the steps before, and its row has
no `finished_at`; the next sync finds those unchanged and saves the rest.
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

# What stands for a file where a problem is of none.
LISTING = "GitHub"
# How long a transaction goes on taking steps, and how long others have their turn between two: who waits for SQLite's
# lock asks for it every 100 ms.
TRANSACTION_SECONDS = 0.2
PAUSE_SECONDS = 0.12


class _DryRun(Exception):
    pass


class Saving:
    """One sync's saving. The lock between syncs is held: nobody else changes what a sync alone writes."""

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
        # as they are now: another sync may have saved while this one parsed, and what was unchanged then is not
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
        # of the transaction that is open
        self._diff = Diff()
        # of all of them
        self.diff = Diff()
        self.files: list[FetchedFile] = []
        self.problems = 0
        self.problems_changed = False

    def save(self, dry_run: bool) -> None:
        """Take all steps. With `dry_run` each transaction is taken back: no step needs what another one wrote."""
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
        """Files that could not be had, though another try may have them, and what could not be listed."""
        return sum(file.failed for file in self.files) + sum(map(bool, self._fetched.errors.values()))

    def _take_steps(self, steps: Iterator[None]) -> bool:
        """Take steps for as long as a transaction may last. True if there are no more."""
        until = time.monotonic() + TRANSACTION_SECONDS
        before = _problems_mark(self._connection)
        ended = True
        for _ in steps:
            if time.monotonic() >= until:
                ended = False
                break
        self.problems_changed |= _problems_mark(self._connection) != before
        return ended

    def _steps(self) -> Iterator[None]:
        """Each step is done when it is yielded."""
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
        """Whether a feedstock's rows say already all that its file and GitHub say."""
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
        """Whether nothing newer than this was saved while it was fetched; `before` is its repository as stored."""
        began = self._fetched.fetched_at
        paths = (BAKERIES_PATH,) if file.path == BAKERIES_PATH else META_PATHS
        if self._seen.fetched_after(began, file.repository, paths):
            return False
        # not fetched, as it was the version that is known; meanwhile another one was saved
        if file.data is None and not file.unreadable and not self._seen.holds(file):
            return False
        # a rename that another sync saw later is not undone
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
        """Every file that names a bakery, as bakeries.yaml may have changed alone; those of this sync are counted."""
        more = save_unlisted_bakeries(self._connection, self._now)
        self.problems += sum(more[file_key(file)] for file in self.files)

    def _save_errors(self) -> None:
        """What could not be fetched of an organisation or repository is a problem, until it can be."""
        over = {}
        if self._fetched.whole:
            kept = self._connection.execute(
                "select repository from problems where source_file = :listing", {"listing": LISTING}
            )
            over = {row["repository"]: None for row in kept.fetchall()}
        for name, error in {**over, **self._fetched.errors}.items():
            problems = [problem_of_file(f"{error}.")] if error else []
            save_problems(self._connection, name, LISTING, problems, self._now)


def parse_changed(file: FetchedFile, seen: SourceFiles, parse: Callable[[bytes], T]) -> T | None:
    """What a file says; None where it says what it said, or cannot be read."""
    return None if file.data is None or seen.holds(file) else parse(file.data)


def _problems_mark(connection: sqlite3.Connection) -> tuple[int, int]:
    """Another one whenever problems were added or deleted: their ids are never given twice."""
    return tuple(connection.execute("select count(*), coalesce(max(id), 0) from problems").fetchone())
