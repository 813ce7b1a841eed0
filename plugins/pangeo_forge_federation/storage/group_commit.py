"""Group commit: concurrent writes share one commit, and get their results after it.

One thread owns the connection. It takes the waiting writes from the queue, runs each in a savepoint of its own, commits
once, and then returns the results. No write is acknowledged before its commit is on disk, and a write that fails is
rolled back alone. When SQLite itself rolls back the whole transaction (disk full, I/O error), the thread runs no more
of the group and all its writes fail as unavailable: if it continued, the rest would be committed one by one in
autocommit mode, and then be reported as not stored.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.storage.database import BUSY_TIMEOUT_SECONDS, connect, transaction

logger = logging.getLogger("federation.writer")

Result = TypeVar("Result")

# The header that tells where a write is stored: on disk, or also in the replica.
ACKNOWLEDGED = "Federation-Acknowledged"

# How many writes may wait; more are refused immediately with 503.
QUEUE_SIZE = 1000
# How many writes may share a commit, which limits how long the first of them waits for the last.
GROUP_SIZE = 128
# For relaxed writers: how long the first write of a group waits for others, and how many writes may wait.
RELAXED_SECONDS = 0.05
RELAXED_QUEUE_SIZE = 20_000

_CLOSE = object()


class _GroupLost(Exception):
    """SQLite rolled back the whole transaction."""


class _NothingToCommit(Exception):
    """No write of the group changed a row."""


@dataclass
class _Write:
    function: Callable[[sqlite3.Connection], Any]
    done: Callable[["_Write"], None]
    result: Any = None
    error: BaseException | None = field(default=None)


class Writer:
    """Writes to one database file in a thread, which starts with the first write.

    Attributes:
        path: the database file.
        on_group: if set, called after each group with the number of its writes, the number of writes that waited for
            the next group, and the seconds that the commit took.
    """

    def __init__(
        self,
        path: Path,
        busy_timeout: float = BUSY_TIMEOUT_SECONDS,
        relaxed: bool = False,
        acknowledge: Callable[[], str | None] | None = None,
    ):
        """Create a writer.

        Args:
            path: the database file.
            busy_timeout: how many seconds to wait for another process's transaction.
            relaxed: for writes that a power cut may lose: commits do not wait for the disk, and the first write of a
                group waits a moment for others.
            acknowledge: called after each group to wait until its writes are stored elsewhere too. It returns an
                error message, or None on success.
        """
        self.path = path
        self.on_group: Callable[[int, int, float], None] | None = None
        self._relaxed = relaxed
        self._acknowledge = acknowledge
        self._busy_timeout = busy_timeout
        self._queue: queue.Queue = queue.Queue(maxsize=RELAXED_QUEUE_SIZE if relaxed else QUEUE_SIZE)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._connection: sqlite3.Connection | None = None

    async def write(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of `function(connection)` after its changes are on disk.

        An exception of the function is raised here, and its changes are rolled back.

        Raises:
            ProblemDetails: 503, the database cannot be written or too many writes wait.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future = loop.create_future()

        def settle_there(write: _Write) -> None:
            loop.call_soon_threadsafe(_settle, future, write)

        self._accept(_Write(function, settle_there))
        write = await future
        if write.error is not None:
            raise write.error
        return write.result

    def submit(self, function: Callable[[sqlite3.Connection], Any]) -> None:
        """Write without waiting for the result. A write that fails, or does not fit in the queue, is logged."""
        try:
            self._accept(_Write(function, _log_failure))
        except ProblemDetails as problem:
            logger.error("a write to %s was dropped: %s", self.path.name, problem.detail)

    def close(self) -> None:
        """Finish the waiting writes, then end the thread."""
        with self._lock:
            self._closed = True
        if self._thread:
            self._queue.put(_CLOSE)
            self._thread.join()

    def _accept(self, write: _Write) -> None:
        # under the lock, so that no write is queued after _CLOSE
        with self._lock:
            if self._closed:
                raise unavailable("The server is stopping")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="federation-writer", daemon=True)
                self._thread.start()
            try:
                self._queue.put_nowait(write)
            except queue.Full:
                raise unavailable("Too many writes are waiting for the disk") from None

    def _run(self) -> None:
        closing = False
        while not closing:
            group = [self._queue.get()]
            if self._relaxed and group[0] is not _CLOSE:
                time.sleep(RELAXED_SECONDS)
            size = RELAXED_QUEUE_SIZE if self._relaxed else GROUP_SIZE
            while len(group) < size and group[-1] is not _CLOSE:
                try:
                    group.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            if group[-1] is _CLOSE:
                closing = True
                group.pop()
            if group:
                waiting, began = self._queue.qsize(), time.perf_counter()
                self._commit(group)
                if self.on_group:
                    self.on_group(len(group), waiting, time.perf_counter() - began)
        self._disconnect()

    def _commit(self, group: list[_Write]) -> None:
        try:
            if self._connection is None:
                self._connection = connect(self.path, self._busy_timeout)
                if self._relaxed:
                    self._connection.execute("pragma synchronous = normal")
            with transaction(self._connection) as connection:
                changed = [self._run_one(connection, write) for write in group]
                if not any(changed):
                    raise _NothingToCommit
        except _NothingToCommit:
            # a commit would still flush the disk and invalidate the readers' caches; but a repeated write, which
            # changes nothing, must be stored elsewhere too before it is acknowledged
            self._await_acknowledgement([write for write in group if write.error is None])
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, _GroupLost) else error
            logger.error("%d writes were not stored: %s: %s", len(group), type(cause).__name__, cause)
            for write in group:
                write.error = unavailable("The database cannot be written at the moment")
            # the state of the connection is unknown, so the next group gets a new one
            self._disconnect()
        else:
            self._await_acknowledgement([write for write in group if write.error is None])
        for write in group:
            # the event loop of a caller may have ended, which must not end this thread
            with contextlib.suppress(RuntimeError):
                write.done(write)

    def _await_acknowledgement(self, stored: list[_Write]) -> None:
        if self._acknowledge is None or not stored:
            return
        if reason := self._acknowledge():
            logger.error("%d writes are only on this disk: %s", len(stored), reason)
            for write in stored:
                write.error = unacknowledged()

    def _run_one(self, connection: sqlite3.Connection, write: _Write) -> bool:
        """Run a write in a savepoint, and return whether it changed a row."""
        changes = connection.total_changes
        connection.execute("savepoint one_write")
        try:
            write.result = write.function(connection)
        except BaseException as error:
            if not connection.in_transaction:
                raise _GroupLost from error
            connection.execute("rollback to one_write")
            # an error in our SQL is an OperationalError too, but would not go away on a retry
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
                logger.error("a write was not stored: %s", error)
                error = unavailable("The database cannot be written at the moment")
            write.error = error
        connection.execute("release one_write")
        return write.error is None and connection.total_changes > changes

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def unavailable(detail: str) -> ProblemDetails:
    """Return a 503 that tells the client to send the request again."""
    return ProblemDetails("unavailable", f"{detail}. Nothing was stored. Try again.", headers={"Retry-After": "2"})


def unacknowledged() -> ProblemDetails:
    """Return a 503 for a write that is stored on this disk only."""
    return ProblemDetails(
        "unavailable",
        "This is stored, but its replication could not be confirmed. Send it again with the same Idempotency-Key.",
        headers={"Retry-After": "5", ACKNOWLEDGED: "disk"},
    )


def _log_failure(write: _Write) -> None:
    if write.error is not None:
        logger.error("a write was dropped: %s", write.error)


def _settle(future: asyncio.Future, write: _Write) -> None:
    # if the client has disconnected its write is stored all the same
    if not future.done():
        future.set_result(write)
