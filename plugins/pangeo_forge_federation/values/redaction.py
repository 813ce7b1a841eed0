"""Replaces secrets in a text with a word for their kind, for everything that is published, logged or printed.

`KINDS` is the one table of secrets: another kind is one more entry.

Anybody can send a megabyte of text, so each search takes time that grows linearly with the length of the text. For a
pattern that means: an attempt that fails has read a bounded number of characters (`{36,}` fails within 36), or no other
attempt can begin within what it has read. `tests/test_redaction.py` measures the growth for every entry.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pangeo_forge_federation.values.e_mail_addresses import redact_e_mail_addresses
from pangeo_forge_federation.values.signed_urls import MARKS, redact_signatures


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of secret.

    Attributes:
        name: What it is, as the object of "holds".
        replace: Returns a text with each secret of this kind replaced.
        marks: Strings in lower case. A text without any of them, in either case, holds no such secret.
        remedy: What to do once it was published, in the imperative.
    """

    name: str
    replace: Callable[[str], str]
    marks: tuple[str, ...]
    remedy: str

    def is_possible_in(self, text: str) -> bool:
        """Return whether the text has one of the marks, which is far quicker than to search it."""
        lower = text.lower()
        return any(mark in lower for mark in self.marks)


# Where a token can begin: after anything but a letter or digit, after a percent-encoded character, or after an escaped
# line end or tab.
_START = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"


def _pattern(pattern: str, replacement: str, flags: re.RegexFlag = re.NOFLAG) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII | flags)
    return lambda text: compiled.sub(replacement, text)


def _token(name: str, pattern: str, marks: tuple[str, ...], remedy: str) -> Kind:
    return Kind(name, _pattern(_START + pattern, "[token]"), marks, remedy)


# A user and a password in front of the host, in a URL as it is or percent-encoded within another. The name and the
# password may hold anything but what ends the authority. An AWS secret key may hold slashes.
_PASSWORD = (
    r"(://)(?:(?:AKIA|ASIA)[A-Z0-9]{16}:[\w/+=%-]{40,}+|[^\s/?#\"<>@:]*:[^\s/?#\"<>]*)(@)"
    r"|(%(?:25)*3A%(?:25)*2F%(?:25)*2F)"
    r"(?:(?!%(?:25)*(?:2F|3F|23|26|3A|40))[^\s/?#&\"<>@:])*+(?::|%(?:25)*3A)"
    r"(?:(?!%(?:25)*(?:2F|3F|23|26|40))[^\s/?#&\"<>@])*+(@|%(?:25)*40)"
)
# Up to its last line, or, if it was cut off, as far as lines of base64 go.
_PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[^-]++|-(?!----))*+-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"|(?:(?:\s|\\[nr])*+(?:[A-Za-z0-9+/=]{16,}+|(?:Proc-Type|DEK-Info|Version|Comment): [^\r\n\\]*+))++)"
)

E_MAIL_ADDRESS = Kind(
    "an e-mail address",
    redact_e_mail_addresses,
    ("@", "\uff20", "%40", "&", "mailto:"),
    "leave it out",
)

SIGNED_URL = Kind("the signature of a signed URL", redact_signatures, MARKS, "revoke the key that signed it")

# In the order in which they are replaced: a URL's password may be a token, and a domain follows it.
KINDS: tuple[Kind, ...] = (
    Kind("a private key", _pattern(_PRIVATE_KEY, "[private key]"), ("private key",), "replace the key pair"),
    Kind(
        "a password in a URL",
        _pattern(_PASSWORD, r"\1\3[password]\2\4", re.IGNORECASE),
        # nearly every file has a URL; few have one of these, of which the second is the end of `%40` or `%2540`
        ("@", "40"),
        "change the password",
    ),
    SIGNED_URL,
    Kind(
        # its id stays, since revoking it takes the id; it may be of any length, as it may have been cut off
        "a token of this registry",
        _pattern(r"pfk(?:_|%5F)([0-9]{1,18})(?:_|%5F)[A-Za-z0-9_%-]+", r"pfk_\1_[secret]", re.IGNORECASE),
        ("pfk",),
        "have it revoked by whoever runs the registry",
    ),
    _token(
        # an installation's token is also a JSON Web Token with a prefix since 2026; datasets of the Global Human
        # Settlement Layer are named `ghs_built_...`
        "a token of GitHub",
        r"(?:gh[pousr]_[A-Za-z0-9]{36,}|ghs_[0-9]+_eyJ[\w-]++(?:\.[\w-]++){0,2}|github_pat_[A-Za-z0-9_]{82,})",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        "revoke it at https://github.com/settings/tokens",
    ),
    _token(
        "an access key id of AWS",
        r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
        ("akia", "asia"),
        "deactivate the access key in IAM",
    ),
    _token(
        "a token of Google",
        r"(?:AIza[\w-]{35}(?![\w-])|ya29\.(?:[a-z]\.){0,2}[\w-]{20,}(?:\.[\w-]+)*)",
        ("aiza", "ya29."),
        "revoke it in the Google Cloud console",
    ),
    _token(
        "a token of Slack",
        r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[0-9][A-Za-z0-9-]{8,}",
        ("xox", "xapp-"),
        "revoke it at https://api.slack.com/apps",
    ),
    _token(
        # macaroons, whose first bytes are the same in each
        "a token of PyPI",
        r"pypi-AgE[\w-]{50,}",
        ("pypi-age",),
        "revoke it at https://pypi.org/manage/account/",
    ),
    _token(
        "a token of Hugging Face",
        r"(?:hf|api_org)_[A-Za-z0-9]{34,}",
        ("hf_", "api_org_"),
        "revoke it at https://huggingface.co/settings/tokens",
    ),
    _token(
        # signed (three parts) or encrypted (five, of which the second may be empty); nothing of the alphabet may stand
        # before it, so that a long run of it is read once
        "a JSON Web Token",
        r"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))eyJ[\w-]{10,}+\.[\w-]*+\.[\w-]{10,}+(?:\.[\w-]+){0,2}",
        ("eyj",),
        "end the session or revoke the key that signed it",
    ),
    E_MAIL_ADDRESS,
)


def redact(text: str, *, e_mail_addresses: bool = True) -> str:
    """Replace each secret in the text with the word for its kind, such as `[token]`.

    E-mail addresses are replaced as well unless `e_mail_addresses` is false. Redacting a redacted text changes nothing.
    """
    for kind in _possible_kinds(text, e_mail_addresses):
        text = kind.replace(text)
    return text


def secrets_in(text: str, *, e_mail_addresses: bool = True) -> list[Kind]:
    """Return the kinds of secrets in the text, in the order of the table.

    E-mail addresses are among them unless `e_mail_addresses` is false.
    """
    found = []
    for kind in _possible_kinds(text, e_mail_addresses):
        redacted = kind.replace(text)
        if redacted != text:
            found.append(kind)
            text = redacted
    return found


# of an e-mail address, `a@b.cc`; every other secret is longer
_SHORTEST = 6
# flat, as this runs over every text of every file
_MARKS = [(mark, kind) for kind in KINDS for mark in kind.marks]


def _possible_kinds(text: str, e_mail_addresses: bool) -> list[Kind]:
    if len(text) < _SHORTEST:
        return []
    lower = text.lower()
    possible = dict.fromkeys([kind for mark, kind in _MARKS if mark in lower])
    if not e_mail_addresses:
        possible.pop(E_MAIL_ADDRESS, None)
    return list(possible)
