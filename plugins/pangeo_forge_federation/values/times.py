"""Times as the registry keeps them: RFC 3339 text in UTC with exactly six fraction digits.

One form only, so that the order of texts is the order of times, in SQL as in Python.
"""

import re
from datetime import UTC, date, datetime, timedelta

EARLIEST_YEAR = 1970
LATEST_YEAR = 2199

# RFC 3339 section 5.6 `date-time`: any letter case, any number of fraction digits, an offset that must be there.
_DATE_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)

# `to_text` writes with these digits, and SQL (`views.py`) the same.
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_KEPT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def now() -> str:
    """This instant, as the registry keeps it."""
    return to_text(datetime.now(UTC))


def to_text(instant: datetime) -> str:
    """An aware datetime as the registry keeps it, e.g. `2026-11-24T03:25:00.000000Z`."""
    return instant.astimezone(UTC).strftime(_FORMAT)


def from_text(text: str) -> datetime:
    """The aware datetime of a time that the registry keeps. Raises ValueError for any other text."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)


def is_kept(text: str) -> bool:
    """Whether a text is a time as the registry keeps it."""
    return _KEPT.fullmatch(text) is not None


def ago(span: timedelta) -> str:
    """The instant so long before now, as the registry keeps it."""
    return to_text(datetime.now(UTC) - span)


def parse(text: str) -> str:
    """Any RFC 3339 date-time as the registry keeps it. Further digits are cut: rounding could move the day.

    Raises ValueError with a sentence for the person who sent it.
    """
    match = _DATE_TIME.fullmatch(text)
    if not match:
        raise ValueError("is not an RFC 3339 date and time with an offset, such as 2026-11-24T03:25:00Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if int(second) == 60:
        raise ValueError("has a leap second, which cannot be kept: write the second before it")
    try:
        instant = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        instant -= _offset(offset)
    except (ValueError, OverflowError):
        raise ValueError("is not a date and time that exists") from None
    check_year(instant.year)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{(fraction or '')[:6]:0<6}Z"


def is_ahead(text: str) -> bool:
    """Whether a time that the registry keeps is further ahead than a clock may go wrong: a day."""
    return from_text(text) > datetime.now(UTC) + timedelta(days=1)


def parse_day(text: str) -> str:
    """A day as the registry keeps it, `2026-11-24`. Raises ValueError with a sentence for the person who sent it."""
    if not _DAY.fullmatch(text):
        raise ValueError("is not a day such as 2026-11-24")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day that exists") from None
    check_year(day.year)
    return text


def check_year(year: int) -> None:
    """Raises ValueError with a sentence for a year that is not kept."""
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ValueError(f"is outside the years {EARLIEST_YEAR} to {LATEST_YEAR}")


def _offset(text: str) -> timedelta:
    if text in "Zz":
        return timedelta()
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    distance = timedelta(hours=hours, minutes=minutes)
    return distance if text[0] == "+" else -distance
