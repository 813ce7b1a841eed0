"""The endpoints' own threads and read connections.

Not Datasette's: there a query of the SQL page can hold every thread for its whole time limit, and the API would wait.
"""

import asyncio
import sqlite3
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from datasette.utils import sqlite_timelimit

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.read_connections import connect_reader

Result = TypeVar("Result")

THREADS = 4


class Reader:
    """Reads of one database file, each within a time limit (milliseconds)."""

    def __init__(self, path: Path, time_limit: int):
        self.path = path
        self.time_limit = time_limit
        self._executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="federation-reader")
        self._local = threading.local()
        # each thread's: closed by hand, as whatever still refers to one would keep it open
        self._connections: list[sqlite3.Connection] = []

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """The result of `function(connection)`, whose statements see one state of the database.

        Raises ProblemDetails (400) when the time limit is over.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, function)

    def close(self) -> None:
        """Wait for the reads that are under way, and close the connections."""
        self._executor.shutdown()
        for connection in self._connections:
            connection.close()

    def _run(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect_reader(self.path)
            self._connections.append(connection)
        connection.execute("begin")
        try:
            with sqlite_timelimit(connection, self.time_limit):
                return function(connection)
        except sqlite3.OperationalError as error:
            # the traceback keeps the cursor, and freeing that later would wait on another thread for this connection
            traceback.clear_frames(error.__traceback__)
            if str(error) == "interrupted":
                raise ProblemDetails("slow-query", f"this took longer than {self.time_limit} ms") from None
            raise
        finally:
            connection.execute("rollback")
