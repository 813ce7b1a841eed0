"""Process GitHub's webhook deliveries in the background, by syncing each repository at its current state.

Any number of pushes to one repository need a single sync. Deliveries left unfinished when a server stops are processed
at the next start. If several processes serve one folder, only one of them works at a time.
"""

import logging
import sqlite3
import threading
from pathlib import Path

from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.settings import Settings
from pangeo_forge_federation.storage.database import FEDERATION, connect, database_path, exclusive_lock, transaction
from pangeo_forge_federation.sync.from_github import fetch_github, scope_of
from pangeo_forge_federation.sync.run import SYNC_TIMEOUT_SECONDS, run_sync
from pangeo_forge_federation.values import times

logger = logging.getLogger("federation.deliveries")

ERROR_CHARACTERS = 500


class Deliveries:
    """A background thread, started by `wake`. `close` does not wait for a sync: its delivery stays unfinished."""

    def __init__(self, data: Path, settings: Settings):
        self._data = data
        self._settings = settings
        self._awake = threading.Event()
        self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Look for unfinished deliveries."""
        with self._lock:
            if self._closed:
                return
            self._awake.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="federation-deliveries", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Start no more syncs."""
        with self._lock:
            self._closed = True
            self._awake.set()

    def _run(self) -> None:
        while True:
            self._awake.wait()
            self._awake.clear()
            if self._closed:
                return
            try:
                with exclusive_lock(self._data / ".webhooks.lock"):
                    self._process_all()
            except (OSError, sqlite3.Error):
                # they stay unfinished, and are retried with the next delivery
                logger.exception("webhook deliveries could not be processed")

    def _process_all(self) -> None:
        connection = connect(database_path(self._data, FEDERATION), timeout=SYNC_TIMEOUT_SECONDS)
        try:
            while not self._closed and (repository := next_repository(connection)):
                began = times.now()
                error = self._sync(repository)
                with transaction(connection):
                    finish(connection, repository, began, error)
        finally:
            connection.close()

    def _sync(self, repository: str) -> str | None:
        """Sync one repository. Return an error message, or None."""
        try:
            scope = scope_of(self._settings, repositories=(repository,))
            fetched = fetch_github(self._data, self._settings, scope, Progress())
            result = run_sync(self._data, fetched, self._settings.home_organisation)
        except Exception as error:
            logger.exception("%s could not be synced", repository)
            return f"{type(error).__name__}: {error}"
        if result.is_whole:
            return None
        return "; ".join(result.errors) or "The file could not be fetched: see /problems"


def next_repository(connection: sqlite3.Connection) -> str | None:
    """Return the repository that has waited longest, or None."""
    row = connection.execute(
        """
        select repository
        from webhook_deliveries
        where finished_at is null
        order by received_at
        limit 1
        """
    ).fetchone()
    return row["repository"] if row else None


def finish(connection: sqlite3.Connection, repository: str, began: str, error: str | None) -> None:
    """Mark the deliveries of a repository that arrived before its sync began as finished."""
    connection.execute(
        """
        update webhook_deliveries
        set finished_at = :now, error = :error
        where repository = :repository
            and finished_at is null
            and received_at <= :began
        """,
        {"now": times.now(), "error": error and error[:ERROR_CHARACTERS], "repository": repository, "began": began},
    )
