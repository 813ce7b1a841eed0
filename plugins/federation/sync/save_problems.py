"""The problems of a file, made equal to what was found now: one that is still there keeps its first date."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence

from federation.files.file_problems import Problem
from federation.sync.fetched import FetchedFile


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
    """Replace what is kept of one file by what was found in it.

    `feedstock_id` is that of the whole file; `bakery_of` gives the bakery that a single problem concerns.
    """
    kept = {
        (row["pointer"], row["line"], row["column"], row["severity"], row["message"]): row["id"]
        for row in connection.execute(
            """
            select id, pointer, line, "column", severity, message
            from problems
            where repository = :repository and source_file = :source_file
            """,
            {"repository": repository, "source_file": source_file},
        )
    }
    wanted = {(each.pointer, each.line, each.column, each.severity, each.message): each for each in found}
    connection.executemany(
        "delete from problems where id = :id", [{"id": kept[key]} for key in kept if key not in wanted]
    )
    connection.executemany(
        """
        insert into problems (
            repository,
            source_file,
            feedstock_id,
            bakery_id,
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
            :pointer,
            :line,
            :column,
            :severity,
            :message,
            :commit,
            :now
        )
        """,
        [
            {
                "repository": repository,
                "source_file": source_file,
                "feedstock_id": feedstock_id,
                "bakery_id": bakery_of(problem),
                "pointer": problem.pointer,
                "line": problem.line,
                "column": problem.column,
                "severity": problem.severity,
                "message": problem.message,
                "commit": commit,
                "now": now,
            }
            for key, problem in wanted.items()
            if key not in kept
        ],
    )


def problems_by_file(connection: sqlite3.Connection) -> Counter[tuple[str, str]]:
    """Number of problems that are kept, by `file_key`."""
    rows = connection.execute("select repository, source_file, count(*) from problems group by repository, source_file")
    return Counter({(row[0].lower(), row[1]): row[2] for row in rows})


def file_key(file: FetchedFile) -> tuple[str, str]:
    """(repository in small letters, path)."""
    return file.repository.lower(), file.path


def count_problems(connection: sqlite3.Connection, file: FetchedFile) -> int:
    """How many problems of a file are kept."""
    return connection.execute(
        "select count(*) from problems where repository = :repository and source_file = :path",
        {"repository": file.repository, "path": file.path},
    ).fetchone()[0]
