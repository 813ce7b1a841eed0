"""Numbers as people and programs write them: in a query string, on a command line, in a CSV.

Both messages go on from the name of what holds the text.
"""

import math
import re

# what SQLite holds in an integer
LARGEST_INTEGER = 2**63 - 1
SMALLEST_INTEGER = -(2**63)

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
# what Python's float reads beyond this (nan, infinity, 1_000, digits of other scripts) is no number elsewhere
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def read_integer(text: str) -> int:
    """A whole number of at most 64 bits. Raises ValueError."""
    if not _INTEGER.fullmatch(text) or not SMALLEST_INTEGER <= int(text) <= LARGEST_INTEGER:
        raise ValueError(f"is {text[:100]!r}, and must be a whole number of at most 64 bits")
    return int(text)


def read_id(text: str) -> int | None:
    """An id as `Location` writes it, from 1; None for all else, which SQLite might take for that number too."""
    # the length first: Python refuses to read thousands of digits
    if len(text) > 19 or not text.isascii() or not text.isdigit() or text[0] == "0" or int(text) > LARGEST_INTEGER:
        return None
    return int(text)


def read_number(text: str) -> float:
    """A number that has an end: not infinite, and not beyond what a float holds. Raises ValueError."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"is {text[:100]!r}, and must be a number")
    return value
