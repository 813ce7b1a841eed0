"""`scripts/serve --sync-every 15m --snapshot-every 1d`: scripts beside the server, as processes of their own."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pangeo_forge_federation.settings import ROOT

# How long a sync that is under way may take to stop: what it saves it saves in short transactions.
STOP_SECONDS = 5


def sync_command_of(data: Path) -> list[str]:
    """The script, which ends with this process, even if that is killed."""
    ending = [sys.executable, "-m", "pangeo_forge_federation.server.ending_with_parent"]
    return [*ending, str(ROOT / "scripts" / "sync.py"), "--data", str(data), "--quiet"]


def snapshot_command_of(data: Path, every: float) -> list[str]:
    """The script, which does nothing when the last one is fresh: a server that is started again makes no new one.

    `every` is in seconds.
    """
    fresh = f"{max(1, int(every / 2))}s"
    script = [sys.executable, str(ROOT / "scripts" / "backup.py"), "snapshot"]
    return [*script, "--data", str(data), "--unless-newer-than", fresh, "--quiet"]


@contextlib.contextmanager
def running_every(seconds: float, command: Sequence[str]) -> Iterator[None]:
    """Run a command now, and again so many seconds after it began, until the block is left. Never twice at once."""
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
        # its stdout is not the server's; Ctrl-C in a terminal is for the server, which then ends it
        # its stdin ends with this process, which may be killed
        beginning = time.monotonic()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        ) as process:
            while process.poll() is None and not stopping.wait(0.1):
                pass
            if process.poll() is None:
                _end(process)
        stopping.wait(max(0.0, beginning + seconds - time.monotonic()))


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
