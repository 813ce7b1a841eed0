"""Make strings from a request safe to repeat in a response."""


def printable(text: str) -> str:
    """Return at most 100 characters of a string, with `�` in place of those that cannot be printed."""
    short = text if len(text) <= 100 else text[:100] + "…"
    return "".join(character if character.isprintable() else "�" for character in short)
