"""The statuses of a recipe run, and what schedulers and GitHub Actions call them."""

UNFINISHED_STATUSES = ("queued", "in_progress")
FINAL_STATUSES = ("success", "failure", "cancelled", "timed_out", "skipped")
# Words of schedulers and of GitHub Actions for the same thing.
STATUS_SYNONYMS = {
    "pending": "queued",
    "waiting": "queued",
    "requested": "queued",
    "scheduled": "queued",
    "running": "in_progress",
    "in progress": "in_progress",
    "in-progress": "in_progress",
    "started": "in_progress",
    "succeeded": "success",
    "successful": "success",
    "completed": "success",
    "failed": "failure",
    "error": "failure",
    "crashed": "failure",
    "canceled": "cancelled",
    "timedout": "timed_out",
    "timed out": "timed_out",
    "timed-out": "timed_out",
    "timeout": "timed_out",
}


def completion_errors(completed_at: str, status: str, run_date: str | None) -> list[str]:
    """What is wrong with the end of a run that is told, in words that go on from `completed_at`; times as kept."""
    faults = []
    if status not in FINAL_STATUSES:
        faults.append(f"is given, but {status} is not a final status: leave one of the two out")
    if run_date and completed_at < run_date:
        faults.append("is before run_date")
    return faults


def read_status(text: str) -> str:
    """A status in any letter case, or one of its synonyms, as it is kept; another text as it is, in lower case."""
    word = text.strip().lower()
    return STATUS_SYNONYMS.get(word, word)


STALE, PROBLEM = "stale", "problem"
# what people read
WORDS = {
    "success": "success",
    "failure": "failure",
    "in_progress": "running",
    "queued": "queued",
    "timed_out": "timed out",
    "cancelled": "cancelled",
    "skipped": "skipped",
    STALE: "stale",
}


def shown_status(status: str, is_stale: bool = False) -> str:
    """What a run is shown as: a run of which nothing was heard for long is stale, whatever it last said."""
    return STALE if is_stale else status
