"""Litestream as a child: never two of them on one folder, and what it complains about is heard."""

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
# How long a child may take to bring its last commits into the store before it is killed.
STOP_SECONDS = SHUTDOWN_SECONDS + 5
# The same complaint is logged again after so long.
REPEAT_SECONDS = 60


def hold_folder(data: Path) -> IO:
    """The lock of the one server that replicates or follows into a folder. Raises ReplicationError."""
    file = (data / FOLDER_LOCK).open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ReplicationError(f"another server replicates {data} already") from None
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
        self._said: dict[str, float] = {}
        # what it last complained about
        self.fault: str | None = None

    def start(self) -> None:
        """Start it. What a killed server left behind is ended first: two on one database would undo each other."""
        self.fault = None
        with (self._data / CHILD_LOCK).open("a+") as lock:
            _take_over(lock)
            # it holds the lock, through the file that it inherits, for as long as it lives; a terminal's Ctrl-C is
            # for the server
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
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def end(self) -> str:
        """How it ended, in a few words."""
        code = self._process.poll() if self._process else None
        how = "did not start" if code is None else f"ended with {code}"
        return f"Litestream {how}" + (f": {self.fault}" if self.fault else "")

    def stop(self) -> None:
        """End it, after it has brought what is committed into the store."""
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
            if (fault := litestream.fault_of(line.strip())) is None:
                continue
            self.fault = fault
            now = time.monotonic()
            if now - self._said.get(fault, -REPEAT_SECONDS) >= REPEAT_SECONDS:
                self._said = {**dict(list(self._said.items())[-100:]), fault: now}
                logger.error("Litestream: %s", fault)


def _take_over(lock: IO) -> None:
    """Take the lock of the child; whoever still holds it was left behind by a server that was killed."""
    if _try(lock):
        return
    lock.seek(0)
    written = lock.read().strip()
    if not written.isdigit():
        raise ReplicationError(f"a Litestream that nobody looks after holds {lock.name}: end it")
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        # it holds the lock, so that the number is still its own
        os.kill(int(written), number)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if _try(lock):
                return
            time.sleep(0.05)
    raise ReplicationError(f"process {written}, a Litestream that was left behind, does not end")


def _try(lock: IO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
