"""Tells the registry of a run in a thread of its own, so that no command waits for it longer than it is told to."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.delivery import Delivery
from pangeo_forge_federation.client.errors import Problem, Refused, RegistryError, Unreachable
from pangeo_forge_federation.client.spool import Kept, flush_beside
from pangeo_forge_federation.client.transport import Transport

# Seconds to connect and to be answered; between two tries.
TIMEOUT = (3.0, 10.0)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
# between two tries once the command has ended
_HURRIED_PAUSE = 4.0


class Recorder:
    """`events` gets ("tried", None) once the begin is sent or cannot be, and ("recorded", None) when the end is there.

    `say` is told what a person should know, once each.
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
        # refused for good: nothing more is sent
        self.refused = False
        # the token was not accepted: nothing more is tried
        self.turned_away = False
        self.recorded = False
        self._folder = folder
        self._heartbeat_seconds = heartbeat_seconds
        self._events = events
        self._say = say
        self._warned = False
        self._kept: Kept | None = None
        self._disk = threading.Lock()
        self._given_up = False
        self._ending = threading.Event()

    def start(self) -> None:
        """Begin to send, in the thread; without a token nothing is sent, and that is said."""
        if not self._transport.has_token:
            # a pull request from a fork has no secrets
            self.refused = True
            self._say("this run is not recorded: there is no token. Set FEDERATION_TOKEN, or `forge login`")
            return
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.recorded or self.refused or self.turned_away

    def end(self, patch: dict[str, Any]) -> None:
        """The command has ended so: have it sent."""
        self.delivery.end = patch
        self._ending.set()

    def give_up(self) -> None:
        """Stop sending, and keep on disk what was not sent."""
        self._transport.stopped.set()
        with self._disk:
            self._given_up = True
            if not self.recorded and not self.refused and self._keep():
                self._warn("the registry has not answered")

    def _keep(self) -> bool:
        """Put it on disk, or what is new of it; False where that cannot be. The lock is ours."""
        try:
            if self._kept is None:
                self._kept = Kept.new(self._transport.url, self._folder)
            self._kept.save(self.delivery)
        except OSError as error:
            self._say(f"this run is not recorded, and cannot be kept in {self._folder}: {error.strerror}")
            return False
        return True

    def _run(self) -> None:
        if not self._attempt(lambda: self.delivery.send_begin(self._client, 0.0), "this run", keep=True):
            return
        self._note_tried()
        flush_beside(self._transport, self._say)
        while not self._ending.wait(self._heartbeat_seconds):
            try:
                self.delivery.send_heartbeat(self._client, 0.0)
            except RegistryError:
                # the next one will be heard, or the end
                continue
        if self._attempt(lambda: self.delivery.send_end(self._client, 0.0), "the end of this run"):
            self._finish()

    def _attempt(self, send: Callable[[], None], what: str, keep: bool = False) -> bool:
        """Try until it is sent (True), refused for good or given up (False)."""
        pause = _FIRST_PAUSE
        while not self._transport.stopped.is_set():
            asked = 0.0
            try:
                send()
                return True
            except Problem as problem:
                if not isinstance(problem, Refused):
                    self.refused = True
                    self._say(f"the registry refused {what}, which is not recorded: {problem}")
                    self._finish()
                    return False
                # the same token would be refused again
                self.turned_away = True
                self._warn(problem)
                self._events.put(("turned away", None))
                return False
            except RegistryError as error:
                asked = error.retry_after if isinstance(error, Unreachable) else 0.0
                self._warn(error)
            if keep:
                # if this process is killed the begin is not lost; the end comes on top
                with self._disk:
                    keep = not self._given_up and self._keep()
            self._note_tried()
            self._wait(max(pause, asked))
            pause = min(pause * 2, _LONGEST_PAUSE)
        return False

    def _wait(self, pause: float) -> None:
        """Wait before the next try; an end that comes meanwhile is tried at once."""
        if self._ending.is_set():
            self._transport.stopped.wait(min(pause, _HURRIED_PAUSE))
        else:
            self._ending.wait(pause)

    def _note_tried(self) -> None:
        if not self.is_tried:
            self.is_tried = True
            self._events.put(("tried", None))

    def _warn(self, reason: object) -> None:
        """One warning a run, whatever else fails after it."""
        if not self._warned:
            self._warned = True
            over = self.turned_away or self._given_up
            kept = f"is kept in {self._folder}, and `forge runs flush` sends it"
            again = "It" if over else "It is tried again meanwhile; what is not sent"
            self._say(f"this run is not recorded yet: {reason}. {again} {kept}")

    def _finish(self) -> None:
        with self._disk:
            self.recorded = not self.refused
            if self._kept is not None:
                self._kept.forget()
        self._events.put(("recorded", None))
