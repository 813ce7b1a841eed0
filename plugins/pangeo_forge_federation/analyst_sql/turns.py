"""Keeps SQL of visitors from slowing down everybody else.

Three measures, each tested with six hostile queries at once:

- The exception of an interrupted query keeps its cursor alive in its traceback. If it were freed later, on the event
  loop, it would wait there for a connection on which the next query runs. So the worker clears the frames.
- Visitors' queries (`sql=`, and `_where=`, which accepts sub-selects) get half of Datasette's threads; the pages keep
  the rest.
- Tokens are looked up on the event loop, by key and within microseconds. On Datasette's threads, every write would wait
  behind analysts' queries.

In addition, SQLite's messages about typos go to those who made them, and not to stderr.
"""

import asyncio
import contextlib
import re
import sqlite3
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from datasette.database import Database

from pangeo_forge_federation.analyst_sql.bounds import bounded
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.request_notes import note_of_request

Application = Callable[[dict, Callable, Callable], Awaitable[None]]

OWN_SQL_PARAMETERS = {"sql", "_where"}
# how long a query waits for a thread before its client gets a 503
WAIT_SECONDS = 2.0
# the key in a request's scope of the function that ends its turn before the response is sent
END_TURN = "federation.end_turn"


# columns whose names are SQL keywords, which need quotes
QUOTED_COLUMNS = frozenset({"commit"})
_NEAR = re.compile(r'near "(\w+)": syntax error')


def clean_up_after(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function, whose exceptions keep no cursor alive and include hints that SQLite leaves out."""

    def run(connection: Any) -> Any:
        try:
            return function(connection)
        except Exception as error:
            clear_frames(error)
            explain(error)
            raise

    return run


def clear_frames(error: BaseException) -> None:
    """Clear the frames of an exception, of the exceptions it carries and of those that caused it."""
    pending, seen = [error], set()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        carried = (*each.args, each.__context__, each.__cause__)
        pending += [other for other in carried if isinstance(other, BaseException)]


def clean_up_reads(database: Database, inline: bool = False) -> None:
    """Make a database of Datasette clean up after failed reads without logging them.

    `inline`: run its reads on the event loop.
    """
    original, original_execute = database.execute_fn, database.execute
    opened: list[Any] = []

    async def execute_fn(function: Callable[[Any], Any]) -> Any:
        cleaned = clean_up_after(bounded(function) if note_of_request().own_sql else function)
        if not inline:
            return await original(cleaned)
        if not opened:
            opened.append(database.connect())
            database.ds._prepare_connection(opened[0], database.name)
        return cleaned(opened[0])

    async def execute(sql: str, *arguments: Any, **options: Any) -> Any:
        # Datasette would write every failed statement to stderr; our own failures are logged as errors anyway
        return await original_execute(sql, *arguments, **{**options, "log_sql_errors": False})

    database.execute_fn = execute_fn
    database.execute = execute


def carries_sql(query_string: bytes) -> bool:
    """Return whether a request contains SQL."""
    if b"sql" not in query_string and b"_where" not in query_string and b"%" not in query_string:
        return False
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, errors="replace")
    return any(name in OWN_SQL_PARAMETERS for name, _ in pairs)


class SqlTurns:
    """Limits the number of concurrent requests with SQL. `on_refusal`, if set, is called when one is refused."""

    def __init__(self, turns: int, refusal: str = "All threads for SQL are busy. Try again."):
        self._semaphore = asyncio.Semaphore(turns)
        self._refusal = refusal
        self.on_refusal: Callable[[], None] | None = None

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn, and yield a function that ends it early. Raises ProblemDetails (503) if none is free."""
        try:
            await asyncio.wait_for(self._semaphore.acquire(), WAIT_SECONDS)
        except TimeoutError:
            if self.on_refusal:
                self.on_refusal()
            raise ProblemDetails("unavailable", self._refusal, headers={"Retry-After": "2"}) from None
        held = True

        def end() -> None:
            nonlocal held
            if held:
                held = False
                self._semaphore.release()

        try:
            yield end
        finally:
            end()


def explain(error: Exception) -> None:
    """Add a hint to a syntax error caused by a column whose name is an SQL keyword."""
    found = _NEAR.fullmatch(str(error)) if isinstance(error, sqlite3.OperationalError) else None
    if found and found[1].lower() in QUOTED_COLUMNS:
        name = found[1]
        error.args = (f'{error}. The column {name} is an SQL keyword. Write it in double quotes: "{name}"',)


def take_turns(application: Application, sql_turns: SqlTurns) -> Application:
    """Return the application, in which requests with SQL take turns."""

    async def in_turn(scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] == "http" and carries_sql(scope["query_string"]):
            note_of_request().own_sql = True
            async with sql_turns.turn() as end_turn:
                await application({**scope, END_TURN: end_turn}, receive, send)
        else:
            await application(scope, receive, send)

    return in_turn
