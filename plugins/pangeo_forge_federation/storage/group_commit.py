"""Group commit: concurrent writes share one commit, and each is answered after it.

One thread owns the connection. It takes what waits in the queue, gives each write a savepoint of its own, commits
once, and only then hands out the results. Order matters: nothing is acknowledged before its commit is on disk, and
what failed alone is rolled back alone. When SQLite itself rolls the whole transaction back (disk full, I/O error),
nothing more is run in it and every write of the group is answered as unavailable: going on would commit the rest one
by one and deny what is stored.
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

# The header that says where a write is.
ACKNOWLEDGED = "Federation-Acknowledged"

# Writes that wait; beyond it a client is told to come back rather than left hanging.
QUEUE_SIZE = 1000
# Writes that share a commit; a bound on how long the first of them waits for the last.
GROUP_SIZE = 128
# How long what is written in passing waits for more of it, and how much of it may wait for a disk that is busy.
RELAXED_SECONDS = 0.05
RELAXED_QUEUE_SIZE = 20_000

_CLOSE = object()


class _GroupLost(Exception):
    """SQLite rolled the whole transaction back."""


class _NothingToCommit(Exception):
    """All writes of the group were refused, or found what they ask for done already."""


@dataclass
class _Write:
    function: Callable[[sqlite3.Connection], Any]
    done: Callable[["_Write"], None]
    result: Any = None
    error: BaseException | None = field(default=None)


class Writer:
    """Writes to one database file. Starts with the first write; `close` finishes what waits.

    `on_group` may be set to be told of each group: how many writes it had, how many waited behind it, and the seconds
    until its commit.

    `relaxed`: for what may be lost with the power: a commit does not wait for the disk, and the first write of a
    group waits a moment for others.
    """

    def __init__(
        self,
        path: Path,
        busy_timeout: float = BUSY_TIMEOUT_SECONDS,
        relaxed: bool = False,
        acknowledge: Callable[[], str | None] | None = None,
    ):
        self.path = path
        self.on_group: Callable[[int, int, float], None] | None = None
        self._relaxed = relaxed
        # what waits, once a group, for more than this disk; it says why it could not
        self._acknowledge = acknowledge
        self._busy_timeout = busy_timeout
        self._queue: queue.Queue = queue.Queue(maxsize=RELAXED_QUEUE_SIZE if relaxed else QUEUE_SIZE)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._connection: sqlite3.Connection | None = None

    async def write(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """The result of `function(connection)`, once it is on disk.

        What the function raises is raised here and leaves nothing behind. Raises ProblemDetails (503) when the
        database cannot be written or too many writes wait.
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
        """Write without waiting for it. What is lost in a full queue or by a fault is said in the log."""
        try:
            self._accept(_Write(function, _log_failure))
        except ProblemDetails as problem:
            logger.error("a write to %s was left out: %s", self.path.name, problem.detail)

    def close(self) -> None:
        """Finish the writes that wait, then end the thread."""
        with self._lock:
            self._closed = True
        if self._thread:
            self._queue.put(_CLOSE)
            self._thread.join()

    def _accept(self, write: _Write) -> None:
        # under the lock, so that nothing gets into the queue behind the end of it
        with self._lock:
            if self._closed:
                raise unavailable("the server is stopping")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="federation-writer", daemon=True)
                self._thread.start()
            try:
                self._queue.put_nowait(write)
            except queue.Full:
                raise unavailable("too many writes wait for the disk") from None

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
            # a commit that changes nothing would still cost a flush, and empty what readers have cached; what is
            # told again must be in the store all the same
            self._await_acknowledgement([write for write in group if write.error is None])
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, _GroupLost) else error
            logger.error("%d writes were not stored: %s: %s", len(group), type(cause).__name__, cause)
            for write in group:
                write.error = unavailable("the database cannot be written at the moment")
            # whatever state the connection is in, the next group starts from a fresh one
            self._disconnect()
        else:
            self._await_acknowledgement([write for write in group if write.error is None])
        for write in group:
            # the event loop of a caller may have ended meanwhile; that must not end this thread
            with contextlib.suppress(RuntimeError):
                write.done(write)

    def _await_acknowledgement(self, stored: list[_Write]) -> None:
        if self._acknowledge is None or not stored:
            return
        if fault := self._acknowledge():
            logger.error("%d writes are on this disk alone: %s", len(stored), fault)
            for write in stored:
                write.error = unacknowledged()

    def _run_one(self, connection: sqlite3.Connection, write: _Write) -> bool:
        """Whether it changed any row."""
        changes = connection.total_changes
        connection.execute("savepoint one_write")
        try:
            write.result = write.function(connection)
        except BaseException as error:
            if not connection.in_transaction:
                raise _GroupLost from error
            connection.execute("rollback to one_write")
            # a fault in our own SQL is an OperationalError too, and trying again does not help it
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
                logger.error("a write was not stored: %s", error)
                error = unavailable("the database cannot be written at the moment")
            write.error = error
        connection.execute("release one_write")
        return write.error is None and connection.total_changes > changes

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def unavailable(detail: str) -> ProblemDetails:
    """503: the same request may be sent again."""
    return ProblemDetails("unavailable", f"{detail}: nothing was stored, try again", headers={"Retry-After": "2"})


def unacknowledged() -> ProblemDetails:
    """503: it is stored, but on one disk alone."""
    return ProblemDetails(
        "unavailable",
        "this is stored, but its copy elsewhere could not be confirmed: send it again with the same Idempotency-Key",
        headers={"Retry-After": "5", ACKNOWLEDGED: "disk"},
    )


def _log_failure(write: _Write) -> None:
    if write.error is not None:
        logger.error("a write was left out: %s", write.error)


def _settle(future: asyncio.Future, write: _Write) -> None:
    # the client may have gone meanwhile; what it sent is stored all the same
    if not future.done():
        future.set_result(write)
