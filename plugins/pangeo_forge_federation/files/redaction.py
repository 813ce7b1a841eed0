"""E-mail addresses are published nowhere: in any text one becomes `[e-mail]`.

The search starts from the at signs and looks to both sides, each character once, so that its cost grows with the
length of the text and not with its square: anybody can put a text of a megabyte into a repository.
"""

import re

E_MAIL = "[e-mail]"

_MAILTO = re.compile(r"mailto:[^\s<>\"'()\[\]]*[^\s<>\"'()\[\].,;:!?]", re.IGNORECASE)

# RFC 5322's characters of a local part but the slash, which in practice ends a URL's folder; letters of any script
# (RFC 6531), composed or with combining accents.
_LETTERS = r"\w\u0300-\u036f"
_LOCAL_PART = re.compile(rf"[{_LETTERS}.!#$%&'*+\-=?^`{{|}}~]*")
# As people, browsers and HTML write the sign, with something on both of its sides.
_AT_SIGN = re.compile(
    rf"(?<=[{_LETTERS}.!#$%&'*+\-=?^`{{|}}~\"])(?:@|＠|%40|&#0*64;|&#x0*40;|&commat;)(?=[{_LETTERS}\[\-])",  # noqa: RUF001
    re.IGNORECASE,
)
_NOT_FIRST_IN_LOCAL_PART = ".!#$%&'*=?^`{|}~"
# The last label has letters only, so that `tool@1.2.3` and `action@v2.1` stay what they are: versions. A digit may
# follow it (the number of a footnote) unless the whole looks like a version. Possessive, so that a name of a thousand
# labels is walked once.
_LABELS = rf"[{_LETTERS}\-]++(?:\.[{_LETTERS}\-]++)*\.(?:xn--[a-z0-9-]+|[^\W\d_]{{2,}}+)"
_DOMAIN = re.compile(rf"(?!v?\d){_LABELS}|{_LABELS}(?!\d)|\[[0-9a-f:.]+\]", re.IGNORECASE)
_LONGEST_QUOTED_LOCAL_PART = 66
_LONGEST_DOMAIN = 1_000  # DNS allows 253


def redact_addresses(text: str) -> str:
    """The text with each e-mail address, and each `mailto:` link, replaced by `[e-mail]`."""
    if "mailto:" in text.lower():
        text = _MAILTO.sub(E_MAIL, text)
    pieces: list[str] = []
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
            pieces += (text[published_to:start], E_MAIL)
            published_to = domain.end()
    return "".join(pieces) + text[published_to:] if pieces else text


def _local_part_start(text: str, lower_bound: int, sign: int) -> int:
    """Where the local part that ends before the at sign begins; `sign` itself where there is none."""
    before = text[lower_bound:sign]
    if before.endswith('"'):
        opening = before.rfind('"', max(0, len(before) - _LONGEST_QUOTED_LOCAL_PART), -1)
        return lower_bound + opening if opening >= 0 else sign
    found = _LOCAL_PART.match(before[::-1])
    length = found.end() if found else 0
    local_part = before[len(before) - length :]
    return sign - len(local_part.lstrip(_NOT_FIRST_IN_LOCAL_PART))
