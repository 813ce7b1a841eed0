"""Validate GitHub user names and ORCID iDs."""

import re

# On GitHub: letters, digits, and single hyphens between them, at most 39.
_GITHUB_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,38}", re.IGNORECASE | re.ASCII)
_LONGEST_GITHUB_NAME = 39
_GITHUB_PREFIX = re.compile(r"(?:https?://)?(?:www\.)?github\.com/|@", re.IGNORECASE)
_ORCID_PREFIX = re.compile(r"(?:https?://)?(?:www\.)?orcid\.org/|orcid:\s*", re.IGNORECASE)
_ORCID = re.compile(r"(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dX])", re.ASCII)


def github_name(text: str) -> str | None:
    """Return a GitHub user name, also from `@name` or the URL of its page; None if it is invalid."""
    text = text.strip()
    if prefix := _GITHUB_PREFIX.match(text):
        text = text[prefix.end() :].removesuffix("/")
    return text if len(text) <= _LONGEST_GITHUB_NAME and _GITHUB_NAME.fullmatch(text) else None


def orcid(text: str) -> str | None:
    """Return an ORCID iD as `0000-0002-1825-0097`, also from its URL; None if its check digit is wrong.

    The last of its 16 characters is a check digit according to ISO 7064 MOD 11-2, in which X is ten:
    https://support.orcid.org/hc/articles/360006897674 has the algorithm.
    """
    text = text.strip()
    if prefix := _ORCID_PREFIX.match(text):
        text = text[prefix.end() :].removesuffix("/")
    match = _ORCID.fullmatch(text.upper())
    if not match:
        return None
    characters = "".join(match.groups())
    total = 0
    for digit in characters[:-1]:
        total = (total + int(digit)) * 2
    remainder = (12 - total % 11) % 11
    expected = "X" if remainder == 10 else str(remainder)
    return "-".join(match.groups()) if characters[-1] == expected else None
