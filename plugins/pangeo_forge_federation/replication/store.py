"""List the files of a database in a store, and find out how far it can be restored."""

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
    """One file in a store: the changes of transactions `first` to `last`; `first` is 1 for a whole database."""

    first: int
    last: int
    size: int
    level: int
    # RFC 3339 in whole seconds, by the writer's clock
    at: str


@dataclass(frozen=True)
class Stored:
    """All files of one database in a store."""

    files: tuple[StoredFile, ...]

    @property
    def newest(self) -> int:
        """The last transaction in any file; 0 if there are none."""
        return max((file.last for file in self.files), default=0)

    @property
    def reach(self) -> int:
        """The last transaction that can be restored, before the first gap."""
        reach = 0
        for file in sorted(self.files, key=lambda file: (file.first, file.last)):
            if file.first <= reach + 1:
                reach = max(reach, file.last)
        return reach

    @property
    def begins(self) -> tuple[str, str] | None:
        """The second in which the first whole copy was written, as (beginning, end): times have no fractions."""
        written = min((file.at for file in self.files if file.first == 1), default=None)
        if written is None:
            return None
        second = times.parse(written)
        return second, times.to_text(times.from_text(second) + timedelta(seconds=1))

    def at(self, transaction: int) -> str | None:
        """Return when a transaction was written, by the writer's clock; None if unknown."""
        times = [file.at for file in self.files if file.first <= transaction <= file.last]
        return min(times, default=None)

    def size_of(self, transaction: int) -> int | None:
        """Return the size in bytes of the file with this transaction only; None if there is none."""
        sizes = (file.size for file in self.files if file.level == 0 and file.first == file.last == transaction)
        return next(sizes, None)


def fetch_stored(configuration: Path, data: Path, name: str, seconds: float = litestream.REQUEST_SECONDS) -> Stored:
    """List the files of a database in the store. Raises ReplicationError."""
    path = str(database_path(data, name))
    listing = litestream.run(
        ["ltx", "-level", "all", "-json", "-no-expand-env", "-config", str(configuration), path],
        f"the store of {name}.db cannot be read",
        seconds,
    )
    return read_listing(json.loads(listing or "[]"))


def read_listing(listing: Iterable[dict] | None) -> Stored:
    """Read the output of `litestream ltx -json`."""
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
