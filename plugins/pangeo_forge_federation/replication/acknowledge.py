"""`FEDERATION_ACKNOWLEDGE=replica`: a write is answered when its commit is in the store."""

from pathlib import Path

from pangeo_forge_federation.replication.control import replicate_now
from pangeo_forge_federation.replication.state import read_state
from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.storage.database import FEDERATION

# How long a group of writes waits for the store; while the store is away, the groups behind it wait less.
DEADLINE_SECONDS, SHORT_DEADLINE_SECONDS = 5.0, 1.0
# In these states what the store confirms is no promise.
WORTHLESS = ("broken", "conflict")


class InTheStore:
    """Waits until what was committed to the federation.db of a folder is in the store."""

    def __init__(self, data: Path):
        self._data = data
        self._deadline = DEADLINE_SECONDS

    def __call__(self) -> str | None:
        """None when it is there; else why that cannot be said."""
        try:
            replicate_now(self._data, FEDERATION, self._deadline)
            state = read_state(self._data)
        except ReplicationError as error:
            self._deadline = SHORT_DEADLINE_SECONDS
            return str(error)
        self._deadline = DEADLINE_SECONDS
        if state is not None and state.status in WORTHLESS:
            return state.detail
        return None
