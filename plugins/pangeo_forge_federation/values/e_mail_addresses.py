"""Replaces e-mail addresses, which are published nowhere, with `[e-mail]`.

The search starts at each at sign and reads every character to its left and right once, so that its time grows linearly
with the length of the text: anybody can put a megabyte of text into a repository.
"""

import re
from collections.abc import Iterator

E_MAIL = "[e-mail]"

_MAILTO = re.compile(r"mailto:[^\s<>\"'()\[\]]*[^\s<>\"'()\[\].,;:!?]", re.IGNORECASE)

# The characters of a local part in RFC 5322, except for the slash, which in practice is part of a URL's path; and
# letters of any script (RFC 6531), precomposed or with combining accents.
_LETTERS = r"\w\u0300-\u036f"
_LOCAL_PART = re.compile(rf"[{_LETTERS}.!#$%&'*+\-=?^`{{|}}~]*")
# The sign as people, browsers and HTML write it, with a possible address on both sides.
_AT_SIGN = re.compile(
    rf"(?<=[{_LETTERS}.!#$%&'*+\-=?^`{{|}}~\"])(?:@|＠|%40|&#0*64;|&#x0*40;|&commat;)(?=[{_LETTERS}\[\-])",  # noqa: RUF001
    re.IGNORECASE,
)
_NOT_FIRST_IN_LOCAL_PART = ".!#$%&'*=?^`{|}~"
# The last label consists of letters, so that the versions in `tool@1.2.3` and `action@v2.1` are not taken for domains.
# A digit may follow it (a footnote's number) unless the whole looks like a version. The quantifiers are possessive, so
# that a name of a thousand labels is read once.
_LABELS = rf"[{_LETTERS}\-]++(?:\.[{_LETTERS}\-]++)*\.(?:xn--[a-z0-9-]+|[^\W\d_]{{2,}}+)"
_DOMAIN = re.compile(rf"(?!v?\d){_LABELS}|{_LABELS}(?!\d)|\[[0-9a-f:.]+\]", re.IGNORECASE)
_LONGEST_QUOTED_LOCAL_PART = 66
_LONGEST_DOMAIN = 1_000  # DNS allows 253


def redact_e_mail_addresses(text: str) -> str:
    """Replace each e-mail address and each `mailto:` link with `[e-mail]`."""
    if "mailto:" in text.lower():
        text = _MAILTO.sub(E_MAIL, text)
    pieces: list[str] = []
    published_to = 0
    for start, end in _addresses(text):
        pieces += (text[published_to:start], E_MAIL)
        published_to = end
    return "".join(pieces) + text[published_to:] if pieces else text


def has_e_mail_address(text: str) -> bool:
    """Return whether `redact_e_mail_addresses` would change the text. Stops at the first address."""
    return _MAILTO.search(text) is not None or next(_addresses(text), None) is not None


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each e-mail address, in order."""
    published_to = 0
    after_last_sign = 0
    for sign in _AT_SIGN.finditer(text):
        lower_bound = max(published_to, after_last_sign)
        after_last_sign = sign.end()
        if sign.start() < published_to:
            continue
        domain = _DOMAIN.match(text, sign.end(), sign.end() + _LONGEST_DOMAIN)
        start = _local_part_start(text, lower_bound, sign.start())
        if domain and start < sign.start():
            published_to = domain.end()
            yield start, published_to


def _local_part_start(text: str, lower_bound: int, sign: int) -> int:
    """Return the position of the local part in front of the at sign, or `sign` if there is none."""
    before = text[lower_bound:sign]
    if before.endswith('"'):
        opening = before.rfind('"', max(0, len(before) - _LONGEST_QUOTED_LOCAL_PART), -1)
        return lower_bound + opening if opening >= 0 else sign
    found = _LOCAL_PART.match(before[::-1])
    length = found.end() if found else 0
    local_part = before[len(before) - length :]
    return sign - len(local_part.lstrip(_NOT_FIRST_IN_LOCAL_PART))
