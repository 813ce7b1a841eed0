"""How reliable a bakery is: the share of its finished runs that succeeded, the same wherever a page tells it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pangeo_forge_federation.values.plural import joined
from pangeo_forge_federation.values.statuses import BY_COLUMN, RATED_STATUSES

# a run that was skipped ended too, but nothing of it could fail
_OUTCOMES = joined([each.outcome for each in BY_COLUMN if each.is_rated], "or")
_UNRATED = joined([each.word for each in BY_COLUMN if each.is_final and not each.is_rated])
MEANING = f"Finished runs are those that {_OUTCOMES}; {_UNRATED} runs are not counted."


@dataclass(frozen=True)
class SuccessRate:
    """How many of the finished runs succeeded; as text a percentage."""

    succeeded: int
    finished: int

    def __str__(self) -> str:
        """`91 %`: rounded, but 100 % is all of them, and 0 % none."""
        percent = round(100 * self.succeeded / self.finished)
        if 0 < self.succeeded < self.finished:
            percent = min(max(percent, 1), 99)
        return f"{percent} %"


def success_rate(counts: Mapping[str, int]) -> SuccessRate | None:
    """The rate of a mapping from status to recipe runs. None where none finished."""
    finished = sum(counts.get(status, 0) for status in RATED_STATUSES)
    return SuccessRate(counts.get("success", 0), finished) if finished else None
