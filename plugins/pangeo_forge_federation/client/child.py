"""A command in a session of its own, whose output passes through as it comes, and whose end is not missed.

A session of its own makes its process group ours to signal, and leaves a terminal's Ctrl-C to us. It has no terminal
to read from.
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
    # Windows has neither, nor process groups to signal: `runs record` says so
    ioctl = None  # type: ignore[assignment]

from pangeo_forge_federation.client.message import Tail

_PIECE = 64 * 1024
# What processes that it left behind may still write through the same pipe.
_GRACE_SECONDS = 0.5

NOT_FOUND, NOT_EXECUTABLE = 127, 126

IS_POSSIBLE = ioctl is not None


class CannotStart(Exception):
    """The command is not there (127) or cannot be executed (126)."""

    def __init__(self, words: str, exit_code: int):
        super().__init__(words)
        self.exit_code = exit_code


class Child:
    """A command that runs. `events` gets ("exit", None) when it has ended."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], events: "queue.SimpleQueue[tuple[str, int | None]]"
    ):
        """Raises CannotStart."""
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
        """As subprocess has it: minus the signal that ended it."""
        return self._process.returncode

    def signal(self, number: int) -> None:
        """Send a signal to all of its process group."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            # it has just ended
            return

    @property
    def group_lives(self) -> bool:
        """Whether any process of its group is still there."""
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            # what is left has become another user's
            return False
        return True

    def drain(self, seconds: float | None) -> None:
        """Wait until what it wrote has passed through; what others write through its pipes is not waited for."""
        until = None if seconds is None else time.monotonic() + seconds
        for pump in self._pumps:
            pump.drained.wait(None if until is None else max(0.0, until - time.monotonic()))
        grace = time.monotonic() + _GRACE_SECONDS
        for pump in self._pumps:
            pump.ended.wait(max(0.0, grace - time.monotonic()))


class Pump:
    """Passes one stream through, byte for byte, in a thread of its own."""

    def __init__(self, source: int, target: int, tail: Tail):
        self.drained = threading.Event()
        self.ended = threading.Event()
        self._source = source
        self._target: int | None = target
        self._tail = tail
        self._lock = threading.Lock()
        self._read = 0
        self._passed = 0
        self._wanted: int | None = None
        threading.Thread(target=self._pump, daemon=True).start()

    def note_end(self) -> None:
        """The command has ended: what is in the pipe now is the last of it."""
        waiting = array("i", [0])
        with self._lock:
            ioctl(self._source, FIONREAD, waiting)
            self._wanted = self._read + waiting[0]
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
        if self._wanted is not None and self._passed >= self._wanted:
            self.drained.set()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._target is not None:
            try:
                view = view[os.write(self._target, view) :]
            except BlockingIOError:
                # whoever gave us this made it so
                select.select([], [self._target], [])
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENOSPC):
                    raise
                # whoever read it has left: the command goes on all the same
                self._target = None


def exit_code_of(returncode: int) -> int:
    """The exit code that shells give: 128 + n after signal n."""
    return 128 - returncode if returncode < 0 else returncode


def how_it_ended(returncode: int) -> str:
    """The code or the signal, in words."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    return f"ended by {name}"
