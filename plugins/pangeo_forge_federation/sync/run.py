"""Run one sync: parse what was fetched, then save it in short transactions.

Everything slow happens before the transactions, so that reads and bakeries' writes are not blocked. Changes are
computed inside them, against the current rows. A file that has not changed since the last sync is neither parsed nor
written. A file that another sync saved after this fetch began is newer, and is not touched.
"""

from dataclasses import dataclass
from pathlib import Path

from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.files.bakeries_yaml import BakeriesYaml, parse_bakeries_yaml
from pangeo_forge_federation.files.file_problems import Problem, problem_of_file
from pangeo_forge_federation.files.meta_yaml import MetaYaml, parse_meta_yaml
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, exclusive_lock
from pangeo_forge_federation.sync.changes import Diff
from pangeo_forge_federation.sync.fetched import Fetched, FetchedFile
from pangeo_forge_federation.sync.saving import Saving, parse_changed
from pangeo_forge_federation.sync.source_files import SourceFiles
from pangeo_forge_federation.sync.unlisted_bakeries import KnownBakeries, read_known_bakeries

# How long a sync waits for the transactions of other processes.
SYNC_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class SyncResult:
    """The outcome of a sync, or of a dry run."""

    diff: Diff
    # number of problems in the files of this sync
    problems: int
    # (owner/repository/path, problem) of the files that were parsed
    found_problems: list[tuple[str, Problem]]
    # number of files, repositories and organisations that could not be fetched, and may be at the next attempt
    not_fetched: int
    # number of files of which another sync has saved a newer version
    skipped: int
    # error messages that concern more than one file
    errors: list[str]
    # whether the problems differ from those before
    problems_changed: bool

    @property
    def changes_something(self) -> bool:
        """Whether `--check` fails."""
        return bool(self.diff.changes) or self.problems_changed

    @property
    def is_whole(self) -> bool:
        """Whether everything could be fetched; else the command exits with 1."""
        return not self.not_fetched


def run_sync(
    data: Path, fetched: Fetched, home: str, dry_run: bool = False, progress: Progress | None = None
) -> SyncResult:
    """Save a fetch into `federation.db`. With `dry_run`, every transaction is rolled back."""
    path = database_path(data, FEDERATION)
    connection = connect(path, timeout=SYNC_TIMEOUT_SECONDS)
    try:
        seen = SourceFiles(connection)
        files = (progress or Progress()).over("reading files", fetched.feedstocks, len(fetched.feedstocks))
        metas = [parse_changed(file, seen, parse_meta_yaml) for file in files]
        bakeries = parse_changed(fetched.bakeries, seen, parse_bakeries_yaml) if fetched.bakeries else None
        with exclusive_lock(path.with_name(".sync.lock")):
            saving = Saving(connection, fetched, metas, bakeries, home)
            saving.save(dry_run)
        known = read_known_bakeries(connection)
    finally:
        connection.close()
    if bakeries is not None and bakeries.understood:
        # a dry run has not saved the new list
        known = known.with_listed(bakery["id"] for bakery in bakeries.bakeries)
    fetched_files = len(fetched.feedstocks) + (fetched.bakeries is not None)
    return SyncResult(
        saving.diff,
        problems=saving.problems,
        found_problems=[
            (f"{file.repository}/{file.path}", problem)
            for file, parsed in [(fetched.bakeries, bakeries), *zip(fetched.feedstocks, metas, strict=True)]
            if file is not None
            for problem in _problems_of(file, parsed, known)
        ],
        not_fetched=saving.not_fetched,
        skipped=fetched_files - len(saving.files),
        errors=[f"{name}: {error}" for name, error in fetched.errors.items() if error],
        problems_changed=saving.problems_changed,
    )


def _problems_of(file: FetchedFile, parsed: BakeriesYaml | MetaYaml | None, known: KnownBakeries) -> list[Problem]:
    if file.unreadable:
        return [problem_of_file(file.unreadable)]
    if parsed is None:
        return []
    named = parsed.bakery if isinstance(parsed, MetaYaml) else None
    unlisted = known.problem_of(named) if named else None
    return [*parsed.problems, unlisted] if unlisted else parsed.problems
