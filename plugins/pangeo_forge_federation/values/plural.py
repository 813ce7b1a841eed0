"""Counts with their nouns, and lists in a sentence."""

from collections.abc import Sequence


def plural(count: int, singular: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 run`, `2,000 runs`."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"


def joined(words: Sequence[str], conjunction: str = "and") -> str:
    """Return words as a list in a sentence: `producer, licensor and host`."""
    return f" {conjunction} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
