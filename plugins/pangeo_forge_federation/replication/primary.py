"""Implement `scripts/serve --replicate URL`: run Litestream next to the server, watched by a thread.

The thread also lists the content of the store regularly. If a store comes back with older content, Litestream goes on
and reports no error, although nothing can be restored from there.
"""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pangeo_forge_federation.replication import litestream
from pangeo_forge_federation.replication.configuration import write_configuration
from pangeo_forge_federation.replication.control import Synced, is_listening, replicate_now
from pangeo_forge_federation.replication.local import forget, kept_files
from pangeo_forge_federation.replication.process import Child, end_left_behind, hold_folder
from pangeo_forge_federation.replication.restore import restore_database
from pangeo_forge_federation.replication.state import PRIMARY, State, read_state, save_state
from pangeo_forge_federation.replication.store import Stored, fetch_stored
from pangeo_forge_federation.replication.urls import ReplicationError, StoreUrl
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.storage.database import DATABASES, FEDERATION, REPLICATED_MARK, database_path

logger = logging.getLogger("federation.replication.primary")

# How often to check that everything has arrived, and how long that may take.
WATCH_SECONDS, SYNC_SECONDS = 1.0, 10.0
# How often to list the content of the store: more often if it is a folder, where that costs nothing.
CHECK_SECONDS, CHECK_FOLDER_SECONDS = 15.0, 3.0
# The pause before a restart of Litestream, which doubles each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
READY_SECONDS = 10.0
# How long the first copy of a large registry may take.
FIRST_SECONDS = 3600.0


@contextlib.contextmanager
def replicating(data: Path, url: StoreUrl) -> Iterator[None]:
    """Replicate both databases of a folder within the block, after restoring those that are missing.

    Raises ReplicationError if the store or the folder must not be changed.
    """
    data.mkdir(parents=True, exist_ok=True)
    if url.folder and url.folder.resolve().is_relative_to(data):
        raise ReplicationError(f"{url.text} is inside {data}: the copy would be lost together with the original")
    with hold_folder(data):
        litestream.ensure_installed()
        configuration = write_configuration(data, data, url)
        (data / REPLICATED_MARK).touch()
        primary = Primary(data, url, configuration)
        try:
            primary.start()
            yield
        finally:
            # a second signal must not interrupt the replication of the last commits
            with ignored_signals():
                primary.stop()
            (data / REPLICATED_MARK).unlink()


def end_replication(data: Path) -> None:
    """Clean up after a replicating server that was killed. Raises ReplicationError."""
    with hold_folder(data):
        end_left_behind(data)
        (data / REPLICATED_MARK).unlink()


@contextlib.contextmanager
def ignored_signals() -> Iterator[None]:
    """Ignore SIGTERM and SIGINT within the block."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Primary:
    """The replication of one folder."""

    def __init__(self, data: Path, url: StoreUrl, configuration: Path):
        self._data = data
        self._url = url
        self._configuration = configuration
        self._child = Child(data, ["replicate", "-no-expand-env", "-config", str(configuration)])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="federation-replication", daemon=True)
        self._state = State(PRIMARY, url.text, "starting")
        self._suspected: set[str] = set()

    def start(self) -> None:
        """Compare the folder with the store, restore missing databases, and start. Raises ReplicationError.

        When this returns, the whole content of the folder is in the store.
        """
        # the Litestream of a server that was killed may still be sending commits
        end_left_behind(self._data)
        known = read_state(self._data)
        if known is not None and known.url != self._url.text:
            known = None
        positions = dict(known.positions) if known else {}
        incomplete = []
        for name in DATABASES:
            stored = fetch_stored(self._configuration, self._data, name)
            if database_path(self._data, name).exists():
                if compare(self._data, name, stored, known, self._url):
                    incomplete.append(name)
            elif stored.files:
                restored = restore_database(self._configuration, self._data, name, stored)
                positions[name] = restored.transaction
                logger.warning("%s.db was restored, up to transaction %d", name, restored.transaction)
        self._save(replace(self._state, positions=positions))
        if not all(database_path(self._data, name).exists() for name in DATABASES):
            # before Litestream reads them
            prepare(self._data)
        if incomplete:
            self._copy_again(incomplete)
        self._start_child()
        started = time.monotonic()
        self._succeed(started, self._sync(FIRST_SECONDS))
        self._thread.start()

    def stop(self) -> None:
        """Replicate the last commits, and stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._child.is_running:
            try:
                self._sync()
            except ReplicationError as error:
                logger.error("the last commits may not be in the store: %s", error)
        self._child.stop()

    def _watch(self) -> None:
        pause, next_check = FIRST_PAUSE, 0.0
        interval = CHECK_FOLDER_SECONDS if self._url.folder else CHECK_SECONDS
        # never retry after a conflict: writing could damage what the other server stored
        while self._state.status != "conflict" and not self._stopping.wait(WATCH_SECONDS):
            try:
                if not self._child.is_running:
                    self._fail("failing", f"{self._child.end}; restarting in {pause:g} s")
                    if self._stopping.wait(pause):
                        return
                    pause = min(LONGEST_PAUSE, 2 * pause)
                    self._start_child()
                    continue
                started = time.monotonic()
                synced = self._sync()
                if started >= next_check:
                    if self._compare(synced):
                        continue
                    next_check = started + (0 if self._suspected else interval)
                pause = FIRST_PAUSE
                if not self._suspected:
                    self._succeed(started, synced)
            except (ReplicationError, OSError) as error:
                self._fail("failing", str(error))

    def _start_child(self) -> None:
        self._child.start()
        until = time.monotonic() + READY_SECONDS
        while not is_listening(self._data):
            if not self._child.is_running or time.monotonic() > until:
                self._child.stop()
                raise ReplicationError(self._child.end)
            time.sleep(0.02)

    def _sync(self, seconds: float = SYNC_SECONDS) -> dict[str, Synced]:
        return {name: replicate_now(self._data, name, seconds) for name in DATABASES}

    def _compare(self, synced: dict[str, Synced]) -> bool:
        """Compare the content of the store with its confirmations. Return whether any action was taken."""
        stored = {name: fetch_stored(self._configuration, self._data, name) for name in synced}
        # again after the listing: anything newer in the store comes from another server
        now = self._sync()
        for name, each in stored.items():
            if each.newest > now[name].transaction:
                self._fail(
                    "conflict",
                    f"another server writes to {self._url.text} too (it is at transaction {each.newest} of {name}.db, "
                    f"this one at {now[name].transaction}). Replication has stopped here: stop one of the two servers",
                )
                self._child.stop()
                return True
        incomplete = {name for name, each in stored.items() if each.reach < synced[name].replicated}
        # a listing is not atomic, so a gap must be seen twice
        broken, self._suspected = incomplete & self._suspected, incomplete
        if broken:
            self._suspected = set()
            self._fail("broken", f"{self._url.text} has lost files of {', '.join(sorted(broken))}: copying again")
            self._child.stop()
            self._copy_again(sorted(broken))
            self._start_child()
        return bool(broken)

    def _copy_again(self, names: list[str]) -> None:
        """Bring whole copies into a store in which files are missing."""
        for name in names:
            forget(self._data, name)
        arguments = ["replicate", "-once", "-force-snapshot", "-no-expand-env", "-config", str(self._configuration)]
        litestream.run(arguments, "the store takes no new copy", seconds=None)

    def _succeed(self, started: float, synced: dict[str, Synced]) -> None:
        if self._state.status not in ("ok", "starting"):
            logger.warning("replication goes on again")
        positions = {name: each.replicated for name, each in synced.items()}
        position = positions.get(FEDERATION, 0)
        self._save(State(PRIMARY, self._url.text, "ok", position, started, positions=positions))

    def _fail(self, status: str, detail: str) -> None:
        is_new = (self._state.status, self._state.detail) != (status, detail)
        self._save(replace(self._state, status=status, detail=detail))
        if is_new:
            logger.error("replication: %s", detail)

    def _save(self, state: State) -> None:
        self._state = state
        save_state(self._data, state)


def compare(data: Path, name: str, stored: Stored, known: State | None, url: StoreUrl) -> bool:
    """Return whether a local database must be copied into the store again. Raises ReplicationError.

    The store accepts several writers. So a server that was down while another one took its place must not continue.
    """
    kept = kept_files(data, name)
    if not stored.files:
        return bool(kept)
    if known is None:
        raise ReplicationError(
            f"{url.text} holds a {name}.db that is not a copy of the one in {data}: choose another path, or an empty "
            "--data folder to continue with the content of the store"
        )
    here = max(known.positions.get(name, 0), *kept, 0)
    sizes = {stored.size_of(stored.newest), kept.get(stored.newest)} - {None}
    if stored.newest > here or len(sizes) > 1:
        raise ReplicationError(
            f"{url.text} was written to by another server (it is at transaction {stored.newest} of {name}.db, {data} "
            f"at {here}): start with an empty --data folder to continue from there, or replicate to a new path"
        )
    # the missing transactions must still be here to be sent one by one
    follows = not kept or min(kept) <= stored.newest + 1
    return stored.reach < stored.newest or not follows
