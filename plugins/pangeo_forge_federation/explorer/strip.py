"""The strip: a bar a day, as high as the day has runs, coloured and marked by its worst outcome."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pangeo_forge_federation.explorer.success_rate import SuccessRate, success_rate
from pangeo_forge_federation.explorer.windows import QUARTER
from pangeo_forge_federation.values.plural import plural
from pangeo_forge_federation.values.statuses import UNFINISHED_STATUSES, WORDS, WORST_FIRST

DAYS = QUARTER.days
PITCH, BAR = 8, 6
# room for a mark above the highest bar
TOP, HEIGHT = 9, 18
WIDTH = DAYS * PITCH - (PITCH - BAR)


@dataclass(frozen=True)
class Day:
    """A bar, in units of the strip."""

    day: str
    x: int
    height: float
    # the worst outcome; None on a day without runs
    status: str | None
    # what a pointer that rests on it reads
    title: str

    @property
    def y(self) -> float:
        """Where the bar begins, from the top."""
        return TOP + HEIGHT - self.height

    @property
    def open(self) -> bool:
        """Nothing worse than not final yet: drawn as an outline."""
        return self.status in UNFINISHED_STATUSES


@dataclass(frozen=True)
class Strip:
    """The days of a quarter, the oldest first."""

    days: list[Day]
    # status -> runs of all days
    counts: dict[str, int]

    width = WIDTH
    total_height = TOP + HEIGHT
    base = TOP + HEIGHT

    @property
    def runs(self) -> int:
        """Runs of all days."""
        return sum(self.counts.values())

    @property
    def by_outcome(self) -> dict[str, list[Day]]:
        """Worst outcome -> its days."""
        found: dict[str, list[Day]] = {}
        for day in self.days:
            if day.status:
                found.setdefault(day.status, []).append(day)
        return found

    @property
    def success_rate(self) -> SuccessRate | None:
        """Of all days; None where nothing finished."""
        return success_rate(self.counts)

    @property
    def sentence(self) -> str:
        """The same in words, for who cannot see it."""
        if not self.runs:
            return f"No runs in {DAYS} days"
        outcomes = [f"{self.counts[status]} {WORDS[status]}" for status in WORST_FIRST if self.counts.get(status)]
        return f"{plural(self.runs, 'run')} in {DAYS} days: {', '.join(outcomes)}"


def make_strip(counts: Iterable[Mapping[str, Any]], today: date) -> Strip:
    """The strip of rows with day, status and recipe_runs."""
    by_day: dict[str, dict[str, int]] = {}
    total: dict[str, int] = {}
    for row in counts:
        of_day = by_day.setdefault(row["day"], {})
        of_day[row["status"]] = of_day.get(row["status"], 0) + row["recipe_runs"]
        total[row["status"]] = total.get(row["status"], 0) + row["recipe_runs"]
    most = max((sum(of_day.values()) for of_day in by_day.values()), default=1)
    days = [_day(today - timedelta(days=DAYS - 1 - index), index, by_day, most) for index in range(DAYS)]
    return Strip(days, total)


def _day(day: date, index: int, by_day: Mapping[str, Mapping[str, int]], most: int) -> Day:
    text = day.isoformat()
    of_day = by_day.get(text, {})
    runs = sum(of_day.values())
    if not runs:
        return Day(text, index * PITCH, 1, None, f"{text}: nothing")
    outcomes = ", ".join(f"{of_day[status]} {WORDS[status]}" for status in WORST_FIRST if of_day.get(status))
    status = next(status for status in WORST_FIRST if of_day.get(status))
    # the least has three units, so that one run is a bar
    return Day(text, index * PITCH, round(3 + (HEIGHT - 3) * (runs / most), 1), status, f"{text}: {outcomes}")
