"""The status of replication, written by the process that runs Litestream and read by the workers.

It is a small file in the data folder, since Litestream is not a child of the workers.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pangeo_forge_federation.replication.urls import ReplicationError
from pangeo_forge_federation.storage.durable_files import write_private
from pangeo_forge_federation.values import times

STATE = ".replication.json"
PRIMARY, REPLICA = "primary", "replica"


@dataclass(frozen=True)
class State:
    """The status of replication."""

    role: str
    url: str
    # starting; ok; failing: being retried; broken: being copied again; conflict: needs a decision by a person
    status: str
    # the last transaction of federation.db in the store (primary) or in the copy (replica)
    position: int = 0
    # everything that was committed (primary) or stored (replica) before this moment has arrived. time.monotonic() is
    # the same for all processes on a machine, and does not jump.
    arrived: float | None = None
    detail: str | None = None
    # database -> the last transaction known to be in the store
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def age_seconds(self) -> float | None:
        """Seconds since `arrived`; None if nothing has arrived."""
        return None if self.arrived is None else max(0.0, time.monotonic() - self.arrived)

    @property
    def arrived_at(self) -> str | None:
        """`arrived` in RFC 3339, by this machine's clock."""
        age = self.age_seconds
        return None if age is None else times.to_text(datetime.fromtimestamp(time.time() - age, UTC))


def save_state(data: Path, state: State) -> None:
    """Write the state atomically."""
    write_private(data / STATE, json.dumps(asdict(state)))


def read_state(data: Path) -> State | None:
    """Read the last state; None if the folder was never replicated. Raises ReplicationError."""
    try:
        return State(**json.loads((data / STATE).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise ReplicationError(f"{data / STATE} cannot be read: it was not written by a server") from None
