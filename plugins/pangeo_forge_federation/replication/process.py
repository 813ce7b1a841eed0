"""Run Litestream as a child process, never two of them for one folder, and log its errors."""

import fcntl
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pangeo_forge_federation.replication import litestream
from pangeo_forge_federation.replication.configuration import SHUTDOWN_SECONDS
from pangeo_forge_federation.replication.urls import ReplicationError

logger = logging.getLogger("federation.replication.process")

FOLDER_LOCK, CHILD_LOCK = ".replication.lock", ".litestream.lock"
# How long a child may take to replicate the last commits before it is killed.
STOP_SECONDS = SHUTDOWN_SECONDS + 5
# Interval between log entries with the same error.
REPEAT_SECONDS = 60


def hold_folder(data: Path) -> IO:
    """Lock a folder for the one server that replicates or follows into it. Raises ReplicationError."""
    file = (data / FOLDER_LOCK).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ReplicationError(f"another server already replicates {data}") from None
    return file


def end_left_behind(data: Path) -> None:
    """End the Litestream that a killed server left behind. Raises ReplicationError."""
    with (data / CHILD_LOCK).open("a+") as lock:
        _take_over(lock)


class Child:
    """One Litestream process of a data folder."""

    def __init__(self, data: Path, arguments: Sequence[str]):
        self._data = data
        self._command = [str(litestream.binary()), *arguments]
        self._process: subprocess.Popen | None = None
        self._logged_at: dict[str, float] = {}
        # its last error
        self.error: str | None = None

    def start(self) -> None:
        """Start it, after ending the one of a server that was killed: two would damage each other's work."""
        self.error = None
        with (self._data / CHILD_LOCK).open("a+") as lock:
            _take_over(lock)
            # the child keeps the lock as long as it runs, through the inherited file. Its own session keeps a
            # terminal's Ctrl-C away from it.
            self._process = subprocess.Popen(
                self._command,
                cwd=self._data,
                env=litestream.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                pass_fds=(lock.fileno(),),
                start_new_session=True,
            )
            lock.truncate(0)
            lock.write(str(self._process.pid))
        threading.Thread(target=self._listen, args=(self._process,), name="litestream-log", daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def end(self) -> str:
        """A description of how it ended."""
        code = self._process.poll() if self._process else None
        how = "did not start" if code is None else f"ended with exit code {code}"
        return f"Litestream {how}" + (f": {self.error}" if self.error else "")

    def stop(self) -> None:
        """Stop it after it has replicated all commits."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self, process: subprocess.Popen) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if (error := litestream.error_in(line.strip())) is None:
                continue
            self.error = error
            now = time.monotonic()
            if now - self._logged_at.get(error, -REPEAT_SECONDS) >= REPEAT_SECONDS:
                self._logged_at = {**dict(list(self._logged_at.items())[-100:]), error: now}
                logger.error("Litestream: %s", error)


def _take_over(lock: IO) -> None:
    """Take the child's lock, after ending any process of a killed server that still holds it."""
    if _try(lock):
        return
    lock.seek(0)
    written = lock.read().strip()
    if not written.isdigit():
        raise ReplicationError(f"an abandoned Litestream holds {lock.name}: end that process")
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        # it still holds the lock, so the process id is its own
        os.kill(int(written), number)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if _try(lock):
                return
            time.sleep(0.05)
    raise ReplicationError(f"process {written}, an abandoned Litestream, does not end")


def _try(lock: IO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
