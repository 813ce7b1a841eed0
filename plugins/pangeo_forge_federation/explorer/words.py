"""Times, durations and long strings in a readable form that fits on a page."""

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from pangeo_forge_federation.values.plural import plural
from pangeo_forge_federation.values.times import from_text

# unit -> seconds, largest first
UNITS = {"year": 31_557_600, "month": 2_629_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
JUST_NOW_SECONDS = 5
_TRACEBACK = "Traceback (most recent call last):"
# if the closing backtick was truncated, code ends with the string
_CODE = re.compile(r"`([^`\n]+)(?:`|(?<=…)$)")


def duration(seconds: float) -> str:
    """Return the largest unit, `46 minutes`, followed by the next one if it matters, `1 hour 20 minutes`."""
    seconds = max(0, round(seconds))
    names = list(UNITS)
    for index, (name, size) in enumerate(UNITS.items()):
        # below three of a unit, the next smaller one matters: 1 hour 50 minutes is not an hour
        count, rest = divmod(seconds, size)
        if not count:
            continue
        if count < 3 and index + 1 < len(names):
            smaller = names[index + 1]
            more = rest // UNITS[smaller]
            if more:
                return f"{plural(count, name)} {plural(more, smaller)}"
        return plural(count, name)
    return "0 seconds"


def distance(seconds: float) -> str:
    """Return a duration in one unit, rounded down: `2 hours`."""
    for name, size in UNITS.items():
        if seconds >= size:
            return plural(int(seconds // size), name)
    return "0 seconds"


def ago(text: str, now: datetime) -> str:
    """Return a time relative to now: `2 hours ago`, `yesterday`, `in 3 hours`."""
    seconds = (now - from_text(text)).total_seconds()
    if abs(seconds) < JUST_NOW_SECONDS:
        return "just now"
    if seconds < 0:
        return f"in {distance(-seconds)}"
    if UNITS["day"] <= seconds < 2 * UNITS["day"]:
        return "yesterday"
    return f"{distance(seconds)} ago"


def elapsed(text: str, now: datetime) -> str:
    """Return the time since a start: `for 5 minutes`, or `begins in 3 hours` if it is in the future."""
    seconds = (now - from_text(text)).total_seconds()
    return f"begins in {distance(-seconds)}" if seconds <= -JUST_NOW_SECONDS else f"for {distance(max(0, seconds))}"


def instant(text: str) -> str:
    """Return a time to the second: `2026-11-24 03:25:00 UTC`."""
    return f"{text[:10]} {text[11:19]} UTC"


def time_ago(text: str | None) -> Markup:
    """Return a `<time>` element with a relative time, and the exact time as its title. Empty without a time."""
    return _element(text, ago(text, datetime.now(UTC))) if text else Markup("")


def time_since(text: str) -> Markup:
    """Return a `<time>` element with the time since a start, `for 5 minutes`, and the exact start as its title."""
    return _element(text, elapsed(text, datetime.now(UTC)))


def _element(text: str, shown: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, instant(text), shown)


def seconds_between(begin: str, end: str) -> float:
    """Return the seconds between two times in the format of the database."""
    return (from_text(end) - from_text(begin)).total_seconds()


def first_line(text: str | None, limit: int = 160) -> str:
    """Return the first non-empty line of a message, truncated after a word, with the exception of any traceback."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    line = lines[0].strip() if lines else ""
    if exception := _exception_in(lines):
        line = exception if line == _TRACEBACK else f"{line.rstrip(':')} · {exception}"
    if len(line) <= limit:
        return line
    shown = line[: limit - 1]
    # drop a truncated last word, unless it is most of the line
    whole = shown if line[limit - 1].isspace() else shown.rpartition(" ")[0]
    return (whole if len(whole) > limit // 2 else shown).rstrip(" .,;:") + "…"


def _exception_in(lines: list[str]) -> str | None:
    """Return the last line of the last traceback. None if there is none, or if it is truncated."""
    begins = max((number for number, line in enumerate(lines) if line.strip() == _TRACEBACK), default=None)
    if begins is None:
        return None
    indent = len(lines[begins]) - len(lines[begins].lstrip())
    return next((line.strip() for line in lines[begins + 1 :] if not line[indent : indent + 1].isspace()), None)


def shortened(text: str, limit: int) -> str:
    """Return a long name without its middle, because its start and end identify it."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return f"{text[:head]}…{text[-(limit - head - 1) :]}"


def store_name(url: str) -> str:
    """Return the last segment of a store's URL, such as `gpcp.zarr`: its name if it has no title."""
    return url.rstrip("/").rpartition("/")[2]


def bounded(text: str, limit: int, end: bool = False) -> str:
    """Return the start, or the end, of a string: at most `limit` bytes as HTML, plus `…` if it was truncated."""
    shown = text
    while (size := len(str(escape(shown)).encode())) > limit:
        # shorten it in proportion to its size, repeatedly if some characters take several bytes
        keep = min(len(shown) - 1, max(1, len(shown) * limit // size))
        shown = shown[-keep:] if end else shown[:keep]
    if shown == text:
        return text
    return f"…{shown}" if end else f"{shown}…"


def coded(text: str | Markup) -> Markup:
    """Return text as HTML in which strings between backticks are code. Everything else is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
