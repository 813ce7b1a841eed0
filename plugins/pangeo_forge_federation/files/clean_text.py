"""Clean text for storage and display: limit its length, and remove control characters and direction overrides."""

import re

# C0 except tab and line feed, DEL, C1, lone surrogates (which UTF-8 cannot encode), and the characters that override
# the text direction, which can make a name look like another.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")

# Ids are compared and become parts of URLs, so they must not contain any invisible character.
_UNSEEN_IN_IDS = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]"
)


CONTROLS_TAKEN_OUT = (
    "Control characters, or characters that change the reading direction, were removed from this string."
)


def with_line_feeds(text: str) -> str:
    """Return the text with each line end as one line feed."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def without_controls(text: str) -> str:
    """Return the text without control characters and direction overrides; tabs and line feeds stay."""
    return _CONTROLS.sub("", text)


def has_unseen(text: str) -> bool:
    """Return whether the text contains an invisible character, which no id may."""
    return not text.isprintable() and _UNSEEN_IN_IDS.search(text) is not None


def utf8_length(text: str) -> int:
    """Return the length of the text in bytes of UTF-8 (three for a lone surrogate, which UTF-8 does not allow)."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def cut_to_bytes(text: str, limit: int) -> str:
    """Return the longest beginning of the text that has at most `limit` bytes of UTF-8, cut between two characters."""
    if utf8_length(text) <= limit:
        return text
    return text[:limit].encode("utf-8", "surrogatepass")[:limit].decode("utf-8", "ignore")
