"""How much one answer to SQL holds. What is larger is refused: an answer that ends early looks like a whole one.

Without the bound on bytes, three queries for a thousand long texts each took a server from 86 MB to 1,056 MB.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from pangeo_forge_federation.problems import ProblemDetails

# of CSV; JSON and pages have Datasette's `max_returned_rows`, and say when there are more
MAX_ROWS = 100_000
MIB = 1024 * 1024
# of CSV as it is sent
MAX_CSV_BYTES = 16 * MIB
# of one row: CSV takes several times as much memory while it is made
MAX_ROW_BYTES = 2 * MIB
# of the values that are read for JSON and pages, which are made where everybody waits
MAX_READ_BYTES = 8 * MIB

_WAYS_OUT = (
    "add a limit or a where, take an endpoint's whole list as _format=csv, or a snapshot (/snapshots), where SQL has "
    "no bounds"
)


def too_many_rows() -> ProblemDetails:
    """400 for CSV of more than `MAX_ROWS`."""
    detail = f"this has more than {MAX_ROWS:,} rows, and CSV is not cut: {_WAYS_OUT}"
    return ProblemDetails("answer-too-large", detail)


def too_many_bytes(limit: int, what: str = "this") -> ProblemDetails:
    """400 for what is larger than `limit` bytes; `what` begins the sentence."""
    detail = f"{what} is larger than {limit // MIB} MiB, and an answer is not cut: {_WAYS_OUT}"
    return ProblemDetails("answer-too-large", detail)


def cut_without_a_word(rows: int, shape: str) -> ProblemDetails:
    """For JSON of a shape that has no place for `truncated`."""
    detail = (
        f"this has more than {rows:,} rows, and _shape={shape} cannot say that it is cut: add a limit, leave "
        f"_shape out (then `truncated` says it), or take CSV, which holds {MAX_ROWS:,}"
    )
    return ProblemDetails("answer-too-large", detail)


def bytes_of(row: tuple) -> int:
    """How long the texts and blobs of a row are together, about."""
    return sum(len(value) for value in row if isinstance(value, str | bytes))


def bounded(function: Callable[[sqlite3.Connection], Any]) -> Callable[[sqlite3.Connection], Any]:
    """The function, which ends in ProblemDetails where it reads more than `MAX_READ_BYTES` of values."""

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
