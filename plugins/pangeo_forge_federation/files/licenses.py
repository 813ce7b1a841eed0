"""Find the licence on the SPDX list (https://spdx.org/licenses/) that a `meta.yaml` names exactly."""

import difflib
import re
from functools import lru_cache

from license_expression import get_spdx_licensing

# What STAC has for a licence that is not on the SPDX list, and for more than one.
WORDS_OF_STAC = frozenset({"proprietary", "various"})

_CREATIVE_COMMONS_URL = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(?P<terms>[a-z]+(?:-[a-z]+)*)/(?P<version>\d\.\d)(?:/(?P<country>[a-z]{2,3}))?|publicdomain/zero/1\.0)"
    r"(?:/(?:legalcode|deed)(?:\.[a-z-]+)?)?/?",
    re.IGNORECASE,
)
# The older ids of the GNU licences, which are still on the SPDX list; other aliases of the library are not.
_GNU_ALIAS = re.compile(r"A?L?GPL-\d\.\d\+?|GFDL-\d\.\d\+?")

# What people write, and the licence they probably mean. It is only suggested, since they may mean another version.
_CREATIVE_COMMONS_WORDS = re.compile(r"\bcc[ _-]?(by(?:[ _-](?:nc|nd|sa))*)\b(?:[ _-]?v?(\d\.\d))?", re.IGNORECASE)
_OFTEN_MEANT = (
    (re.compile(r"\bcc[ _-]?(?:0|zero)\b", re.IGNORECASE), "CC0-1.0"),
    (re.compile(r"\bapache\b", re.IGNORECASE), "Apache-2.0"),
    (re.compile(r"\bmit\b", re.IGNORECASE), "MIT"),
    (re.compile(r"\bcreative commons attribution\b(?!.*(?:share|non))", re.IGNORECASE), "CC-BY-4.0"),
)
_NEAR_ENOUGH = 0.75
_LONGEST_LIKENESS = 60  # characters; longer texts are sentences, not misspelt ids


@lru_cache(maxsize=1)
def _known_ids() -> dict[str, str]:
    """Return SPDX ids by their lower-case spelling. Building the index of the library takes 50 ms or more."""
    ids: dict[str, str] = {}
    for key, licence in get_spdx_licensing().known_symbols.items():
        if licence.is_exception or key.startswith("LicenseRef-"):
            continue
        ids[key.lower()] = key
        for alias in licence.aliases:
            if _GNU_ALIAS.fullmatch(alias):
                ids.setdefault(alias.lower(), key)
    return ids


def spdx_id(text: str) -> str | None:
    """Return the SPDX id that this text is, regardless of case, as SPDX spells it; None if it is not one (`CC BY`)."""
    return _known_ids().get(text.lower())


def spdx_id_of_url(address: str) -> str | None:
    """Return the SPDX id for the URL of a Creative Commons licence; None for any other URL."""
    match = _CREATIVE_COMMONS_URL.fullmatch(address)
    if not match:
        return None
    if not match["terms"]:
        return "CC0-1.0"
    parts = ("CC", match["terms"], match["version"], match["country"])
    return spdx_id("-".join(part for part in parts if part))


def nearest_spdx_id(text: str) -> str | None:
    """Return an SPDX id that the author may have meant. It is suggested, never stored."""
    if words := _CREATIVE_COMMONS_WORDS.search(text):
        terms = re.sub(r"[ _]", "-", words[1])
        if meant := spdx_id(f"CC-{terms}-{words[2] or '4.0'}"):
            return meant
    for pattern, meant in _OFTEN_MEANT:
        if pattern.search(text):
            return meant
    if len(text) > _LONGEST_LIKENESS:
        return None
    return _most_alike(re.sub(r"\s+", "-", text.lower().strip()))


@lru_cache(maxsize=1_000)
def _most_alike(likeness: str) -> str | None:
    """Return the SPDX id with the most similar spelling. Cached: it takes milliseconds, and many files say the same."""
    # Two strings are at most as similar as twice the shorter length divided by the sum of both.
    length = len(likeness)
    candidates = [
        known for known in _known_ids() if 2 * min(length, len(known)) >= _NEAR_ENOUGH * (length + len(known))
    ]
    near = difflib.get_close_matches(likeness, candidates, n=1, cutoff=_NEAR_ENOUGH)
    return _known_ids()[near[0]] if near else None
