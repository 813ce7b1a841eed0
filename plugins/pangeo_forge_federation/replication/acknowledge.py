"""Implement `FEDERATION_ACKNOWLEDGE=replica`: acknowledge a write only after its commit is in the store."""

from pathlib import Path

from pangeo_forge_federation.replication.control import replicate_now
from pangeo_forge_federation.replication.state import read_state
from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.storage.database import FEDERATION

# How long a group of writes waits for the store. After a failure, the following groups wait less.
DEADLINE_SECONDS, SHORT_DEADLINE_SECONDS = 5.0, 1.0
# In these states, a confirmation by the store is not reliable.
UNRELIABLE = ("broken", "conflict")


class InTheStore:
    """Waits until everything committed to the federation.db of a folder is in the store."""

    def __init__(self, data: Path):
        self._data = data
        self._deadline = DEADLINE_SECONDS

    def __call__(self) -> str | None:
        """Return None once it is there, or the reason why that is not certain."""
        try:
            replicate_now(self._data, FEDERATION, self._deadline)
            state = read_state(self._data)
        except ReplicationError as error:
            self._deadline = SHORT_DEADLINE_SECONDS
            return str(error)
        self._deadline = DEADLINE_SECONDS
        if state is not None and state.status in UNRELIABLE:
            return state.detail
        return None
