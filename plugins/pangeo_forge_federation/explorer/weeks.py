"""A bakery week by week: how its runs ended, how long they took, and how long they waited first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

from pangeo_forge_federation.explorer.strip import Strip, make_strip
from pangeo_forge_federation.explorer.windows import QUARTER
from pangeo_forge_federation.explorer.words import duration
from pangeo_forge_federation.values.plural import plural

DAYS = 7
WEEKS = ceil(QUARTER.days / DAYS)
PITCH, BAR = 80, 48
HEIGHT = 40
# the height of the smallest bar
LEAST = 2


@dataclass(frozen=True)
class Week:
    """One week of a bakery."""

    first: str
    last: str
    # how its runs ended
    strip: Strip
    # medians in seconds; None if there are no runs to base them on
    duration: float | None
    wait: float | None
    x: int
    # in units of the chart, where the wait is drawn below the duration
    duration_height: float
    wait_height: float
    title: str


@dataclass(frozen=True)
class Weeks:
    """The weeks of a quarter, in units of the chart."""

    # the newest first
    weeks: list[Week]
    # seconds of the highest bar
    longest: float
    sentence: str

    width = WEEKS * PITCH - (PITCH - BAR)
    total_height = HEIGHT + 1
    base = HEIGHT
    bar = BAR

    @property
    def known(self) -> bool:
        """Whether there is anything to draw."""
        return any(week.duration is not None for week in self.weeks)

    @property
    def waited(self) -> bool:
        """Whether any run waited before it began."""
        return any(week.wait for week in self.weeks)


def make_weeks(by_day: Iterable[Mapping[str, Any]], medians: Iterable[Mapping[str, Any]], today: date) -> Weeks:
    """Return the last weeks.

    Rows of `by_day` have `day`, `status` and `recipe_runs`; rows of `medians` have `first_day`, `duration` and `wait`.
    """
    by_day = list(by_day)
    of_week = {row["first_day"]: row for row in medians}
    longest = max(((row["duration"] or 0) + (row["wait"] or 0) for row in of_week.values()), default=0) or 1
    weeks = []
    for back in range(WEEKS):
        last = today - timedelta(days=DAYS * back)
        first = last - timedelta(days=DAYS - 1)
        strip = make_strip([row for row in by_day if first.isoformat() <= row["day"] <= last.isoformat()], today)
        weeks.append(_week(first, last, strip, of_week.get(first.isoformat(), {}), longest, WEEKS - 1 - back))
    return Weeks(weeks, longest, _sentence(weeks))


def _week(first: date, last: date, strip: Strip, medians: Mapping[str, Any], longest: float, index: int) -> Week:
    took, waited = medians.get("duration"), medians.get("wait")
    title = f"{first} to {last}: "
    title += duration(took) if took is not None else "no successful runs"
    title += f", after {duration(waited)} in the queue" if waited else ""
    duration_height, wait_height = (
        round(max(LEAST, HEIGHT * value / longest), 1) if value else 0 for value in (took, waited)
    )
    return Week(
        first.isoformat(),
        last.isoformat(),
        strip,
        took,
        waited,
        index * PITCH,
        duration_height,
        wait_height,
        title,
    )


def _sentence(weeks: list[Week]) -> str:
    known = [week.duration for week in weeks if week.duration is not None]
    if not known:
        return "No successful runs"
    span = f"from {duration(min(known))} to {duration(max(known))}" if len(known) > 1 else duration(known[0])
    return f"Median duration by week, {plural(len(known), 'week')}: {span}"
