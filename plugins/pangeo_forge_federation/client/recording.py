"""`forge runs record`: a command is run, and the registry is told of it, whatever becomes of either."""

import os
import queue
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_federation.client.child import CannotStart, Child, exit_code_of, how_it_ended
from pangeo_forge_federation.client.message import fit_message
from pangeo_forge_federation.client.recorder import Recorder
from pangeo_forge_federation.values import times

# Seconds: for the begin before the command starts, for the end after it, from a signal to SIGKILL, and from it to ours.
BEGIN_SECONDS, END_SECONDS, KILL_SECONDS, LEAVE_SECONDS = 3.0, 20.0, 5.0, 6.7
# what happened, and the number of a signal
Events = queue.SimpleQueue[tuple[str, int | None]]

_DRAIN_SECONDS, _HURRIED_DRAIN_SECONDS = 2.0, 0.3
_GROUP_POLL_SECONDS = 0.1
# as timeout(1) has it
TIMED_OUT = 124


@dataclass
class Ending:
    """How it went: our exit code, the run's status and the head of its message."""

    exit_code: int
    status: str
    words: str


@dataclass
class Watch:
    """One command under watch, from its start to its record."""

    command: Sequence[str]
    environ: Mapping[str, str]
    events: Events
    timeout: float | None = None
    signalled: int | None = None
    signalled_at: float = 0.0
    timed_out: bool = False
    child: Child | None = field(default=None, repr=False)

    def install(self) -> None:
        """Take the signals that end us; one that was ignored stays so."""
        caught = [
            number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        ]
        # the kernel may give a signal to any thread, and Python runs handlers in the main one alone, when that wakes
        # up; so the handler of C writes the number down, and a thread reads it
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        threading.Thread(target=self._hear, args=(reading, caught), daemon=True).start()
        for number in caught:
            signal.signal(number, lambda caught, frame: None)

    def _hear(self, reading: int, caught: Sequence[int]) -> None:
        while True:
            for number in os.read(reading, 64):
                if number in caught:
                    self.events.put(("signal", number))

    def run(self) -> Ending:
        """Run it to its end."""
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
        ended = "it did not end after SIGKILL" if returncode is None else how_it_ended(returncode)
        if self.signalled:
            return self._cancelled(self.signalled, ended)
        if self.timed_out or returncode is None:
            return Ending(TIMED_OUT, "timed_out", f"timed out after {self.timeout:g} s: {ended}")
        if returncode == 0:
            return Ending(0, "success", "")
        return Ending(exit_code_of(returncode), "failure", ended)

    def note_signal(self, number: int) -> None:
        """Somebody wants us to end."""
        if not self.signalled:
            self.signalled, self.signalled_at = number, time.monotonic()

    @staticmethod
    def _cancelled(number: int, ended: str) -> Ending:
        return Ending(128 + number, "cancelled", f"cancelled by {signal.Signals(number).name}: {ended}")

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
            # asked to end, it ends with all that it started
            was_asked = self.signalled or self.timed_out
            if ended and (not was_asked or abandon_at is not None or not child.group_lives):
                return
            # a process that the kernel does not let go of is not waited for
            if abandon_at is not None and now >= abandon_at:
                return

    def _next_event(self, *moments: float | None, ended: bool) -> tuple[str, Any]:
        """The next event, or ("time", None) when the first of these moments has come."""
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
    """Run the command and have it recorded."""
    recorder.start()
    _wait_for_begin(watch, recorder)
    if recorder.delivery.recipe_run_id is not None:
        watch.environ = {**watch.environ, "FEDERATION_RECIPE_RUN_ID": str(recorder.delivery.recipe_run_id)}
    ending = watch.run()
    ended_at = max(times.now(), recorder.delivery.run["run_date"])
    output = b""
    if watch.child:
        watch.child.drain(_HURRIED_DRAIN_SECONDS if watch.signalled else _DRAIN_SECONDS)
        output = watch.child.tail.read() if with_output else b""
    patch: dict[str, Any] = {"status": ending.status, "completed_at": ended_at}
    if message := fit_message(ending.words, output, secrets):
        patch["message"] = message
    if datasets and ending.status == "success":
        patch["datasets"] = list(datasets)
    recorder.end(patch)
    until = watch.signalled_at + LEAVE_SECONDS if watch.signalled else time.monotonic() + end_seconds
    _wait_for_record(watch, recorder, until)
    recorder.give_up()
    if watch.child and not watch.signalled:
        # a reader that is slow gets it all
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
            # the command has ended as it did: only the record is in a hurry now
            until = min(until, time.monotonic() + LEAVE_SECONDS - KILL_SECONDS)
