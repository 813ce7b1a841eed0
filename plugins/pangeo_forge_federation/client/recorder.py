"""Report a run to the registry from a thread of its own, so that a slow registry does not hold up the command."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.delivery import Delivery
from pangeo_forge_federation.client.errors import Problem, Refused, RegistryError, Unreachable
from pangeo_forge_federation.client.spool import SavedDelivery, try_flush
from pangeo_forge_federation.client.transport import Transport

# seconds to connect, and to wait for data
TIMEOUT = (3.0, 10.0)
# seconds between two attempts
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
# the longest pause once the command has ended
_LONGEST_PAUSE_AT_END = 4.0


class Recorder:
    """Sends the start, heartbeats and the end of a run.

    Puts ("tried", None) into `events` after the first attempt to send the start, and ("recorded", None) once the end is
    recorded or refused. Calls `say` with warnings.

    Attributes:
        delivery: What is to be sent.
        is_tried: Whether there was an attempt to send the start.
        refused: Whether the registry refused the run for good: nothing more is sent, and nothing is saved.
        token_refused: Whether the registry refused the token: nothing more is sent, but the run is saved.
        recorded: Whether the registry has recorded the end.
    """

    def __init__(
        self,
        transport: Transport,
        delivery: Delivery,
        folder: Path,
        heartbeat_seconds: float,
        events: "queue.SimpleQueue[tuple[str, int | None]]",
        say: Callable[[str], None],
    ):
        self._transport = transport
        self._client = Client(transport=transport)
        self.delivery = delivery
        self.is_tried = False
        self.refused = False
        self.token_refused = False
        self.recorded = False
        self._folder = folder
        self._heartbeat_seconds = heartbeat_seconds
        self._events = events
        self._say = say
        self._warned = False
        self._saved: SavedDelivery | None = None
        self._disk = threading.Lock()
        self._given_up = False
        self._ending = threading.Event()

    def start(self) -> None:
        """Start the thread. Without a token, only print a warning."""
        if not self._transport.has_token:
            # for example in a pull request from a fork, which has no access to secrets
            self.refused = True
            self._say("this run is not recorded, as there is no token. Set FEDERATION_TOKEN, or run `forge login`.")
            return
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent."""
        return self.recorded or self.refused or self.token_refused

    def end(self, patch: dict[str, Any]) -> None:
        """Send the end of the run, with this PATCH."""
        self.delivery.end = patch
        self._ending.set()

    def give_up(self) -> None:
        """Stop sending, and save to disk what was not sent."""
        self._transport.stopped.set()
        with self._disk:
            self._given_up = True
            if not self.recorded and not self.refused and self._save():
                self._warn("the registry has not responded in time")

    def _save(self) -> bool:
        """Save the delivery as it is now, and return whether that worked. The caller holds the lock."""
        try:
            if self._saved is None:
                self._saved = SavedDelivery.new(self._transport.url, self._folder)
            self._saved.save(self.delivery)
        except OSError as error:
            self._say(f"this run is not recorded, and could not be saved in {self._folder}: {error.strerror}.")
            return False
        return True

    def _run(self) -> None:
        if not self._attempt(lambda: self.delivery.send_start(self._client, 0.0), "this run", save=True):
            return
        self._note_tried()
        try_flush(self._transport, self._say)
        while not self._ending.wait(self._heartbeat_seconds):
            try:
                self.delivery.send_heartbeat(self._client, 0.0)
            except RegistryError:
                # the next heartbeat or the end will do
                continue
        if self._attempt(lambda: self.delivery.send_end(self._client, 0.0), "the end of this run"):
            self._finish()

    def _attempt(self, send: Callable[[], None], what: str, save: bool = False) -> bool:
        """Call `send` until it succeeds, and return True; or False once it is refused or sending is stopped."""
        pause = _FIRST_PAUSE
        while not self._transport.stopped.is_set():
            retry_after = 0.0
            try:
                send()
                return True
            except Problem as problem:
                if not isinstance(problem, Refused):
                    self.refused = True
                    self._say(f"the registry refused {what}, so it is not recorded: {problem}")
                    self._finish()
                    return False
                # the registry would refuse the same token again
                self.token_refused = True
                self._warn(problem)
                self._events.put(("token refused", None))
                return False
            except RegistryError as error:
                retry_after = error.retry_after if isinstance(error, Unreachable) else 0.0
                self._warn(error)
            if save:
                # so that the start is not lost if this process is killed; the end is added later
                with self._disk:
                    save = not self._given_up and self._save()
            self._note_tried()
            self._wait(max(pause, retry_after))
            pause = min(pause * 2, _LONGEST_PAUSE)
        return False

    def _wait(self, pause: float) -> None:
        """Wait before the next attempt, which is made at once when the command ends."""
        if self._ending.is_set():
            self._transport.stopped.wait(min(pause, _LONGEST_PAUSE_AT_END))
        else:
            self._ending.wait(pause)

    def _note_tried(self) -> None:
        if not self.is_tried:
            self.is_tried = True
            self._events.put(("tried", None))

    def _warn(self, reason: object) -> None:
        """Print one warning for the run, however often sending fails."""
        if not self._warned:
            self._warned = True
            if self.token_refused or self._given_up:
                outcome = f"It is saved in {self._folder}; send it with `forge runs flush`."
            else:
                outcome = (
                    "It is retried while the command runs. If that fails, it is saved in "
                    f"{self._folder}; send it with `forge runs flush`."
                )
            self._say(f"this run is not recorded yet: {str(reason).rstrip('.')}. {outcome}")

    def _finish(self) -> None:
        with self._disk:
            self.recorded = not self.refused
            if self._saved is not None:
                self._saved.delete()
        self._events.put(("recorded", None))
