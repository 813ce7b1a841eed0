"""What the registry knows of GitHub before a fetch, read at once, so that no fetch_* needs the database."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pangeo_forge_federation.files.parser_version import PARSER_VERSION


@dataclass(frozen=True)
class KnownFeedstock:
    """A feedstock, as far as a fetch needs to know it."""

    repository: str
    github_id: int | None
    # whether GitHub had it when it was looked at last
    present: bool
    # whether it had another name once: one that was transferred is followed wherever it goes
    renamed: bool


@dataclass(frozen=True)
class Known:
    """Feedstocks by repository in small letters, versions of files, and answers of the REST API by their URL.

    Of a version that another parser read nothing is known: the file is fetched and read anew.
    """

    feedstocks: dict[str, KnownFeedstock] = field(default_factory=dict)
    # (repository in small letters, path): (sha, ETag)
    versions: dict[tuple[str, str], tuple[str | None, str | None]] = field(default_factory=dict)
    # (repository in small letters, path) of the files that were there, whichever parser read them
    files: frozenset[tuple[str, str]] = frozenset()
    # URL: (ETag, what was kept of the body)
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)

    def feedstock_of(self, github_id: int | None) -> KnownFeedstock | None:
        """The feedstock with GitHub's number, whatever it is called now."""
        return self._by_github_id.get(github_id) if github_id is not None else None

    def version(self, repository: str, path: str) -> tuple[str | None, str | None]:
        """(blob's id, ETag) of a file as it was looked at last; an ETag without the version is worth nothing."""
        sha, etag = self.versions.get((repository.lower(), path), (None, None))
        return sha, etag if sha else None

    def has_file(self, repository: str, path: str) -> bool:
        """Whether the file was there when it was looked at last."""
        return (repository.lower(), path) in self.files

    @cached_property
    def _by_github_id(self) -> dict[int, KnownFeedstock]:
        return {each.github_id: each for each in self.feedstocks.values() if each.github_id is not None}


def read_known(connection: sqlite3.Connection) -> Known:
    """What is known now."""
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
    answers = connection.execute("select url, etag, body from github_answers")
    return Known(
        _by_repository(feedstocks),
        {key: (row["sha"], row["etag"]) for key, row in files.items() if row["read_by"] == PARSER_VERSION},
        frozenset(files),
        {row["url"]: (row["etag"], row["body"]) for row in answers},
    )


def save_answers(connection: sqlite3.Connection, answers: Mapping[str, tuple[str, str]]) -> None:
    """Keep the answers of the REST API that were new."""
    connection.executemany(
        """
        insert into github_answers (url, etag, body)
        values (:url, :etag, :body)
        on conflict do update set etag = excluded.etag, body = excluded.body
        """,
        [{"url": url, "etag": etag, "body": body} for url, (etag, body) in answers.items()],
    )


def _by_repository(rows: Iterable[sqlite3.Row]) -> dict[str, KnownFeedstock]:
    return {
        row["repository"].lower(): KnownFeedstock(
            row["repository"], row["github_id"], bool(row["present"]), bool(row["renamed"])
        )
        for row in rows
    }
