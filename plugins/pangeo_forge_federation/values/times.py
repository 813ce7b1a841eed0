"""Times in the form that the registry stores: RFC 3339 strings in UTC with exactly six fraction digits.

As all times have this form, their order as strings is their order in time, both in SQL and in Python.
"""

import re
from datetime import UTC, date, datetime, timedelta

EARLIEST_YEAR = 1970
LATEST_YEAR = 2199

# RFC 3339 section 5.6, `date-time`: T and Z in either case, any number of fraction digits, and an offset.
_DATE_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)

# `views.py` has the same format in SQL.
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_KEPT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def now() -> str:
    """Return the current time in the form that the registry stores."""
    return to_text(datetime.now(UTC))


def to_text(instant: datetime) -> str:
    """Return an aware datetime in the form that the registry stores, e.g. `2026-11-24T03:25:00.000000Z`."""
    return instant.astimezone(UTC).strftime(_FORMAT)


def from_text(text: str) -> datetime:
    """Return the aware datetime of a stored time. Raises ValueError for any other string."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)


def is_kept(text: str) -> bool:
    """Return whether a string is a time in the form that the registry stores."""
    return _KEPT.fullmatch(text) is not None


def ago(span: timedelta) -> str:
    """Return the time that is `span` before now, in the form that the registry stores."""
    return to_text(datetime.now(UTC) - span)


def parse(text: str) -> str:
    """Convert any RFC 3339 date-time to the form that the registry stores.

    Fraction digits after the sixth are cut off, as rounding could change the day.

    Raises:
        ValueError: It is not a valid time. The message continues a sentence that begins with the field's name.
    """
    match = _DATE_TIME.fullmatch(text)
    if not match:
        raise ValueError("is not an RFC 3339 date and time with an offset, such as 2026-11-24T03:25:00Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if int(second) == 60:
        raise ValueError("has a leap second, which cannot be stored; use the second before it")
    try:
        instant = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        instant -= _offset(offset)
    except (ValueError, OverflowError):
        raise ValueError("is not a date and time that exists") from None
    check_year(instant.year)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{(fraction or '')[:6]:0<6}Z"


def is_ahead(text: str) -> bool:
    """Return whether a stored time is more than a day in the future, which a wrong clock does not explain."""
    return from_text(text) > datetime.now(UTC) + timedelta(days=1)


def parse_day(text: str) -> str:
    """Return a day in the form that the registry stores, `2026-11-24`. Raises ValueError, as in `parse`."""
    if not _DAY.fullmatch(text):
        raise ValueError("is not a day such as 2026-11-24")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day that exists") from None
    check_year(day.year)
    return text


def check_year(year: int) -> None:
    """Check that a year is one that the registry stores. Raises ValueError, as in `parse`."""
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
