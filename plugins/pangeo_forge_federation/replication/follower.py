"""Implement `scripts/serve --replica-of URL`: a read-only copy of federation.db that follows the store.

Each start makes a new copy, since a follower cannot continue the copy of another. The old copy may be the last one, so
it is deleted only if the store holds the database. If the follower ends or gets stuck, the server ends too, and its
supervisor should restart it.
"""

import contextlib
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pangeo_forge_federation.replication import litestream
from pangeo_forge_federation.replication.configuration import write_configuration
from pangeo_forge_federation.replication.process import Child, end_left_behind, hold_folder
from pangeo_forge_federation.replication.restore import remove
from pangeo_forge_federation.replication.state import REPLICA, State, save_state
from pangeo_forge_federation.replication.store import fetch_stored
from pangeo_forge_federation.replication.urls import ReplicationError, StoreUrl
from pangeo_forge_federation.storage import schema
from pangeo_forge_federation.storage.database import (
    DATABASES,
    FEDERATION,
    REPLICA_MARK,
    applied_migrations,
    connect_copy,
    connect_read_only,
    database_path,
    is_replica,
    migration_names,
)

logger = logging.getLogger("federation.replication.follower")

FOLLOW_INTERVAL = "500ms"
# How often to read the last transaction in the store, and to check whether the copy has reached it.
CHECK_SECONDS, POLL_SECONDS = 5.0, 0.5
# A copy that has been behind an available store for so long is stuck.
STUCK_SECONDS = 60.0


@contextlib.contextmanager
def following(data: Path, url: StoreUrl) -> Iterator[None]:
    """Follow a store into a folder within the block.

    Raises ReplicationError: at the start if nothing can be followed, at the end if the follower has failed.
    """
    data.mkdir(parents=True, exist_ok=True)
    databases = [database_path(data, name) for name in DATABASES]
    if any(path.exists() for path in databases) and not is_replica(data):
        raise ReplicationError(f"{data} holds databases that are not a replica: choose another folder for the replica")
    with hold_folder(data):
        litestream.ensure_installed()
        end_left_behind(data)
        follower = Follower(data, url)
        try:
            (data / REPLICA_MARK).touch()
            follower.start()
            yield
        finally:
            follower.stop()
            if not databases[0].exists():
                # nothing was copied: leave the folder free for other uses
                (data / REPLICA_MARK).unlink(missing_ok=True)
            if follower.ended:
                raise ReplicationError(follower.ended)


class Follower:
    """The read-only copy in one folder."""

    def __init__(self, data: Path, url: StoreUrl):
        self._data = data
        self._url = url
        self._path = database_path(data, FEDERATION)
        self._configuration = write_configuration(data, data, url)
        self._child = Child(
            data,
            [
                "restore", "-f", "-follow-interval", FOLLOW_INTERVAL, "-no-expand-env",
                "-config", str(self._configuration), "-o", str(self._path), str(self._path),
            ],
        )  # fmt: skip
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="federation-follower", daemon=True)
        self._arrived: float | None = None
        # the reason why the server must end
        self.ended: str | None = None

    def start(self) -> None:
        """Make the copy, unless the store is empty, and follow. Raises ReplicationError."""
        checked = time.monotonic()
        if not fetch_stored(self._configuration, self._data, FEDERATION).reach:
            kept = f"; the copy in {self._path} was kept" if self._path.exists() else ""
            raise ReplicationError(f"{self._url.text} holds no registry: start its primary first{kept}")
        remove(self._path)
        self._save("starting")
        self._child.start()
        position = self._path.with_name(f"{self._path.name}-txid")
        while not position.exists():
            if not self._child.is_running:
                raise ReplicationError(f"the copy could not be made: {self._child.end}")
            time.sleep(0.05)
        try:
            let_be_read(self._path)
            self._check_version()
        except sqlite3.Error as error:
            raise ReplicationError(f"the copy in {self._path} cannot be read: {error}") from None
        self._arrived = checked
        self._save("ok")
        self._thread.start()

    def stop(self) -> None:
        """Stop the follower and the thread that watches it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._child.stop()

    @property
    def _position(self) -> int:
        return int(self._path.with_name(f"{self._path.name}-txid").read_text().strip() or "0", 16)

    def _watch(self) -> None:
        try:
            self._follow()
        except (ReplicationError, OSError, ValueError, sqlite3.Error) as error:
            self._end(f"the copy cannot be followed: {error}")

    def _follow(self) -> None:
        next_check, checked = 0.0, 0.0
        # the last transaction in the store at the last check, until the copy has it
        aim: int | None = None
        while not self._stopping.wait(POLL_SECONDS):
            if not self._child.is_running:
                return self._end(self._child.end)
            now = time.monotonic()
            if aim is None and now >= next_check:
                next_check = now + CHECK_SECONDS
                before, reach = self._position, self._fetch_reach()
                if reach is not None and reach < before:
                    self._save("failing", f"{self._url.text} is older than this copy")
                elif reach is not None:
                    self._check_version()
                    checked, aim = now, reach
            if aim is None:
                continue
            if self._position >= aim:
                self._arrived, aim = checked, None
                self._save("ok")
            elif now - checked > STUCK_SECONDS:
                if self._fetch_reach() is not None:
                    return self._end(f"the copy is stuck at transaction {self._position}, and the store was at {aim}")
                # the store has become unavailable
                aim = None
            elif now - checked > CHECK_SECONDS:
                self._save("failing", f"the copy is at transaction {self._position}, the store was at {aim}")
        return None

    def _fetch_reach(self) -> int | None:
        """Return the last transaction in the store. None if it is unavailable, which is saved for /health."""
        try:
            return fetch_stored(self._configuration, self._data, FEDERATION).reach
        except ReplicationError as error:
            self._save("failing", str(error))
            return None

    def _check_version(self) -> None:
        with closing(connect_read_only(self._path)) as connection:
            applied = applied_migrations(connection, schema.migrations.name)
        known = migration_names(schema.migrations)
        if applied - known - schema.BASELINE.replaces:
            raise ReplicationError("the primary is a newer version: upgrade this replica")
        if known - applied:
            raise ReplicationError("the primary is an older version: upgrade it first")

    def _end(self, why: str) -> None:
        self.ended = why
        logger.error("the replica ends: %s", why)
        # as a supervisor would end the server
        os.kill(os.getpid(), signal.SIGTERM)

    def _save(self, status: str, detail: str | None = None) -> None:
        position = self._position if self._arrived is not None else 0
        save_state(self._data, State(REPLICA, self._url.text, status, position, self._arrived, detail))


def let_be_read(path: Path) -> None:
    """Take the copy out of WAL mode before its first reader.

    The first copy says that it is in WAL mode, as the primary's file does. A reader would hold a lock of that mode
    for ever, and the follower would wait for it as long.
    """
    with closing(connect_copy(path, timeout=30)) as connection:
        mode = connection.execute("pragma journal_mode = delete").fetchone()[0]
    if mode != "delete":
        raise ReplicationError(f"the copy in {path} stays in {mode} mode")
