"""The registry's state before a fetch, read in advance so that no fetch_* needs the database."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pangeo_forge_federation.files.parser_version import PARSER_VERSION


@dataclass(frozen=True)
class KnownFeedstock:
    """The part of a feedstock that a fetch needs."""

    repository: str
    github_id: int | None
    # whether GitHub had it at the last sync
    present: bool
    # whether it had another name before: transferred repositories are followed to any owner
    renamed: bool


@dataclass(frozen=True)
class Known:
    """Feedstocks by repository in lower case, versions of files, and responses of the REST API by URL.

    Files that were read by another version of the parser have no entry in `versions`, so that they are fetched again.
    """

    feedstocks: dict[str, KnownFeedstock] = field(default_factory=dict)
    # (repository in lower case, path): (sha, ETag)
    versions: dict[tuple[str, str], tuple[str | None, str | None]] = field(default_factory=dict)
    # (repository in lower case, path) of all files that existed at the last sync
    files: frozenset[tuple[str, str]] = frozenset()
    # URL: (ETag, stored part of the body)
    responses: dict[str, tuple[str, str]] = field(default_factory=dict)

    def feedstock_of(self, github_id: int | None) -> KnownFeedstock | None:
        """Return the feedstock with this numeric id of GitHub, under any name."""
        return self._by_github_id.get(github_id) if github_id is not None else None

    def version(self, repository: str, path: str) -> tuple[str | None, str | None]:
        """Return the (blob id, ETag) of a file's stored version. There is no ETag without a blob id."""
        sha, etag = self.versions.get((repository.lower(), path), (None, None))
        return sha, etag if sha else None

    def has_file(self, repository: str, path: str) -> bool:
        """Return whether the file existed at the last sync."""
        return (repository.lower(), path) in self.files

    @cached_property
    def _by_github_id(self) -> dict[int, KnownFeedstock]:
        return {each.github_id: each for each in self.feedstocks.values() if each.github_id is not None}


def read_known(connection: sqlite3.Connection) -> Known:
    """Read the current state."""
    feedstocks = connection.execute(
        """
        select
            repository,
            github_id,
            listed and removed_at is null as present,
            exists (select 1 from feedstock_aliases where feedstock_id = feedstocks.id) as renamed
        from feedstocks
        """
    )
    files = {
        (row["repository"].lower(), row["path"]): row
        for row in connection.execute(
            "select repository, path, sha, etag, read_by from source_files where sha is not null"
        )
    }
    responses = connection.execute("select url, etag, body from github_answers")
    return Known(
        _by_repository(feedstocks),
        {key: (row["sha"], row["etag"]) for key, row in files.items() if row["read_by"] == PARSER_VERSION},
        frozenset(files),
        {row["url"]: (row["etag"], row["body"]) for row in responses},
    )


def save_responses(connection: sqlite3.Connection, responses: Mapping[str, tuple[str, str]]) -> None:
    """Store new responses of the REST API."""
    connection.executemany(
        """
        insert into github_answers (url, etag, body)
        values (:url, :etag, :body)
        on conflict do update set etag = excluded.etag, body = excluded.body
        """,
        [{"url": url, "etag": etag, "body": body} for url, (etag, body) in responses.items()],
    )


def _by_repository(rows: Iterable[sqlite3.Row]) -> dict[str, KnownFeedstock]:
    return {
        row["repository"].lower(): KnownFeedstock(
            row["repository"], row["github_id"], bool(row["present"]), bool(row["renamed"])
        )
        for row in rows
    }
