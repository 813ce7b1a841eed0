"""What one sync saves, step by step: `turns.py` makes short transactions of the steps.

The diff is made against the rows as they are then. A file whose version is the one that was looked at last is neither
parsed nor written; one that was saved after this fetch began is newer than what was fetched, and is left alone.
Feedstocks that have another name come first and together, since two may have swapped theirs. A sync that dies on its
way leaves what it has saved, with its changes and an unfinished row in `sync_runs`; the next one saves the rest.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from federation import times
from federation.files.bakeries_yaml import BakeriesYaml, parse_bakeries_yaml
from federation.files.meta_yaml import MetaYaml, parse_meta_yaml
from federation.files.yaml_document import Problem
from federation.names import feedstock_id as id_of
from federation.sync.changes import Change, Diff
from federation.sync.fetched import BAKERIES_PATH, META_PATHS, Fetched, FetchedFile
from federation.sync.known import save_answers
from federation.sync.renames import follow_renames
from federation.sync.save_bakeries import save_bakeries
from federation.sync.save_feedstocks import FEEDSTOCK, remove_feedstock, save_feedstock
from federation.sync.save_problems import SavedProblems
from federation.sync.save_sync_run import finish_sync_run, save_changes, start_sync_run
from federation.sync.source_files import SourceFiles

T = TypeVar("T")

# What stands for a file where a problem is of none.
LISTING = "GitHub"


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


class Saving:
    """The saving of one sync. To be made under the lock that lets no other sync save."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        fetched: Fetched,
        metas: list[MetaYaml | None],
        bakeries: BakeriesYaml | None,
        home: str,
        keep: bool,
    ) -> None:
        self._connection = connection
        self._fetched = fetched
        self._bakeries = bakeries
        self._home = home
        # changes refer to the row of their sync, which is not there when the transaction before was taken back
        self._keep = keep
        self._now = times.now()
        self._diff = Diff()
        # as they are now: another sync may have saved while this one parsed, and what was unchanged then is not
        self._seen = SourceFiles(connection)
        self._rows = _feedstocks(connection)
        self._problems = SavedProblems(connection)
        by_github_id = {row["github_id"]: row["repository"] for row in self._rows.values()}
        self._pairs = [
            (file, meta)
            for file, meta in zip(fetched.feedstocks, metas, strict=True)
            if self._is_newest(file, by_github_id.get(file.github_id) if file.github_id is not None else None)
        ]
        self._files = [file for file, _ in self._pairs]
        self._sync_run_id = 0
        self._changes_saved = 0

    def steps(self) -> Iterator[None]:
        """Save everything. What must be kept together lies between two yields."""
        self._sync_run_id = start_sync_run(self._connection, self._fetched)
        file = self._fetched.bakeries
        if file and self._is_newest(file):
            self._save_bakeries(file)
        moves = follow_renames(
            self._connection, self._files, self._home, self._now, self._fetched.fetched_at, self._seen, self._diff
        )
        if moves:
            self._rows = _feedstocks(self._connection)
            self._problems.read()
        # a repository may have taken the name that another one has given up
        involved = {id_.lower() for move in moves for id_ in (move.old, move.new)}
        others = []
        for pair in self._pairs:
            if involved and id_of(pair[0].repository, self._home).lower() in involved:
                self._save_feedstock(*pair)
            else:
                others.append(pair)
        yield from self._saved()
        for pair in others:
            self._save_feedstock(*pair)
            yield from self._saved()
        yield from self._remove_vanished({move.before.lower() for move in moves})
        self._save_faults()
        save_answers(self._connection, self._fetched.answers)
        finish_sync_run(
            self._connection, self._sync_run_id, self._diff.counts(), self._problems.count(self._files), times.now()
        )

    def result(self) -> SyncResult:
        """What the steps did."""
        fetched_files = len(self._fetched.feedstocks) + (self._fetched.bakeries is not None)
        return SyncResult(
            self._diff,
            problems=self._problems.count(self._files),
            failed=sum(file.failed for file in self._files),
            skipped=fetched_files - len(self._files),
            faults=[f"{name}: {fault}" for name, fault in self._fetched.faults.items() if fault],
            problems_changed=self._problems.changed,
        )

    def _saved(self) -> Iterator[None]:
        """Keep the changes of what was saved beside it. A transaction may end here."""
        changes = self._diff.changes[self._changes_saved :]
        self._changes_saved += len(changes)
        if changes and self._keep:
            save_changes(self._connection, self._sync_run_id, changes)
        yield

    def _save_bakeries(self, file: FetchedFile) -> None:
        parsed = self._bakeries or self._parse_changed(file, parse_bakeries_yaml)
        save_bakeries(self._connection, file, parsed, self._now, self._diff, self._problems)
        self._seen.note(file, self._fetched.fetched_at)
        self._files.append(file)

    def _save_feedstock(self, file: FetchedFile, meta: MetaYaml | None) -> None:
        meta = meta or self._parse_changed(file, parse_meta_yaml)
        if meta is None and self._is_stored(file):
            self._diff.unchanged += 1
        else:
            save_feedstock(self._connection, file, meta, self._home, self._now, self._diff, self._problems)
        self._seen.note(file, self._fetched.fetched_at)

    def _parse_changed(self, file: FetchedFile, parse: Callable[[bytes], T]) -> T | None:
        return None if file.data is None or self._seen.holds(file) else parse(file.data)

    def _is_stored(self, file: FetchedFile) -> bool:
        """Whether what is known of a repository beside its file is stored too: the usual case, without a statement."""
        row = self._rows.get(id_of(file.repository, self._home).lower())
        return (
            row is not None
            and not file.unreadable
            and bool(row["listed"])
            and row["removed_at"] is None
            and row["repository"] == file.repository
            and file.archived in (None, bool(row["archived"]))
            and file.github_id in (None, row["github_id"])
        )

    def _is_newest(self, file: FetchedFile, known_as: str | None = None) -> bool:
        """Whether nothing newer was saved while this was fetched; `known_as` is the repository's name so far."""
        paths = (BAKERIES_PATH,) if file.path == BAKERIES_PATH else META_PATHS
        began = self._fetched.fetched_at
        if self._seen.fetched_after(began, file.repository, paths):
            return False
        # not fetched, as it was the version that is known; meanwhile another one was saved
        if file.data is None and not file.unreadable and not self._seen.holds(file):
            return False
        # a rename that another sync saw later is not undone
        return known_as is None or not self._seen.fetched_after(began, known_as, paths)

    def _remove_vanished(self, renamed: set[str]) -> Iterator[None]:
        found = {file.repository.lower() for file in self._fetched.feedstocks} | renamed
        began = self._fetched.fetched_at
        for row in self._rows.values():
            repository = row["repository"]
            if (
                row["listed"]
                and row["removed_at"] is None
                and repository.lower() not in found
                and self._fetched.covers(repository)
                and not self._seen.fetched_after(began, repository, META_PATHS)
            ):
                self._diff.changes.append(Change(FEEDSTOCK, row["id"], "removed"))
                remove_feedstock(self._connection, row["id"], self._now)
                self._seen.note_gone(repository, began)
                yield from self._saved()

    def _save_faults(self) -> None:
        """What could not be fetched of an organisation or repository is a problem, until it can be."""
        over = {}
        if self._fetched.whole:
            kept = self._connection.execute(
                "select repository from problems where source_file = :listing", {"listing": LISTING}
            )
            over = {row["repository"]: None for row in kept.fetchall()}
        for name, fault in {**over, **self._fetched.faults}.items():
            found = [Problem("", None, None, "error", f"{fault}.")] if fault else []
            self._problems.save(name, LISTING, found, self._now)


def _feedstocks(connection: sqlite3.Connection) -> dict[str, sqlite3.Row]:
    """The feedstocks that are there, by their id in small letters."""
    rows = connection.execute("select id, repository, archived, github_id, listed, removed_at from feedstocks")
    return {row["id"].lower(): row for row in rows}
