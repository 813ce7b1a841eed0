"""Save the problems of a file. A problem that was there before keeps the date on which it was first found."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pangeo_forge_federation.files.file_problems import Problem
from pangeo_forge_federation.sync.fetched import FetchedFile


def save_problems(
    connection: sqlite3.Connection,
    repository: str,
    source_file: str,
    found: Sequence[Problem],
    now: str,
    commit: str | None = None,
    feedstock_id: str | None = None,
    bakery_of: Callable[[Problem], str | None] = lambda problem: None,
) -> None:
    """Replace the problems of one file, except those that depend on other files too.

    `feedstock_id` applies to the whole file; `bakery_of` returns the id of the bakery that a problem concerns, or None.
    """
    kept = {
        (row["pointer"], row["line"], row["column"], row["severity"], row["message"]): row["id"]
        for row in connection.execute(
            """
            select id, pointer, line, "column", severity, message
            from problems
            where repository = :repository
                and source_file = :source_file
                and unlisted_bakery_id is null
            """,
            {"repository": repository, "source_file": source_file},
        )
    }
    wanted = {(each.pointer, each.line, each.column, each.severity, each.message): each for each in found}
    connection.executemany(
        "delete from problems where id = :id", [{"id": kept[key]} for key in kept if key not in wanted]
    )
    insert_problems(
        connection,
        [
            {
                "repository": repository,
                "source_file": source_file,
                "feedstock_id": feedstock_id,
                "bakery_id": bakery_of(problem),
                "unlisted_bakery_id": None,
                **vars(problem),
                "commit": commit,
                "now": now,
            }
            for key, problem in wanted.items()
            if key not in kept
        ],
    )


def insert_problems(connection: sqlite3.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert problems, given as columns by name, with `now` for `found_at`."""
    connection.executemany(
        """
        insert into problems (
            repository,
            source_file,
            feedstock_id,
            bakery_id,
            unlisted_bakery_id,
            pointer,
            line,
            "column",
            severity,
            message,
            "commit",
            found_at
        )
        values (
            :repository,
            :source_file,
            :feedstock_id,
            :bakery_id,
            :unlisted_bakery_id,
            :pointer,
            :line,
            :column,
            :severity,
            :message,
            :commit,
            :now
        )
        """,
        rows,
    )


def problems_by_file(connection: sqlite3.Connection) -> Counter[tuple[str, str]]:
    """Count the stored problems by `file_key`."""
    rows = connection.execute("select repository, source_file, count(*) from problems group by repository, source_file")
    return Counter({(row[0].lower(), row[1]): row[2] for row in rows})


def file_key(file: FetchedFile) -> tuple[str, str]:
    """Return (repository in lower case, path)."""
    return file.repository.lower(), file.path


def count_problems(connection: sqlite3.Connection, file: FetchedFile) -> int:
    """Count the stored problems of a file."""
    return connection.execute(
        "select count(*) from problems where repository = :repository and source_file = :path",
        {"repository": file.repository, "path": file.path},
    ).fetchone()[0]
