"""How far back pages look: queries use the first day of a window, templates the variable `windows`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Window:
    """A number of days in UTC that ends with today."""

    days: int

    @property
    def since(self) -> str:
        """The first day, in the format of the database."""
        return (datetime.now(UTC).date() - timedelta(days=self.days - 1)).isoformat()


MONTH = Window(30)
QUARTER = Window(90)
WINDOWS = {"month": MONTH, "quarter": QUARTER}
