"""Limits on the size of SQL results. Larger ones are refused, since a truncated result looks like a complete one.

Without the limit on bytes, three queries for a thousand long strings each raised a server's memory from 86 MB to
1,056 MB.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails

# of CSV; JSON and pages have Datasette's `max_returned_rows`, and state if there are more
MAX_ROWS = 100_000
MIB = 1024 * 1024
# of a CSV response
MAX_CSV_BYTES = 16 * MIB
# of a row: generating CSV takes several times as much memory
MAX_ROW_BYTES = 2 * MIB
# of the values read for JSON and pages, which are rendered on the event loop
MAX_READ_BYTES = 8 * MIB

_WAYS_OUT = (
    "Add a limit or a where clause, fetch the whole list of an endpoint with _format=csv, or query a snapshot "
    "(/snapshots) on your own machine, without limits."
)


def too_many_rows() -> ProblemDetails:
    """Return a 400 problem for CSV of more than `MAX_ROWS`."""
    detail = f"The result has more than {MAX_ROWS:,} rows, and CSV is never truncated. {_WAYS_OUT}"
    return ProblemDetails("answer-too-large", detail)


def too_many_bytes(limit: int, what: str = "The result") -> ProblemDetails:
    """Return a 400 problem for a result larger than `limit` bytes; `what` starts the sentence."""
    detail = f"{what} is larger than {limit // MIB} MiB, and results are never truncated. {_WAYS_OUT}"
    return ProblemDetails("answer-too-large", detail)


def cut_without_a_word(rows: int, shape: str) -> ProblemDetails:
    """Return a 400 problem for JSON in a shape that cannot contain `truncated`."""
    detail = (
        f"The result has more than {rows:,} rows, and _shape={shape} cannot show that it is truncated. Add a limit, "
        f"leave out _shape (the response then has `truncated`), or use CSV, which can have {MAX_ROWS:,} rows."
    )
    return ProblemDetails("answer-too-large", detail)


def bytes_of(row: tuple) -> int:
    """Return the approximate size of the strings and blobs of a row."""
    return sum(len(value) for value in row if isinstance(value, str | bytes))


def bounded(function: Callable[[sqlite3.Connection], Any]) -> Callable[[sqlite3.Connection], Any]:
    """Return the function, which raises ProblemDetails (400) if it reads more than `MAX_READ_BYTES` of values."""

    def run(connection: sqlite3.Connection) -> Any:
        left = MAX_READ_BYTES
        make = connection.row_factory

        def count(cursor: sqlite3.Cursor, values: tuple) -> Any:
            nonlocal left
            left -= bytes_of(values)
            if left < 0:
                raise too_many_bytes(MAX_READ_BYTES)
            return make(cursor, values) if make else values

        connection.row_factory = count
        try:
            return function(connection)
        finally:
            connection.row_factory = make

    return run
