"""The stacks: a column a day, its runs one above the other by outcome, and a line of what there is in all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from pangeo_forge_federation.values.plural import plural
from pangeo_forge_federation.values.statuses import UNFINISHED_STATUSES, WORDS, WORST_FIRST

PITCH, BAR = 11, 9
HEIGHT = 160
# from the bottom up: what went well carries the rest
ORDER = WORST_FIRST[::-1]


@dataclass(frozen=True)
class Part:
    """The runs of a day with one outcome: where its rectangle begins from the top, and how high it is."""

    status: str
    y: float
    height: float

    @property
    def open(self) -> bool:
        """Not final: drawn as an outline, as in other charts."""
        return self.status in UNFINISHED_STATUSES


@dataclass(frozen=True)
class Column:
    """A day: its parts from the bottom up, and where it stands."""

    day: str
    next_day: str
    x: int
    parts: list[Part]
    title: str


@dataclass(frozen=True)
class Stacks:
    """The chart, in units of its own; `most` is the number of runs that fills the height."""

    columns: list[Column]
    most: int
    width: int
    sentence: str

    height = HEIGHT
    bar = BAR

    @property
    def statuses(self) -> list[str]:
        """Those that occur, in the order of all lists of them."""
        found = {part.status for column in self.columns for part in column.parts}
        return [status for status in WORDS if status in found]


@dataclass(frozen=True)
class Line:
    """The line, in units of its own: `points` as SVG's polyline has them."""

    points: str
    width: int
    total: int
    first: str
    last: str
    sentence: str

    height = HEIGHT


def make_stacks(days: Iterable[Mapping[str, Any]], first: date, last: date) -> Stacks:
    """The stacks of rows with day and recipe_runs, which maps a status to a number."""
    by_day = {each["day"]: each["recipe_runs"] for each in days}
    most = max((sum(counts.values()) for counts in by_day.values()), default=0)
    length = (last - first).days + 1
    columns = [_column(first + timedelta(days=index), index, by_day, most) for index in range(length)]
    runs = sum(sum(counts.values()) for counts in by_day.values())
    sentence = f"{plural(runs, 'run')} from {first} to {last}, at most {most:,} in a day"
    return Stacks(columns, most, length * PITCH - (PITCH - BAR), sentence)


def _column(day: date, index: int, by_day: Mapping[str, Mapping[str, int]], most: int) -> Column:
    counts = by_day.get(day.isoformat(), {})
    parts, below = [], 0
    for status in ORDER:
        if counts.get(status):
            below += counts[status]
            height = HEIGHT * counts[status] / most
            parts.append(Part(status, round(HEIGHT - HEIGHT * below / most, 1), round(height, 1)))
    outcomes = ", ".join(f"{counts[status]} {WORDS[status]}" for status in ORDER if counts.get(status))
    next_day = (day + timedelta(days=1)).isoformat()
    return Column(day.isoformat(), next_day, index * PITCH, parts, f"{day}: {outcomes or 'nothing'}")


def make_line(rows: Iterable[Mapping[str, Any]], width: int) -> Line | None:
    """The line of rows with day and total, the oldest first. None where one day has them all."""
    rows = list(rows)
    if len(rows) < 2:
        return None
    first, last = (date.fromisoformat(rows[index]["day"]) for index in (0, -1))
    total = rows[-1]["total"]
    across, up = width / (last - first).days, HEIGHT / total
    # a step: it stays as it is until the next day on which something came
    points, before = [f"0,{HEIGHT}"], 0
    for row in rows:
        x = round((date.fromisoformat(row["day"]) - first).days * across, 1)
        points += [f"{x},{HEIGHT - before * up:.1f}", f"{x},{HEIGHT - row['total'] * up:.1f}"]
        before = row["total"]
    points.append(f"{width},{HEIGHT - before * up:.1f}")
    sentence = f"{plural(total, 'dataset')} recorded from {first} to {last}"
    return Line(" ".join(points), width, total, first.isoformat(), last.isoformat(), sentence)
