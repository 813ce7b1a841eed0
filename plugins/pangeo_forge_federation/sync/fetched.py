"""The result of a fetch from a folder or from GitHub, before anything is parsed or saved."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pangeo_forge_federation.values.repositories import ALL, BAKERIES, FEEDSTOCKS, NAMED

NO_FILE = "This path is not a file."


@dataclass(frozen=True)
class FetchedFile:
    """The current version of a file in a repository.

    `data` is None if the file exists but could not be read: `unreadable` is the reason, and the last good version is
    kept. `failed` marks errors that a retry may fix (no permission, a failing disk) and that make the sync incomplete.
    """

    repository: str
    path: str
    data: bytes | None
    unreadable: str | None = None
    failed: bool = False
    commit: str | None = None
    committed_at: str | None = None
    # None if unknown, as in a folder
    archived: bool | None = None
    github_id: int | None = None
    # Git's blob id from GitHub. If neither `data` nor `unreadable` is set, the stored version is still current.
    blob: str | None = None
    etag: str | None = None

    @cached_property
    def sha(self) -> str | None:
        """Git's blob id of the bytes, as GitHub has it."""
        if self.blob is not None:
            return self.blob
        return None if self.data is None else blob_sha(self.data)


@dataclass(frozen=True)
class Fetched:
    """Everything that one sync fetched."""

    # where it was fetched from, as stored in `sync_runs`
    source: str
    # when the fetch began: anything saved later is newer
    fetched_at: str
    feedstocks: list[FetchedFile] = field(default_factory=list)
    # None if the bakery database was not read
    bakeries: FetchedFile | None = None
    # whether a repository that is not in `feedstocks` is gone, rather than outside the scope
    covers: Callable[[str], bool] = lambda repository: False
    # owner or owner/name: the error that concerns more than one file, None if there is none any more
    errors: Mapping[str, str | None] = field(default_factory=dict)
    # whether everything configured was fetched: stored errors of other names are then obsolete
    whole: bool = False
    scope: str = NAMED
    # URL: (ETag, stored part of the body) of new listings
    responses: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def scope_name(bakeries: bool, feedstocks: bool) -> str:
    """Return the scope of a sync, given whether it reads bakeries.yaml and whether it reads all feedstocks."""
    if bakeries:
        return ALL if feedstocks else BAKERIES
    return FEEDSTOCKS if feedstocks else NAMED


def blob_sha(data: bytes) -> str:
    """Return Git's id of a blob with these bytes."""
    return hashlib.sha1(b"blob %d\x00" % len(data) + data, usedforsecurity=False).hexdigest()
