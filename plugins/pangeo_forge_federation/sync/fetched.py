"""What a sync was told, before anything is parsed or saved: the same from a folder and from GitHub."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pangeo_forge_federation.values.repositories import ALL, BAKERIES, FEEDSTOCKS, NAMED

NO_FILE = "A folder or something else stands where this file should be."


@dataclass(frozen=True)
class FetchedFile:
    """A file of a repository as it is now.

    `data` is None where the file is there and cannot be had: `unreadable` says why, and the last good version stays.
    `failed` says that another try may have it (no permission, a disk that fails), so that this sync is not whole.
    """

    repository: str
    path: str
    data: bytes | None
    unreadable: str | None = None
    failed: bool = False
    commit: str | None = None
    committed_at: str | None = None
    # None: whoever gave the file does not know
    archived: bool | None = None
    github_id: int | None = None
    # the blob's id as GitHub gives it. Without `data`, and not unreadable, it is the version that is known already.
    blob: str | None = None
    etag: str | None = None

    @cached_property
    def sha(self) -> str | None:
        """Git's blob id of the bytes, the same that GitHub gives."""
        if self.blob is not None:
            return self.blob
        return None if self.data is None else blob_sha(self.data)


@dataclass(frozen=True)
class Fetched:
    """All that one sync was told."""

    # what was read, as `sync_runs` keeps it
    source: str
    # when the fetch began: what was saved later than that is newer than this
    fetched_at: str
    feedstocks: list[FetchedFile] = field(default_factory=list)
    # None: the bakery database was not looked at
    bakeries: FetchedFile | None = None
    # whether a repository that was not found is gone, or was only not asked for
    covers: Callable[[str], bool] = lambda repository: False
    # owner or owner/name: what went wrong with it beyond a single file, None where that is over
    faults: Mapping[str, str | None] = field(default_factory=dict)
    # whether all that is configured was asked for: other faults are of what nobody asks for any more
    whole: bool = False
    scope: str = NAMED
    # URL: (ETag, what is kept of the body) of listings that were new
    answers: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def scope_name(bakeries: bool, feedstocks: bool) -> str:
    """The scope of a sync that was asked for bakeries.yaml, and for every feedstock that there is."""
    if bakeries:
        return ALL if feedstocks else BAKERIES
    return FEEDSTOCKS if feedstocks else NAMED


def blob_sha(data: bytes) -> str:
    """Git's id of a blob with these bytes."""
    return hashlib.sha1(b"blob %d\x00" % len(data) + data, usedforsecurity=False).hexdigest()
