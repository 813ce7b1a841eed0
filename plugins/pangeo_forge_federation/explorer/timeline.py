"""The timeline: a bar a run, newest at the right, as high as the run took, on a square-root scale."""

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
        """Where the bar begins, from the top."""
        return TOP + HEIGHT - self.height

    @property
    def open(self) -> bool:
        """Not final: drawn as an outline."""
        return self.status in (*UNFINISHED_STATUSES, STALE)


@dataclass(frozen=True)
class Timeline:
    """Bars of the last runs, the oldest first."""

    bars: list[Bar]
    sentence: str

    width = WIDTH
    total_height = TOP + HEIGHT + 1
    base = TOP + HEIGHT


def seconds_of(run: Mapping[str, Any], now: datetime) -> float | None:
    """How long a run took, or has taken until now. None where that is not known.

    It is not of a run that was recorded once, at its end: it has one instant for both.
    """
    if run["completed_at"]:
        return max(0.0, seconds_between(run["run_date"], run["completed_at"])) or None
    if run["status"] in UNFINISHED_STATUSES:
        return max(0.0, (now - from_text(run["run_date"])).total_seconds())
    return None


def make_timeline(runs: Iterable[Mapping[str, Any]], now: datetime) -> Timeline:
    """The timeline of recipe runs, which come newest first."""
    shown = list(runs)[:RUNS][::-1]
    took = {run["id"]: seconds_of(run, now) for run in shown}
    # a stale run would make all others flat: only finished ones give the scale
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
