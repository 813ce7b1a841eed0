"""Run a command in a session of its own, pass its output through as it is written, and notice its end.

In a session of its own, the command has a process group that can be signalled as a whole, and Ctrl-C in a terminal only
reaches this process. The command cannot read from the terminal.
"""

import errno
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Mapping, Sequence

try:
    from fcntl import ioctl
    from termios import FIONREAD
except ImportError:
    # Windows has neither, and no process groups: `runs record` reports an error there
    ioctl = None  # type: ignore[assignment]

from pangeo_forge_federation.client.message import Tail

_PIECE = 64 * 1024
# How long processes that the command left behind can still write to the same pipe.
_GRACE_SECONDS = 0.5

NOT_FOUND, NOT_EXECUTABLE = 127, 126

IS_POSSIBLE = ioctl is not None


class CannotStart(Exception):
    """The command does not exist (exit code 127) or cannot be executed (126)."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code


class Child:
    """A running command. Puts ("exit", None) into `events` when the command has ended."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], events: "queue.SimpleQueue[tuple[str, int | None]]"
    ):
        """Start the command. Raises CannotStart."""
        self.tail = Tail()
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else None,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError):
            raise CannotStart(f"{command[0]}: command not found", NOT_FOUND) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CannotStart(f"{command[0]}: {reason}", NOT_EXECUTABLE) from None
        streams = (self._process.stdout, 1), (self._process.stderr, 2)
        self._pumps = [Pump(stream.fileno(), target, self.tail) for stream, target in streams if stream]
        threading.Thread(target=self._wait, args=(events,), daemon=True).start()

    def _wait(self, events: "queue.SimpleQueue[tuple[str, int | None]]") -> None:
        self._process.wait()
        for pump in self._pumps:
            pump.note_end()
        events.put(("exit", None))

    @property
    def returncode(self) -> int | None:
        """The exit code, or the negative number of the signal that ended it, as in `subprocess`."""
        return self._process.returncode

    def signal(self, number: int) -> None:
        """Send a signal to the whole process group."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            # the command has just ended
            return

    @property
    def is_group_alive(self) -> bool:
        """Whether any process of the group is still running."""
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            # what is left runs as another user
            return False
        return True

    def drain(self, seconds: float | None) -> None:
        """Wait until all output of the command has been passed through, but not that of processes it left behind."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for pump in self._pumps:
            pump.drained.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        grace = time.monotonic() + _GRACE_SECONDS
        for pump in self._pumps:
            pump.ended.wait(max(0.0, grace - time.monotonic()))


class Pump:
    """Passes one stream through unchanged, in a thread of its own."""

    def __init__(self, source: int, target: int, tail: Tail):
        self.drained = threading.Event()
        self.ended = threading.Event()
        self._source = source
        self._target: int | None = target
        self._tail = tail
        self._lock = threading.Lock()
        self._read = 0
        self._passed = 0
        self._expected: int | None = None
        threading.Thread(target=self._pump, daemon=True).start()

    def note_end(self) -> None:
        """Note that the command has ended: its last output is in the pipe now."""
        unread = array("i", [0])
        with self._lock:
            ioctl(self._source, FIONREAD, unread)
            self._expected = self._read + unread[0]
            self._note_passed()

    def _pump(self) -> None:
        while True:
            select.select([self._source], [], [])
            with self._lock:
                data = os.read(self._source, _PIECE)
                self._read += len(data)
            if not data:
                break
            self._tail.add(data)
            self._write(data)
            with self._lock:
                self._passed += len(data)
                self._note_passed()
        self.drained.set()
        self.ended.set()

    def _note_passed(self) -> None:
        if self._expected is not None and self._passed >= self._expected:
            self.drained.set()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._target is not None:
            try:
                view = view[os.write(self._target, view) :]
            except BlockingIOError:
                # the target was set to non-blocking before this process got it
                select.select([], [self._target], [])
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENOSPC):
                    raise
                # the reader has gone: the command goes on regardless
                self._target = None


def exit_code_of(returncode: int) -> int:
    """Return the exit code as a shell does: 128 + n after signal n."""
    return 128 - returncode if returncode < 0 else returncode


def describe_end(returncode: int) -> str:
    """Return the exit code or the signal in words."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"ended by {name}"
