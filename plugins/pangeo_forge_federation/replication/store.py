"""What a store holds of a database: how far it can be restored from there."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pangeo_forge_federation.replication import litestream
from pangeo_forge_federation.storage.database import database_path
from pangeo_forge_federation.values import times


@dataclass(frozen=True)
class StoredFile:
    """One file of a store: the changes of the transactions from `first` to `last`, `first` = 1 for a whole database."""

    first: int
    last: int
    size: int
    level: int
    # RFC 3339, whole seconds, by the clock of whoever wrote it
    at: str


@dataclass(frozen=True)
class Stored:
    """All files of one database in a store."""

    files: tuple[StoredFile, ...]

    @property
    def newest(self) -> int:
        """The last transaction that any file names; 0 when there is none."""
        return max((file.last for file in self.files), default=0)

    @property
    def reach(self) -> int:
        """The last transaction up to which it can be restored: beyond it a file is missing."""
        reach = 0
        for file in sorted(self.files, key=lambda file: (file.first, file.last)):
            if file.first <= reach + 1:
                reach = max(reach, file.last)
        return reach

    @property
    def begins(self) -> tuple[str, str] | None:
        """The earliest and the latest moment at which the first whole database was there: the listing has no fractions
        of a second."""
        written = min((file.at for file in self.files if file.first == 1), default=None)
        if written is None:
            return None
        second = times.parse(written)
        return second, times.to_text(times.from_text(second) + timedelta(seconds=1))

    def at(self, transaction: int) -> str | None:
        """When a transaction was written, by the clock of its writer."""
        times = [file.at for file in self.files if file.first <= transaction <= file.last]
        return min(times, default=None)

    def size_of(self, transaction: int) -> int | None:
        """The size of the file that holds this transaction alone, while it is kept."""
        sizes = (file.size for file in self.files if file.level == 0 and file.first == file.last == transaction)
        return next(sizes, None)


def fetch_stored(configuration: Path, data: Path, name: str, seconds: float = litestream.ASK_SECONDS) -> Stored:
    """Ask the store what it holds of a database. Raises ReplicationError."""
    path = str(database_path(data, name))
    said = litestream.run(
        ["ltx", "-level", "all", "-json", "-no-expand-env", "-config", str(configuration), path],
        f"the store of {name}.db cannot be read",
        seconds,
    )
    return read_listing(json.loads(said or "[]"))


def read_listing(listing: Iterable[dict] | None) -> Stored:
    """From what `litestream ltx -json` prints."""
    return Stored(
        tuple(
            StoredFile(
                first=int(each["min_txid"], 16),
                last=int(each["max_txid"], 16),
                size=each["size"],
                level=each["level"],
                at=each["timestamp"],
            )
            for each in listing or ()
        )
    )
