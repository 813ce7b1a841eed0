"""Strings from a request, made fit to be repeated in a response."""


def printable(text: str) -> str:
    """A part of a request as it may be repeated in an answer: short, and with nothing that does not print."""
    short = text if len(text) <= 100 else text[:100] + "…"
    return "".join(character if character.isprintable() else "�" for character in short)
