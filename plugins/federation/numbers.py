"""Numbers as people and programs write them: in a query string, on a command line, in a CSV.

Both messages go on from the name of what holds the text.
"""

import math
import re

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
# what Python's float reads beyond this (nan, infinity, 1_000, digits of other scripts) is no number elsewhere
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


def read_integer(text: str) -> int:
    """A whole number of at most 64 bits. Raises ValueError."""
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"is {text[:100]!r}, and must be a whole number of at most 64 bits")
    return int(text)


def read_number(text: str) -> float:
    """A number that has an end: not infinite, and not beyond what a float holds. Raises ValueError."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"is {text[:100]!r}, and must be a number")
    return value
