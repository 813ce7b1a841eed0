"""Public snapshots: the whole federation in a single file for download, with its SHA-256 in a file beside it.

They are made by `vacuum into`, which makes them compact, and lack the private tables. Their folder is one that
Datasette does not search for databases. A snapshot is written under a temporary name and renamed when it is complete.
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
# private tables; tokens and the audit log are in another database
LEFT_OUT = ("idempotency_keys", "webhook_deliveries", "github_answers")

_NAME = re.compile(r"federation-(\d{4}-\d\d-\d\dT\d{6}Z)\.db", re.ASCII)
_INSTANT = "%Y-%m-%dT%H%M%SZ"
_UNFINISHED = ".unfinished-"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class SnapshotFile:
    """A complete snapshot.

    Attributes:
        path: its file.
        created_at: when it was made, in UTC.
        bytes: its size.
        sha256: its SHA-256 in hexadecimal digits.
    """

    path: Path
    created_at: datetime
    bytes: int
    sha256: str


def snapshot_folder(data: Path) -> Path:
    """Return the folder of the snapshots of a data folder."""
    return data / FOLDER


def list_snapshots(data: Path) -> list[SnapshotFile]:
    """Return the complete snapshots, newest first. This reads only file names and checksums."""
    found = []
    folder = snapshot_folder(data)
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        # it may be deleted at the same time
        with contextlib.suppress(FileNotFoundError):
            if match:
                sha256 = sum_path(path).read_text("ascii").split()[0]
                created_at = datetime.strptime(match[1], _INSTANT).replace(tzinfo=UTC)
                found.append(SnapshotFile(path, created_at, path.stat().st_size, sha256))
    return found


def sum_path(path: Path) -> Path:
    """Return the path of a snapshot's checksum, a file for `sha256sum --check`."""
    return path.with_name(path.name + ".sha256")


def find_snapshot(data: Path, name: str) -> SnapshotFile | None:
    """Return the snapshot with a file name, None if there is none."""
    return next((each for each in list_snapshots(data) if each.path.name == name), None)


def make_snapshot(
    data: Path,
    kept: int = KEPT,
    newer_than: float | None = None,
    deleted: Callable[[Path], None] = lambda path: None,
) -> SnapshotFile | None:
    """Make and return a snapshot, and delete the oldest ones.

    Args:
        data: the data folder.
        kept: how many snapshots are kept, including the new one.
        newer_than: make none, and return None, if the latest one is younger than this number of seconds.
        deleted: called with the path of each snapshot that was deleted.

    Raises:
        sqlite3.Error, OSError: a file cannot be read or written. Existing snapshots stay, and nothing else is left.
    """
    folder = snapshot_folder(data)
    folder.mkdir(exist_ok=True)
    with exclusive_lock(folder / ".lock"):
        sweep(folder)
        now = datetime.now(UTC).replace(microsecond=0)
        existing = list_snapshots(data)
        if newer_than is not None and existing and (now - existing[0].created_at).total_seconds() < newer_than:
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
                # the checksum first, as a snapshot without one is not listed
                sum_file.rename(sum_path(path))
            unfinished.rename(path)
        to_disk(folder)
        prune(data, kept, deleted)
        return SnapshotFile(path, now, path.stat().st_size, sha256)


def prune(data: Path, kept: int, deleted: Callable[[Path], None]) -> None:
    """Delete all but the newest `kept` snapshots."""
    for old in list_snapshots(data)[kept:]:
        old.path.unlink()
        sum_path(old.path).unlink()
        deleted(old.path)


def sweep(folder: Path) -> None:
    """Delete what a killed process left behind."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        path.unlink()
    for path in folder.glob("federation-*.db.sha256"):
        if not path.with_suffix("").exists():
            path.unlink()


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Delete the file when the block ends, if it was not renamed."""
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def copy_public(source: Path, target: Path) -> None:
    """Copy the public part of a registry's database to a single file, without a log beside it."""
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
        # because deleted rows are still in free pages
        copy.execute("vacuum")
    finally:
        copy.close()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
