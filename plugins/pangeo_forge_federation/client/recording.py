"""`forge runs record`: run a command, and record it as a recipe run, even if the command or the registry fails."""

import os
import queue
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_federation.client.child import CannotStart, Child, describe_end, exit_code_of
from pangeo_forge_federation.client.message import fit_message
from pangeo_forge_federation.client.recorder import Recorder
from pangeo_forge_federation.values import times

# How long to wait for the start to be recorded before the command is started, and for the end after it has ended.
BEGIN_SECONDS, END_SECONDS = 3.0, 20.0
# How long after a signal the command is killed with SIGKILL, and this process exits.
KILL_SECONDS, LEAVE_SECONDS = 5.0, 6.7
# the name of the event, and the number of a signal
Events = queue.SimpleQueue[tuple[str, int | None]]

# how long to wait for the rest of the output, and how long after a signal
_DRAIN_SECONDS, _DRAIN_SECONDS_AFTER_SIGNAL = 2.0, 0.3
_GROUP_POLL_SECONDS = 0.1
# the exit code of timeout(1)
TIMED_OUT = 124


@dataclass
class Ending:
    """How the command ended: the exit code of `forge`, the run's status and the first line of its message."""

    exit_code: int
    status: str
    summary: str


@dataclass
class Watch:
    """A command that is run, with its timeout and the signals that this process gets meanwhile.

    Attributes:
        command: The command and its arguments.
        environ: Its environment.
        events: Signals and the end of the command, as ("signal", number) and ("exit", None).
        timeout: Seconds after which the command is ended, or None.
        signalled: The first signal that this process got, or None.
        signalled_at: When, on the monotonic clock.
        timed_out: Whether the timeout has expired.
        child: The command's process, once it is started.
    """

    command: Sequence[str]
    environ: Mapping[str, str]
    events: Events
    timeout: float | None = None
    signalled: int | None = None
    signalled_at: float = 0.0
    timed_out: bool = False
    child: Child | None = field(default=None, repr=False)

    def install(self) -> None:
        """Handle the signals that end this process. Those that are ignored stay ignored."""
        caught = [
            number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        ]
        # Python runs handlers only in the main thread and only once it wakes up, while the kernel can deliver a signal
        # to any thread. So Python's C handler writes the number to a pipe, and a thread reads it.
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        threading.Thread(target=self._read_signals, args=(reading, caught), daemon=True).start()
        for number in caught:
            signal.signal(number, lambda caught, frame: None)

    def _read_signals(self, reading: int, caught: Sequence[int]) -> None:
        while True:
            for number in os.read(reading, 64):
                if number in caught:
                    self.events.put(("signal", number))

    def run(self) -> Ending:
        """Run the command, and return how it ended."""
        if self.signalled:
            return self._cancelled(self.signalled, "before the command was started")
        try:
            self.child = Child(self.command, self.environ, self.events)
        except CannotStart as error:
            os.write(2, f"forge: {error}\n".encode("utf-8", "replace"))
            return Ending(error.exit_code, "failure", f"exit code {error.exit_code}: {error}")
        self._wait_for_end(self.child)
        return self._ending(self.child.returncode)

    def _ending(self, returncode: int | None) -> Ending:
        end = "it did not end after SIGKILL" if returncode is None else describe_end(returncode)
        if self.signalled:
            return self._cancelled(self.signalled, end)
        if self.timed_out or returncode is None:
            return Ending(TIMED_OUT, "timed_out", f"timed out after {self.timeout:g} s: {end}")
        if returncode == 0:
            return Ending(0, "success", "")
        return Ending(exit_code_of(returncode), "failure", end)

    def note_signal(self, number: int) -> None:
        """Note that this process got a signal that ends it."""
        if not self.signalled:
            self.signalled, self.signalled_at = number, time.monotonic()

    @staticmethod
    def _cancelled(number: int, end: str) -> Ending:
        return Ending(128 + number, "cancelled", f"cancelled by {signal.Signals(number).name}: {end}")

    def _wait_for_end(self, child: Child) -> None:
        timeout_at = time.monotonic() + self.timeout if self.timeout else None
        kill_at: float | None = None
        abandon_at: float | None = None
        ended = False
        while True:
            name, number = self._next_event(timeout_at, kill_at, abandon_at, ended=ended)
            now = time.monotonic()
            if name == "signal" and number:
                self.note_signal(number)
                child.signal(number)
                if kill_at is None and abandon_at is None:
                    timeout_at, kill_at = None, now + KILL_SECONDS
            elif name == "exit":
                ended = True
            if timeout_at is not None and now >= timeout_at:
                self.timed_out, timeout_at, kill_at = True, None, now + KILL_SECONDS
                child.signal(signal.SIGTERM)
            if kill_at is not None and now >= kill_at:
                child.signal(signal.SIGKILL)
                kill_at, abandon_at = None, now + 1.0
            # after a signal or the timeout, wait for the processes that the command started as well
            is_stopped = self.signalled or self.timed_out
            if ended and (not is_stopped or abandon_at is not None or not child.is_group_alive):
                return
            # do not wait for a process that is stuck in the kernel
            if abandon_at is not None and now >= abandon_at:
                return

    def _next_event(self, *moments: float | None, ended: bool) -> tuple[str, Any]:
        """Return the next event, or ("time", None) if the first of these moments comes before it."""
        waits = [moment - time.monotonic() for moment in moments if moment is not None]
        if ended:
            waits.append(_GROUP_POLL_SECONDS)
        try:
            return self.events.get(timeout=max(0.0, min(waits)) if waits else None)
        except queue.Empty:
            return ("time", None)


def record(
    watch: Watch,
    recorder: Recorder,
    datasets: Sequence[Mapping[str, Any]],
    secrets: list[str],
    with_output: bool,
    end_seconds: float,
) -> Ending:
    """Run the command and record it, and return how it ended.

    The run gets `datasets` if the command succeeds, and the end of the output as its message if `with_output` is true.
    After the command has ended, `end_seconds` is the longest wait for the registry.
    """
    recorder.start()
    _wait_for_begin(watch, recorder)
    if recorder.delivery.recipe_run_id is not None:
        watch.environ = {**watch.environ, "FEDERATION_RECIPE_RUN_ID": str(recorder.delivery.recipe_run_id)}
    ending = watch.run()
    ended_at = max(times.now(), recorder.delivery.run["run_date"])
    output = b""
    if watch.child:
        watch.child.drain(_DRAIN_SECONDS_AFTER_SIGNAL if watch.signalled else _DRAIN_SECONDS)
        output = watch.child.tail.read() if with_output else b""
    patch: dict[str, Any] = {"status": ending.status, "completed_at": ended_at}
    if message := fit_message(ending.summary, output, secrets):
        patch["message"] = message
    if datasets and ending.status == "success":
        patch["datasets"] = list(datasets)
    recorder.end(patch)
    until = watch.signalled_at + LEAVE_SECONDS if watch.signalled else time.monotonic() + end_seconds
    _wait_for_record(watch, recorder, until)
    recorder.give_up()
    if watch.child and not watch.signalled:
        # a slow reader gets all of the output
        watch.child.drain(None)
    return ending


def _wait_for_begin(watch: Watch, recorder: Recorder) -> None:
    until = time.monotonic() + BEGIN_SECONDS
    while not recorder.is_tried and not recorder.is_over and not watch.signalled:
        try:
            name, number = watch.events.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return
        if name == "signal" and number:
            watch.note_signal(number)


def _wait_for_record(watch: Watch, recorder: Recorder, until: float) -> None:
    while not recorder.is_over and (left := until - time.monotonic()) > 0:
        try:
            name, _ = watch.events.get(timeout=left)
        except queue.Empty:
            return
        if name == "signal":
            # the command has already ended, so that this only shortens the wait for the registry
            until = min(until, time.monotonic() + LEAVE_SECONDS - KILL_SECONDS)
