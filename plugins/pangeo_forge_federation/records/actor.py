"""Who writes."""

from dataclasses import dataclass

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.values.printable import printable


@dataclass(frozen=True)
class Actor:
    """The owner of a token: a bakery, or an administrator (`bakery_id` is None)."""

    token_id: int
    bakery_id: str | None

    def may_write_for(self, bakery_id: str) -> bool:
        """Whether this is that bakery; ids are the same in any letter case."""
        return self.bakery_id is None or self.bakery_id.lower() == bakery_id.lower()

    def require(self, bakery_id: str, what: str | None = None) -> None:
        """Raises ProblemDetails (403) unless this may write for the bakery, whose `what` is."""
        if not self.may_write_for(bakery_id):
            whose = printable(bakery_id)
            before = f"{what} is of {whose}: " if what else ""
            detail = f"{before}this token belongs to {self.bakery_id} and cannot write for {whose}"
            raise ProblemDetails("forbidden", detail)

    @property
    def columns(self) -> dict[str, object]:
        """As events name who wrote."""
        return {"actor_bakery_id": self.bakery_id, "actor_token_id": self.token_id}
