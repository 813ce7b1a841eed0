"""Read numbers from query strings, command lines and CSV files.

Messages of ValueError continue a sentence that begins with the field's name.
"""

import math
import re

# the limits of integers in SQLite
LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
# stricter than Python's float, which also reads nan, infinity, 1_000 and the digits of other scripts
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def read_integer(text: str) -> int:
    """Return a whole number of at most 64 bits. Raises ValueError."""
    if not _INTEGER.fullmatch(text) or not SMALLEST_INTEGER <= int(text) <= LARGEST_INTEGER:
        raise ValueError(f"is {text[:100]!r}, and must be a whole number of at most 64 bits")
    return int(text)


def read_id(text: str) -> int | None:
    """Return the id that a string contains, from 1, or None unless it is in the form used in `Location`.

    SQLite would accept other forms of the same number as well.
    """
    # the length first, as Python refuses to convert thousands of digits
    if len(text) > 19 or not text.isascii() or not text.isdigit() or text[0] == "0" or int(text) > LARGEST_INTEGER:
        return None
    return int(text)


def read_number(text: str) -> float:
    """Return a finite number. Raises ValueError, also for numbers that are too large for a float."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"is {text[:100]!r}, and must be a number")
    return value
