"""The faults of one body, gathered while it is read, so that all are told at once."""

from federation import times
from federation.errors import json_pointer
from federation.validation import invalid


class Faults:
    """`at` is where the record stands in the body."""

    def __init__(self, at: tuple[str | int, ...] = ()):
        self._at = at
        self._errors: list[dict[str, str]] = []

    def add(self, field: str, detail: str) -> None:
        self._errors.append({"detail": detail, "pointer": json_pointer((*self._at, field))})

    def check_not_ahead(self, field: str, time: str | None) -> None:
        if time and times.is_ahead(time):
            self.add(field, "is more than a day ahead")

    def raise_any(self) -> None:
        """Raises ProblemDetails (422) if there are any."""
        if self._errors:
            raise invalid(self._errors)
