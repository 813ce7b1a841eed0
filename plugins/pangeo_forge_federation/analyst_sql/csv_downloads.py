"""SQL results as CSV, complete or an error. Datasette's own CSV ends after 1,000 rows without notice.

The CSV is generated on the query's thread and kept in memory while it is sent, since a statement that waits for a slow
client would block its thread. So the number of downloads, their size and the time for sending them are limited.
"""

import asyncio
import csv
import io
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from datasette.utils import sqlite_timelimit

from pangeo_forge_federation.analyst_sql.bounds import (
    MAX_CSV_BYTES,
    MAX_ROW_BYTES,
    MAX_ROWS,
    bytes_of,
    too_many_bytes,
    too_many_rows,
)
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.read_connections import LENGTH_LIMIT

PART_CHARACTERS = 64 * 1024

Parts = deque[bytes]


def read_csv(
    connection: sqlite3.Connection,
    sql: str,
    parameters: Mapping[str, Any],
    time_limit: int,
    with_header: bool,
    blob_url: Callable[[str, bytes], str],
) -> Parts:
    """Return the CSV in parts. `time_limit` is in milliseconds. Raises ProblemDetails (400)."""
    parts: Parts = deque()
    size = 0
    text = io.StringIO()
    writer = csv.writer(text)

    def end_part() -> None:
        nonlocal size
        parts.append(text.getvalue().encode("utf-8"))
        size += len(parts[-1])
        text.seek(0)
        text.truncate()
        if size > MAX_CSV_BYTES:
            raise too_many_bytes(MAX_CSV_BYTES)

    cursor = connection.cursor()
    # plain tuples, since columns are not accessed by name
    cursor.row_factory = None
    try:
        with sqlite_timelimit(connection, time_limit):
            cursor.execute(sql, parameters)
            columns = [description[0] for description in cursor.description]
            may_be_long = len(columns) * LENGTH_LIMIT > MAX_ROW_BYTES
            if with_header:
                writer.writerow(columns)
            for number, row in enumerate(cursor, 1):
                if number > MAX_ROWS:
                    raise too_many_rows()
                if may_be_long and bytes_of(row) > MAX_ROW_BYTES:
                    raise too_many_bytes(MAX_ROW_BYTES, "A row of the result")
                if bytes in map(type, row):
                    row = [
                        blob_url(column, cell) if isinstance(cell, bytes) else cell
                        for column, cell in zip(columns, row, strict=True)
                    ]
                writer.writerow(row)
                if text.tell() >= PART_CHARACTERS:
                    end_part()
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise ProblemDetails("slow-query", f"The query took longer than {time_limit} ms. Reduce it.") from None
        raise
    finally:
        cursor.close()
    end_part()
    return parts


async def send_parts(parts: Parts) -> AsyncIterator[bytes]:
    while parts:
        yield parts.popleft()
        # otherwise all of it would be sent to a fast client, and gzipped, before any other request has its turn
        await asyncio.sleep(0)
