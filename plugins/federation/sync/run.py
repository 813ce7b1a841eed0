"""One sync: what was fetched is parsed, and then saved.

Everything slow comes before the first transaction, so that reads and bakeries' writes go on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from federation.database import FEDERATION, connect, database_path, exclusive_lock
from federation.files.bakeries_yaml import parse_bakeries_yaml
from federation.files.meta_yaml import parse_meta_yaml
from federation.sync.fetched import Fetched, FetchedFile
from federation.sync.progress import Progress
from federation.sync.save import Saving, SyncResult
from federation.sync.source_files import SourceFiles
from federation.sync.turns import in_turns

T = TypeVar("T")

# A sync saves one feedstock after another and writes nothing else meanwhile; others wait for it this long.
SYNC_TIMEOUT_SECONDS = 60.0


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
        with exclusive_lock(path.with_name(".sync.lock")):
            saving = Saving(connection, fetched, metas, bakeries, home, keep=not dry_run)
            in_turns(connection, saving.steps(), keep=not dry_run)
            return saving.result()
    finally:
        connection.close()


def _parse_changed(file: FetchedFile, seen: SourceFiles, parse: Callable[[bytes], T]) -> T | None:
    """What a file says; None where it says what it said, or cannot be read."""
    return None if file.data is None or seen.holds(file) else parse(file.data)
