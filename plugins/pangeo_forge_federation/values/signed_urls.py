"""The query strings of signed URLs: whoever has such a URL can read or write what it signs until it expires."""

import re

# In lower case: the parameter, and those of which one must be in the same query string for it to be a signature.
_PARAMETERS: dict[str, frozenset[str]] = {
    # AWS Signature Version 4, as S3 and its imitators have it
    "x-amz-signature": frozenset(),
    "x-amz-credential": frozenset(),
    "x-amz-security-token": frozenset(),
    # Google Cloud Storage, version 4
    "x-goog-signature": frozenset(),
    "x-goog-credential": frozenset(),
    # S3 and Google Cloud Storage, version 2; CloudFront
    "awsaccesskeyid": frozenset(),
    "googleaccessid": frozenset(),
    "signature": frozenset({"awsaccesskeyid", "googleaccessid", "key-pair-id", "expires"}),
    # a shared access signature of Azure
    "sig": frozenset({"se", "sp", "sv"}),
}
# A text that has none of these, in either case, has none of the parameters.
MARKS = ("x-amz-", "x-goog-", "awsaccesskeyid", "googleaccessid", "signature=", "signature%", "sig=", "sig%")
SIGNATURE = "[signature]"

# What cannot hold the end of a query string: a URL in prose, in quotes or in HTML ends at one of these.
_WORD = re.compile(r"[^\s\"'<>`]+")
# Between two parameters: as in a URL, in HTML, in JSON, and in a URL that is itself a parameter of another.
_SEPARATOR = re.compile(r"(&amp;|\\u0026|[?&#\\]|%(?:25)*(?:3F|26|23))", re.IGNORECASE)
_EQUALS_SIGN = re.compile(r"=|%(?:25)*3D", re.IGNORECASE)
_CHARACTERS_OF_NAMES = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def redact_signatures(text: str) -> str:
    """Replace the values of the parameters that sign a URL with `[signature]`, wherever in the text it is."""
    return _WORD.sub(lambda word: _redact_word(word[0]), text)


def signing_parameter(text: str) -> str | None:
    """Return the first parameter, as written, that makes the text a signed URL, or None."""
    for word in _WORD.finditer(text):
        for _, name, _ in _signing(_SEPARATOR.split(word[0])):
            return name
    return None


def _redact_word(word: str) -> str:
    pieces = _SEPARATOR.split(word)
    for index, _, value in _signing(pieces):
        pieces[index] = pieces[index][:value] + SIGNATURE
    return "".join(pieces)


def _signing(pieces: list[str]) -> list[tuple[int, str, int]]:
    """Return (index of the piece, name, position of its value) of each parameter that is part of a signature."""
    found = []
    for index, piece in enumerate(pieces):
        if sign := _EQUALS_SIGN.search(piece):
            before = piece[: sign.start()]
            found.append((index, before[len(before.rstrip(_CHARACTERS_OF_NAMES)) :], sign.end()))
    names = {name.lower() for _, name, _ in found}
    if names.isdisjoint(_PARAMETERS):
        return []
    return [
        (index, name, value)
        for index, name, value in found
        if (beside := _PARAMETERS.get(name.lower())) is not None
        and (not beside or not beside.isdisjoint(names))
        and value < len(pieces[index])
    ]
