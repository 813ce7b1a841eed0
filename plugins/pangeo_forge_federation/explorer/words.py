"""Times, durations, counts and long texts in the words that people use, and as many of them as a page has room for."""

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from pangeo_forge_federation.values.plural import plural
from pangeo_forge_federation.values.times import from_text

# unit: how many seconds it has, largest first
UNITS = {"year": 31_557_600, "month": 2_629_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
JUST_NOW_SECONDS = 5
_TRACEBACK = "Traceback (most recent call last):"
# what a cut took the end of is code to its end
_CODE = re.compile(r"`([^`\n]+)(?:`|(?<=…)$)")


def duration(seconds: float) -> str:
    """`46 minutes`, `2 hours`: the largest unit, and from it the next one where that says much: `1 hour 20 minutes`."""
    seconds = max(0, round(seconds))
    names = list(UNITS)
    for index, (name, size) in enumerate(UNITS.items()):
        # the next smaller unit below three of this one, so that 1 hour 50 minutes is not an hour
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
    """One unit, rounded down: `2 hours`."""
    for name, size in UNITS.items():
        if seconds >= size:
            return plural(int(seconds // size), name)
    return "0 seconds"


def ago(text: str, now: datetime) -> str:
    """`2 hours ago`, `yesterday`, `in 3 hours`."""
    seconds = (now - from_text(text)).total_seconds()
    if abs(seconds) < JUST_NOW_SECONDS:
        return "just now"
    if seconds < 0:
        return f"in {distance(-seconds)}"
    if UNITS["day"] <= seconds < 2 * UNITS["day"]:
        return "yesterday"
    return f"{distance(seconds)} ago"


def going_on(text: str, now: datetime) -> str:
    """Of what began at a time and goes on: `for 5 minutes`; of what has not begun yet, `begins in 3 hours`."""
    seconds = (now - from_text(text)).total_seconds()
    return f"begins in {distance(-seconds)}" if seconds <= -JUST_NOW_SECONDS else f"for {distance(max(0, seconds))}"


def instant(text: str) -> str:
    """The instant itself, to the second: `2026-11-24 03:25:00 UTC`."""
    return f"{text[:10]} {text[11:19]} UTC"


def time_ago(text: str | None) -> Markup:
    """A time as an element: relative words, the instant in its title. Nothing for no time."""
    return _element(text, ago(text, datetime.now(UTC))) if text else Markup("")


def time_since(text: str) -> Markup:
    """The time since which something goes on as an element: `for 5 minutes`, the instant in its title."""
    return _element(text, going_on(text, datetime.now(UTC)))


def _element(text: str, shown: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, instant(text), shown)


def seconds_between(begin: str, end: str) -> float:
    """Seconds from one time, as it is kept, to another."""
    return (from_text(end) - from_text(begin)).total_seconds()


def first_line(text: str | None, limit: int = 160) -> str:
    """The first line of a message that says anything, cut after a word; with the exception of a traceback after it."""
    lines = [line for line in (text or "").splitlines() if line.strip()]
    line = lines[0].strip() if lines else ""
    if exception := _exception_in(lines):
        line = exception if line == _TRACEBACK else f"{line.rstrip(':')} · {exception}"
    if len(line) <= limit:
        return line
    shown = line[: limit - 1]
    # where the last word is cut off, and is not all there is
    whole = shown if line[limit - 1].isspace() else shown.rpartition(" ")[0]
    return (whole if len(whole) > limit // 2 else shown).rstrip(" .,;:") + "…"


def _exception_in(lines: list[str]) -> str | None:
    """The line that a traceback ends with, of several the last; None where there is none, or it was cut before."""
    begins = max((number for number, line in enumerate(lines) if line.strip() == _TRACEBACK), default=None)
    if begins is None:
        return None
    indent = len(lines[begins]) - len(lines[begins].lstrip())
    return next((line.strip() for line in lines[begins + 1 :] if not line[indent : indent + 1].isspace()), None)


def shortened(text: str, limit: int) -> str:
    """A long name with its middle left out: its beginning and its end tell it apart."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return f"{text[:head]}…{text[-(limit - head - 1) :]}"


def store_name(url: str) -> str:
    """The last part of a store's address, `gpcp.zarr`: what it is called where nobody gave it a title."""
    return url.rstrip("/").rpartition("/")[2]


def bounded(text: str, limit: int, end: bool = False) -> str:
    """As much of a text as has at most `limit` bytes as HTML, and the `…`: its beginning, or its end."""
    shown = text
    while (size := len(str(escape(shown)).encode())) > limit:
        # as many characters less as there are bytes too many; of characters that take several bytes, several times
        keep = min(len(shown) - 1, max(1, len(shown) * limit // size))
        shown = shown[-keep:] if end else shown[:keep]
    if shown == text:
        return text
    return f"…{shown}" if end else f"{shown}…"


def coded(text: str | Markup) -> Markup:
    """Text in which what stands between backticks is code, all else escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
