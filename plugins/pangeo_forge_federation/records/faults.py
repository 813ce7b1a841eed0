"""The faults of one body, gathered while it is read, so that all are told at once."""

from pangeo_forge_federation.values import times
from pangeo_forge_federation.access.actors import Actor
from pangeo_forge_federation.problems import json_pointer
from pangeo_forge_federation.records.validation import invalid


class Faults:
    """`at` is where the record stands in the body."""

    def __init__(self, at: tuple[str | int, ...] = ()):
        self._at = at
        self._errors: list[dict[str, str]] = []

    def add(self, field: str, detail: str) -> None:
        """One more, of a field of the record, in a sentence that goes on from its name."""
        self._errors.append({"detail": detail, "pointer": json_pointer((*self._at, field))})

    def check_not_ahead(self, field: str, time: str | None) -> None:
        """Add a fault where a time, as it is kept, lies further ahead than clocks differ."""
        if time and times.is_ahead(time):
            self.add(field, "is more than a day ahead")

    def raise_any(self) -> None:
        """Raises ProblemDetails (422) if there are any."""
        if self._errors:
            raise invalid(self._errors)


def bakery_of(named: str | None, actor: Actor, faults: Faults) -> str:
    """The bakery that a body names, else the token's own; empty, with a fault, where an administrator names none.

    Raises ProblemDetails (403) for another bakery's name.
    """
    bakery_id = named or actor.bakery_id
    if bakery_id is None:
        faults.add("bakery_id", "is required, since an administrator's token belongs to no bakery")
        return ""
    actor.require(bakery_id)
    return bakery_id
