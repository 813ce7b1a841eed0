"""How reliable a bakery is: the share of its finished runs that succeeded, the same wherever a page tells it."""

from collections.abc import Mapping
from dataclasses import dataclass

# a run that was skipped ended too, but nothing of it could fail
FINISHED = ("success", "failure", "timed_out", "cancelled")
MEANING = "Finished runs are those that succeeded, failed, timed out or were cancelled; skipped runs are not counted."


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
    finished = sum(counts.get(status, 0) for status in FINISHED)
    return SuccessRate(counts.get("success", 0), finished) if finished else None
