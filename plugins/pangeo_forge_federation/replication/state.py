"""How replication stands, written down by the process that sees to it and read by those that serve.

A small file in the data folder: several workers serve one folder, and none of them is the parent of Litestream.
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
    """How replication stands."""

    role: str
    url: str
    # starting; ok; failing: it is tried again; broken: made whole again; conflict: a person must choose
    status: str
    # the last transaction of federation.db that is in the store (primary), or that is here (replica)
    position: int = 0
    # time.monotonic(), which is one clock for all processes of a machine and does not jump: everything that was
    # committed (primary), or stored (replica), by then has arrived
    arrived: float | None = None
    detail: str | None = None
    # by database, the last transaction that is known to be in the store
    positions: dict[str, int] = field(default_factory=dict)

    @property
    def age_seconds(self) -> float | None:
        """How long ago `arrived` was; None where nothing has."""
        return None if self.arrived is None else max(0.0, time.monotonic() - self.arrived)

    @property
    def arrived_at(self) -> str | None:
        """The same moment as RFC 3339 text, by this machine's clock."""
        age = self.age_seconds
        return None if age is None else times.to_text(datetime.fromtimestamp(time.time() - age, UTC))


def save_state(data: Path, state: State) -> None:
    """Write the state down. What is read is the old one or the new one, never a part."""
    write_private(data / STATE, json.dumps(asdict(state)))


def read_state(data: Path) -> State | None:
    """The state as it was last written down; None where nothing was ever replicated. Raises ReplicationError."""
    try:
        return State(**json.loads((data / STATE).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise ReplicationError(f"{data / STATE} cannot be read: it is not what a server wrote") from None
