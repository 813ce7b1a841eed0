"""Implement `scripts/serve --sync-every 15m --snapshot-every 1d`: run scripts as separate processes."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pangeo_forge_federation.settings import ROOT

# How long a running sync may take to stop: its transactions are short.
STOP_SECONDS = 5


def sync_command_of(data: Path) -> list[str]:
    """Return the command of a sync, which ends with this process even if that is killed."""
    ending = [sys.executable, "-m", "pangeo_forge_federation.server.ending_with_parent"]
    return [*ending, str(ROOT / "scripts" / "sync.py"), "--data", str(data), "--quiet"]


def snapshot_command_of(data: Path, every: float) -> list[str]:
    """Return the command of a snapshot, which does nothing after a restart if the last one is recent.

    `every` is the interval in seconds.
    """
    max_age = f"{max(1, int(every / 2))}s"
    script = [sys.executable, str(ROOT / "scripts" / "backup.py"), "snapshot"]
    return [*script, "--data", str(data), "--unless-newer-than", max_age, "--quiet"]


@contextlib.contextmanager
def running_every(seconds: float, command: Sequence[str]) -> Iterator[None]:
    """Run a command now, and repeatedly at this interval within the block, but never two at once."""
    stopping = threading.Event()
    thread = threading.Thread(target=_run, args=(seconds, command, stopping), name="federation-schedule", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(2 * STOP_SECONDS)


def _run(seconds: float, command: Sequence[str], stopping: threading.Event) -> None:
    while not stopping.is_set():
        # its stdout is discarded, Ctrl-C in a terminal reaches only the server, which then ends it,
        # and its stdin is closed when this process ends, even if killed
        started = time.monotonic()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        ) as process:
            while process.poll() is None and not stopping.wait(0.1):
                pass
            if process.poll() is None:
                _end(process)
        stopping.wait(max(0.0, started + seconds - time.monotonic()))


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
