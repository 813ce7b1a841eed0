"""Public snapshots: the whole federation in one file that an analyst takes home, with its SHA-256 beside it.

Made by `vacuum into`, so compact, and without what is for this server alone. They lie in a folder of their own, where
Datasette looks for no databases, and each comes and goes whole: it is written under another name and renamed.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pangeo_forge_federation.storage.database import FEDERATION, connect, connect_copy, database_path, exclusive_lock
from pangeo_forge_federation.storage.durable_files import to_disk

FOLDER = "snapshots"
KEPT = 14
# what is for this server alone; tokens and the audit log are in another database
LEFT_OUT = ("idempotency_keys", "webhook_deliveries", "github_answers")

_NAME = re.compile(r"federation-(\d{4}-\d\d-\d\dT\d{6}Z)\.db", re.ASCII)
_INSTANT = "%Y-%m-%dT%H%M%SZ"
_UNFINISHED = ".unfinished-"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SnapshotFile:
    """A snapshot that is whole: its size in bytes, and its SHA-256 in hexadecimal digits."""

    path: Path
    created_at: datetime
    bytes: int
    sha256: str


def snapshot_folder(data: Path) -> Path:
    """Where the snapshots of a data folder lie."""
    return data / FOLDER


def list_snapshots(data: Path) -> list[SnapshotFile]:
    """Those that are whole, the newest first. Reads names and sums only."""
    found = []
    folder = snapshot_folder(data)
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        # one that is being taken away is none any more
        with contextlib.suppress(FileNotFoundError):
            if match:
                sha256 = sum_path(path).read_text("ascii").split()[0]
                created_at = datetime.strptime(match[1], _INSTANT).replace(tzinfo=UTC)
                found.append(SnapshotFile(path, created_at, path.stat().st_size, sha256))
    return found


def sum_path(path: Path) -> Path:
    """Where the SHA-256 of a snapshot is, as `sha256sum --check` reads it."""
    return path.with_name(path.name + ".sha256")


def find_snapshot(data: Path, name: str) -> SnapshotFile | None:
    """A snapshot by the name of its file."""
    return next((each for each in list_snapshots(data) if each.path.name == name), None)


def make_snapshot(
    data: Path,
    kept: int = KEPT,
    newer_than: float | None = None,
    deleted: Callable[[Path], None] = lambda path: None,
) -> SnapshotFile | None:
    """A snapshot of the registry as it is now; the oldest go, so that `kept` are there: `deleted` is told of each.

    None when there is one that is younger than `newer_than` seconds. Raises sqlite3.Error and OSError, and leaves
    nothing behind then; those there were stay.
    """
    folder = snapshot_folder(data)
    folder.mkdir(exist_ok=True)
    with exclusive_lock(folder / ".lock"):
        sweep(folder)
        now = datetime.now(UTC).replace(microsecond=0)
        there = list_snapshots(data)
        if newer_than is not None and there and (now - there[0].created_at).total_seconds() < newer_than:
            prune(data, kept, deleted)
            return None
        path = folder / f"federation-{now.strftime(_INSTANT)}.db"
        with _unfinished(folder / f"{_UNFINISHED}{path.name}") as unfinished:
            copy_public(database_path(data, FEDERATION), unfinished)
            sha256 = sha256_of(unfinished)
            with _unfinished(folder / f"{_UNFINISHED}{path.name}.sha256") as sum_file:
                sum_file.write_text(f"{sha256}  {path.name}\n", "ascii")
                to_disk(sum_file)
                to_disk(unfinished)
                # the sum first: a snapshot without one is not shown
                sum_file.rename(sum_path(path))
            unfinished.rename(path)
        to_disk(folder)
        prune(data, kept, deleted)
        return SnapshotFile(path, now, path.stat().st_size, sha256)


def prune(data: Path, kept: int, deleted: Callable[[Path], None]) -> None:
    """Take the oldest away."""
    for old in list_snapshots(data)[kept:]:
        old.path.unlink()
        sum_path(old.path).unlink()
        deleted(old.path)


def sweep(folder: Path) -> None:
    """Take away what was left by one that was killed."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        path.unlink()
    for path in folder.glob("federation-*.db.sha256"):
        if not path.with_suffix("").exists():
            path.unlink()


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A file that is renamed at the end of the block, or gone."""
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def copy_public(source: Path, target: Path) -> None:
    """Copy what is public of a registry's database into a file that is one file: no log beside it."""
    connection = connect(source)
    try:
        connection.execute("vacuum into :target", {"target": str(target)})
    finally:
        connection.close()
    copy = connect_copy(target)
    try:
        copy.execute("pragma journal_mode = delete")
        for table in LEFT_OUT:
            copy.execute(f"delete from {table}")
        # or what was deleted would still be in its free pages
        copy.execute("vacuum")
    finally:
        copy.close()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
