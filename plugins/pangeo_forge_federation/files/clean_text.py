"""Text that is fit to be stored and shown: bounded, and without characters that cannot be seen or turn the reading."""

import re

# C0 but tab and line feed, DEL, C1, halves of surrogate pairs (no UTF-8 can hold them), and the characters that
# override the reading direction: with those a name can be made to look like another.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

# An id is compared and put into addresses, so it may hold nothing at all that cannot be seen.
_UNSEEN_IN_IDS = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]"
)


CONTROLS_TAKEN_OUT = (
    "Control characters, or characters that change the reading direction, were removed from this string."
)


def with_line_feeds(text: str) -> str:
    """The text with every line end written as one line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def without_controls(text: str) -> str:
    """The text without control characters and direction overrides; tabs and line feeds stay."""
    return _CONTROLS.sub("", text)


def has_unseen(text: str) -> bool:
    """Whether the text holds a character that cannot be seen: no id may."""
    return not text.isprintable() and _UNSEEN_IN_IDS.search(text) is not None


def utf8_length(text: str) -> int:
    """The length of the text in bytes of UTF-8 (a lone surrogate, which UTF-8 does not allow, counts as three)."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def cut_to_bytes(text: str, limit: int) -> str:
    """The longest beginning of the text that fits into `limit` bytes of UTF-8, cut between two characters."""
    if utf8_length(text) <= limit:
        return text
    return text[:limit].encode("utf-8", "surrogatepass")[:limit].decode("utf-8", "ignore")
