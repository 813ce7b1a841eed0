"""The timeline: one bar per run, newest on the right, with the duration as its height, on a square-root scale."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Any

from pangeo_forge_federation.explorer.words import duration, instant, seconds_between, shortened
from pangeo_forge_federation.values.statuses import STALE, UNFINISHED_STATUSES, WORDS, shown_status
from pangeo_forge_federation.values.times import from_text

RUNS = 50
PITCH, BAR = 21, 16
# room for a mark above the highest bar
TOP, HEIGHT = 18, 72
LEAST = 8
WIDTH = RUNS * PITCH - (PITCH - BAR)


@dataclass(frozen=True)
class Bar:
    """A run, in units of the timeline."""

    recipe_run_id: int
    x: int
    height: float
    status: str
    title: str

    @property
    def y(self) -> float:
        """The distance from the top of the chart to the top of the bar."""
        return TOP + HEIGHT - self.height

    @property
    def open(self) -> bool:
        """Whether the run is not final, and the bar is drawn as an outline."""
        return self.status in (*UNFINISHED_STATUSES, STALE)


@dataclass(frozen=True)
class Timeline:
    """The bars of the last runs, oldest first."""

    bars: list[Bar]
    sentence: str

    width = WIDTH
    total_height = TOP + HEIGHT + 1
    base = TOP + HEIGHT


def seconds_of(run: Mapping[str, Any], now: datetime) -> float | None:
    """Return how long a run took, or has taken until now, in seconds. None if unknown.

    It is unknown for a run that was only recorded when it ended, because its start and end are then the same.
    """
    if run["completed_at"]:
        return max(0.0, seconds_between(run["run_date"], run["completed_at"])) or None
    if run["status"] in UNFINISHED_STATUSES:
        return max(0.0, (now - from_text(run["run_date"])).total_seconds())
    return None


def make_timeline(runs: Iterable[Mapping[str, Any]], now: datetime) -> Timeline:
    """Return the timeline of recipe runs, which are sorted newest first."""
    shown = list(runs)[:RUNS][::-1]
    took = {run["id"]: seconds_of(run, now) for run in shown}
    # only finished runs determine the scale, because a stale run would make all others look flat
    longest = max((took[run["id"]] or 0 for run in shown if run["completed_at"]), default=0) or 1
    bars = [_bar(run, took[run["id"]], longest, index) for index, run in enumerate(shown, RUNS - len(shown))]
    return Timeline(bars, _sentence([bar.status for bar in bars]))


def _bar(run: Mapping[str, Any], seconds: float | None, longest: float, index: int) -> Bar:
    status = shown_status(run["status"], bool(run.get("is_stale")))
    share = sqrt(min(seconds or 0.0, longest) / longest)
    took = f", {duration(seconds)}" if seconds is not None else ""
    title = f"{WORDS.get(status, status)}{took}: {shortened(run['recipe_id'], 40)}, {instant(run['run_date'])}"
    return Bar(run["id"], index * PITCH, round(LEAST + (HEIGHT - LEAST) * share, 1), status, title)


def _sentence(statuses: list[str]) -> str:
    counts = [f"{statuses.count(status)} {word}" for status, word in WORDS.items() if status in statuses]
    return f"The last {len(statuses)} runs: {', '.join(counts)}" if statuses else "No runs"
