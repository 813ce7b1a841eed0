"""How far pages look back: the one place that says it, to queries as a day and to templates as `windows`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Window:
    """So many days in UTC, today the last of them."""

    days: int

    @property
    def since(self) -> str:
        """Its first day, as the database writes it."""
        return (datetime.now(UTC).date() - timedelta(days=self.days - 1)).isoformat()


MONTH = Window(30)
QUARTER = Window(90)
WINDOWS = {"month": MONTH, "quarter": QUARTER}
