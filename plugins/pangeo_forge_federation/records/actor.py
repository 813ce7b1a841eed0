"""The actor of a write."""

from dataclasses import dataclass

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.values.printable import printable


@dataclass(frozen=True)
class Actor:
    """The owner of a token: a bakery, or an administrator (`bakery_id` is None)."""

    token_id: int
    bakery_id: str | None

    def may_write_for(self, bakery_id: str) -> bool:
        """Return whether this actor may write for a bakery. IDs are compared case-insensitively."""
        return self.bakery_id is None or self.bakery_id.lower() == bakery_id.lower()

    def require(self, bakery_id: str, what: str | None = None) -> None:
        """Raise ProblemDetails (403) unless this actor may write for the bakery, which owns `what`."""
        if not self.may_write_for(bakery_id):
            whose = printable(bakery_id)
            owner = f"{what} belongs to {whose}. " if what else ""
            detail = f"{owner}This token belongs to {self.bakery_id} and cannot write for {whose}."
            raise ProblemDetails("forbidden", detail)

    @property
    def columns(self) -> dict[str, object]:
        """The columns of an event that name the actor."""
        return {"actor_bakery_id": self.bakery_id, "actor_token_id": self.token_id}
