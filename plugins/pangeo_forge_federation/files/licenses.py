"""Which licence of the SPDX list (https://spdx.org/licenses/) a `meta.yaml` means, if it says so exactly."""

import difflib
import re
from functools import lru_cache

from license_expression import get_spdx_licensing

# STAC's words for a licence that is not on the SPDX list, and for several.
WORDS_OF_STAC = frozenset({"proprietary", "various"})

_CREATIVE_COMMONS_URL = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/"
    r"(?:licenses/(?P<terms>[a-z]+(?:-[a-z]+)*)/(?P<version>\d\.\d)(?:/(?P<country>[a-z]{2,3}))?|publicdomain/zero/1\.0)"
    r"(?:/(?:legalcode|deed)(?:\.[a-z-]+)?)?/?",
    re.IGNORECASE,
)
# The older ids of the GNU licences, which SPDX still knows; other aliases of the library are not SPDX's.
_GNU_ALIAS = re.compile(r"A?L?GPL-\d\.\d\+?|GFDL-\d\.\d\+?")

# What people write for a licence, and mean; only ever suggested, since they may mean another version.
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
    """The SPDX ids of licences by their lower-case spelling. Building the library's index takes 50 ms or more."""
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
    """The one SPDX id that this text is, in any letter case, as SPDX spells it; else None (`CC BY` is none)."""
    return _known_ids().get(text.lower())


def spdx_id_of_url(address: str) -> str | None:
    """The SPDX id of a Creative Commons licence's address; None for all other addresses."""
    match = _CREATIVE_COMMONS_URL.fullmatch(address)
    if not match:
        return None
    if not match["terms"]:
        return "CC0-1.0"
    parts = ("CC", match["terms"], match["version"], match["country"])
    return spdx_id("-".join(part for part in parts if part))


def nearest_spdx_id(text: str) -> str | None:
    """An SPDX id that the author may have meant, to be suggested and never to be stored."""
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
    """The SPDX id spelled most alike. This takes milliseconds, and many feedstocks write the same."""
    # The ratio of two strings is at most that of twice the shorter length to both: others need no closer look.
    length = len(likeness)
    candidates = [
        known for known in _known_ids() if 2 * min(length, len(known)) >= _NEAR_ENOUGH * (length + len(known))
    ]
    near = difflib.get_close_matches(likeness, candidates, n=1, cutoff=_NEAR_ENOUGH)
    return _known_ids()[near[0]] if near else None
