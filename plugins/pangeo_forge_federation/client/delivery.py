"""A run that is recorded in two writes, its begin and its end, each of which may have to be sent several times.

The same keys are used for every try, so that an answer that was lost is told again. Past the days for which a registry
keeps keys, the external id finds the run: a conflict with what holds just what we sent is no conflict.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.errors import Problem, RegistryError
from pangeo_forge_federation.client.transport import new_key
from pangeo_forge_federation.values.json_text import dump_json

# what tells our run from another one under the same external id
_OURS = ("recipe_id", "commit", "run_date")
# runs of one recipe in one attempt of one job that are told apart
_MOST_NAMESAKES = 20


@dataclass
class Delivery:
    """What is to be sent, and how far it is. `run` is the body of the POST, `end` that of the PATCH."""

    run: dict[str, Any]
    create_key: str = field(default_factory=new_key)
    end: dict[str, Any] | None = None
    end_key: str = field(default_factory=new_key)
    # given by the registry, once it has the begin
    recipe_run_id: int | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "Delivery":
        """From what `asdict` gave. Raises TypeError where it is something else."""
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """What `read` takes back: a dict that JSON can hold."""
        return asdict(self)

    def send(self, client: Client, patience: float | None = None) -> None:
        """Send what the registry does not have yet. Raises Problem, Unreachable, RegistryError."""
        self.send_begin(client, patience)
        if self.end is not None:
            self.send_end(client, patience)

    def send_begin(self, client: Client, patience: float | None = None) -> None:
        """Have the run recorded. Raises Problem, Unreachable, RegistryError."""
        wanted = self.run["external_id"]
        for namesake in range(2, _MOST_NAMESAKES + 2):
            if self.recipe_run_id is not None:
                return
            try:
                answer = client.transport.send(
                    "POST", "/recipe_runs", dump_json(self.run), self.create_key, patience=patience
                )
                self.recipe_run_id = answer.json()["id"]
            except Problem as problem:
                there = client.conflicting_run(problem.location) if problem.status == 409 else None
                if there is None:
                    raise
                if all(value == self.run[name] for name, value in there.items() if name in _OURS):
                    self.recipe_run_id = there["id"]
                    return
                # the recipe ran before in this attempt, or beside this in a matrix: this is a run of its own
                self.run["external_id"], self.create_key = f"{wanted}/{namesake}", new_key()
        if self.recipe_run_id is None:
            raise RegistryError(f"{_MOST_NAMESAKES} runs have the external id {wanted!r} already")

    def send_heartbeat(self, client: Client, patience: float) -> None:
        """Say that the run still runs. Raises Problem, Unreachable, RegistryError."""
        client.transport.send("PATCH", self._path(), b"{}", new_key(), patience=patience)

    def send_end(self, client: Client, patience: float | None = None) -> None:
        """Have the end recorded. Raises Problem, Unreachable, RegistryError."""
        body = dump_json(self.end)
        try:
            client.transport.send("PATCH", self._path(), body, self.end_key, patience=patience)
        except Problem as problem:
            if problem.status not in (409, 412) or not self._is_recorded(client):
                raise

    def _path(self) -> str:
        return f"/recipe_runs/{self.recipe_run_id}"

    def _is_recorded(self, client: Client) -> bool:
        there = client.recipe_run(self.recipe_run_id or 0)
        ended = self.end or {}
        return (there["status"], there["completed_at"]) == (ended["status"], ended["completed_at"])
