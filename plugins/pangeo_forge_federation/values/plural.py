"""Counts with their nouns."""


def plural(count: int, singular: str, many: str | None = None) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{count:,} {singular if count == 1 else many or singular + 's'}"
