"""The version of each file at the last sync: unchanged files are neither parsed nor written.

Files that were read by another version of the parser, as after an upgrade, are read again.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from pangeo_forge_federation.files.parser_version import PARSER_VERSION
from pangeo_forge_federation.sync.fetched import FetchedFile
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS


class _Version(NamedTuple):
    sha: str | None
    fetched_at: str
    etag: str | None
    read_by: str | None


class SourceFiles:
    """The table `source_files`, read in advance. `sha` is None for files that were unreadable, or are gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._versions = {
            _key(row["repository"], row["path"]): _Version(row["sha"], row["fetched_at"], row["etag"], row["read_by"])
            for row in connection.execute("select repository, path, sha, fetched_at, etag, read_by from source_files")
        }

    def holds(self, file: FetchedFile) -> bool:
        """Return whether this is the version of the last sync, read by the current parser."""
        stored = self._of_version(file)
        return stored is not None and stored.read_by == PARSER_VERSION

    def is_read_again(self, file: FetchedFile) -> bool:
        """Return whether this is the version of the last sync, read by another parser."""
        stored = self._of_version(file)
        return stored is not None and stored.read_by != PARSER_VERSION

    def fetched_after(self, moment: str, repository: str, paths: Sequence[str]) -> bool:
        """Return whether any of these files was last fetched after `moment`."""
        versions = (self._versions.get(_key(repository, path)) for path in paths)
        return any(version is not None and version.fetched_at > moment for version in versions)

    def note(self, file: FetchedFile, fetched_at: str) -> None:
        """Store this version as that of the last sync."""
        key = _key(file.repository, file.path)
        # an ETag is of no use without its version
        etag = file.etag if file.sha else None
        stored = self._versions.get(key)
        is_noted = self.holds(file) or (stored is not None and stored.sha is None and file.sha is None)
        if is_noted and etag in (None, stored and stored.etag):
            return
        self._versions[key] = _Version(file.sha, fetched_at, etag, PARSER_VERSION)
        self._connection.execute(
            """
            insert into source_files (repository, path, sha, fetched_at, etag, read_by)
            values (:repository, :path, :sha, :fetched_at, :etag, :read_by)
            on conflict do update set
                sha = excluded.sha,
                fetched_at = excluded.fetched_at,
                etag = excluded.etag,
                read_by = excluded.read_by
            """,
            {
                "repository": file.repository,
                "path": file.path,
                "sha": file.sha,
                "fetched_at": fetched_at,
                "etag": etag,
                "read_by": PARSER_VERSION,
            },
        )
        if file.path in META_PATHS:
            self._forget_other_name(file)

    def note_gone(self, repository: str, fetched_at: str) -> None:
        """Mark a feedstock's file as gone. If it comes back, it is read again even if unchanged."""
        for path in META_PATHS:
            key = _key(repository, path)
            if key not in self._versions:
                continue
            self._versions[key] = self._versions[key]._replace(sha=None, fetched_at=fetched_at, etag=None)
            self._connection.execute(
                """
                update source_files
                set sha = null, fetched_at = :fetched_at, etag = null
                where repository = :repository and path = :path
                """,
                {"repository": repository, "path": path, "fetched_at": fetched_at},
            )

    def note_moved(self, before: str, repository: str, fetched_at: str) -> None:
        """Rename a repository: the stored versions of its files get its new name."""
        for path in (*META_PATHS, BAKERIES_PATH):
            version = self._versions.pop(_key(before, path), None)
            if version is None:
                continue
            if before.lower() != repository.lower():
                self._versions.pop(_key(repository, path), None)
                self._connection.execute(
                    "delete from source_files where repository = :repository and path = :path",
                    {"repository": repository, "path": path},
                )
            self._versions[_key(repository, path)] = version._replace(fetched_at=fetched_at, etag=None)
            self._connection.execute(
                """
                update source_files
                set repository = :repository, fetched_at = :fetched_at, etag = null
                where repository = :before and path = :path
                """,
                {"repository": repository, "before": before, "path": path, "fetched_at": fetched_at},
            )

    def _forget_other_name(self, file: FetchedFile) -> None:
        """Forget the other spelling of meta.yaml: a feedstock has only one of them."""
        for path in set(META_PATHS) - {file.path}:
            self._versions.pop(_key(file.repository, path), None)
            for statement in (
                "delete from source_files where repository = :repository and path = :path",
                "delete from problems where repository = :repository and source_file = :path",
            ):
                self._connection.execute(statement, {"repository": file.repository, "path": path})

    def _of_version(self, file: FetchedFile) -> _Version | None:
        """Return the stored version if it is the same as this one, whichever parser read it."""
        stored = self._versions.get(_key(file.repository, file.path))
        return stored if stored is not None and file.sha is not None and stored.sha == file.sha else None


def _key(repository: str, path: str) -> tuple[str, str]:
    return (repository.lower(), path)
