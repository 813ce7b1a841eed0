"""Deliver a run to the registry in two writes, its start and its end, each of which may take several attempts.

Every attempt uses the same idempotency key, so that the registry repeats a response that was lost. Once the registry
has deleted the key, the run is found by its external id: if the existing run is the one that was sent, a conflict is
not an error.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pangeo_forge_federation.client.client import Client
from pangeo_forge_federation.client.errors import Problem, RegistryError
from pangeo_forge_federation.client.transport import new_key
from pangeo_forge_federation.values.json_text import dump_json

# fields in which another run with the same external id differs from this one
_OURS = ("recipe_id", "commit", "run_date")
# how many runs of one recipe in one attempt of one job get an external id of their own
_MOST_NAMESAKES = 20


@dataclass
class Delivery:
    """A run to be sent, and what has been sent of it. `run` is the body of the POST, `end` that of the PATCH."""

    run: dict[str, Any]
    create_key: str = field(default_factory=new_key)
    end: dict[str, Any] | None = None
    end_key: str = field(default_factory=new_key)
    # the registry's id of the run, once its start is recorded
    recipe_run_id: int | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "Delivery":
        """Return the delivery that `to_json` was called on. Raises TypeError if the fields do not match."""
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """Return the delivery as a JSON object, for `read`."""
        return asdict(self)

    def send(self, client: Client, patience: float | None = None) -> None:
        """Send what the registry does not have yet. Raises Problem, Unreachable, RegistryError."""
        self.send_start(client, patience)
        if self.end is not None:
            self.send_end(client, patience)

    def send_start(self, client: Client, patience: float | None = None) -> None:
        """Send the start of the run. Raises Problem, Unreachable, RegistryError."""
        external_id = self.run["external_id"]
        for namesake in range(2, _MOST_NAMESAKES + 2):
            if self.recipe_run_id is not None:
                return
            try:
                response = client.transport.send(
                    "POST", "/recipe_runs", dump_json(self.run), self.create_key, patience=patience
                )
                self.recipe_run_id = response.json()["id"]
            except Problem as problem:
                existing = client.conflicting_run(problem.location) if problem.status == 409 else None
                if existing is None:
                    raise
                if all(value == self.run[name] for name, value in existing.items() if name in _OURS):
                    self.recipe_run_id = existing["id"]
                    return
                # the recipe has already run in this attempt, or in another job of the matrix: this is another run
                self.run["external_id"], self.create_key = f"{external_id}/{namesake}", new_key()
        if self.recipe_run_id is None:
            raise RegistryError(
                f"the external id {external_id!r} is used by {_MOST_NAMESAKES} other runs. Give --external-id."
            )

    def send_heartbeat(self, client: Client, patience: float) -> None:
        """Report that the run is still running. Raises Problem, Unreachable, RegistryError."""
        client.transport.send("PATCH", self._path(), b"{}", new_key(), patience=patience)

    def send_end(self, client: Client, patience: float | None = None) -> None:
        """Send the end of the run. Raises Problem, Unreachable, RegistryError."""
        body = dump_json(self.end)
        try:
            client.transport.send("PATCH", self._path(), body, self.end_key, patience=patience)
        except Problem as problem:
            if problem.status not in (409, 412) or not self._is_recorded(client):
                raise

    def _path(self) -> str:
        return f"/recipe_runs/{self.recipe_run_id}"

    def _is_recorded(self, client: Client) -> bool:
        existing = client.recipe_run(self.recipe_run_id or 0)
        end = self.end or {}
        return (existing["status"], existing["completed_at"]) == (end["status"], end["completed_at"])
