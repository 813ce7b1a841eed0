"""Threads and read connections of the endpoints.

They are separate from Datasette's because queries on its SQL page can occupy all its threads up to their time limit.
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
    """Runs reads of one database file in threads, each with a time limit in milliseconds."""

    def __init__(self, path: Path, time_limit: int):
        self.path = path
        self.time_limit = time_limit
        self._executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="federation-reader")
        self._local = threading.local()
        # one for each thread; closed explicitly, as any remaining reference would keep it open
        self._connections: list[sqlite3.Connection] = []

    async def read(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return `function(connection)`, run in a thread. All its statements see the same state of the database.

        Raises:
            ProblemDetails: 400, the time limit was exceeded.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, function)

    def close(self) -> None:
        """Wait for current reads, and close the connections."""
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
            # the traceback refers to the cursor; another thread that frees it later would wait for this connection
            traceback.clear_frames(error.__traceback__)
            if str(error) == "interrupted":
                raise ProblemDetails("slow-query", f"The query took longer than {self.time_limit} ms.") from None
            raise
        finally:
            connection.execute("rollback")
