"""What texts of certain kinds must be: for the server's models, and for the client, which has none.

Each function raises ValueError, in words that go on from the name of what holds the text.
"""

import re
from urllib.parse import urlsplit

from pangeo_forge_federation.values.bakery_ids import is_bakery_id

# Everything below a blank but tab, line feed and carriage return, delete, and the second control block; written so that
# JSON Schema reads it as Python does.
CONTROL_CHARACTERS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")
# ECMA-48: control sequences (colours, cursor), operating system commands (titles, links), and other escapes.
_TERMINAL_CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"
)

URL_SCHEMES = ("http", "https", "s3", "gs", "abfs", "abfss", "az")
# As the document of the API tells them: a regular expression that JSON Schema and Python read alike.
URL_PATTERN = (
    # abfs://container@account.dfs.core.windows.net/ names a container before the @, and no user
    r"^((https?|s3|gs|az)://|abfss?://([^\s/?#@:\u0000-\u001f\u007f-\u009f]+@)?)"
    # a port alone is no host
    r"[^\s/?#@:\u0000-\u001f\u007f-\u009f][^\s/?#@\u0000-\u001f\u007f-\u009f]*"
    r"([/?#]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?)?$"
)
_URL = re.compile(URL_PATTERN)


def check_bytes(text: str, limit: int) -> None:
    """At most `limit` bytes in UTF-8."""
    size = len(text.encode("utf-8"))
    if size > limit:
        raise ValueError(f"has {size:,} bytes in UTF-8, and at most {limit:,} are kept: shorten it")


def check_no_control_characters(text: str) -> None:
    """None but tab, line feed and carriage return."""
    match = CONTROL.search(text)
    if match:
        raise ValueError(f"holds the control character U+{ord(match[0]):04X} at position {match.start()}: leave it out")


def check_not_blank(text: str) -> None:
    """More than blanks."""
    if not text.strip():
        raise ValueError("is empty")


def check_url(text: str) -> None:
    """An address with a host or bucket and without credentials, of one of `URL_SCHEMES` (RFC 3986, but for blanks and
    braces in a key)."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in URL_SCHEMES:
        raise ValueError(f"does not begin with one of {', '.join(f'{each}://' for each in URL_SCHEMES)}")
    if "@" in re.split("[/?#]", rest)[0] and not _URL.fullmatch(text):
        raise ValueError("holds user information before an @: leave it out, a registry is no place for credentials")
    if not _URL.fullmatch(text) or not _has_host(text):
        raise ValueError("is not a URL: a host or bucket must follow the scheme, with no blanks around it")


def check_bakery_id(text: str) -> None:
    """What `is_bakery_id` takes."""
    if not is_bakery_id(text):
        raise ValueError("is not a bakery id: letters, digits, dots, hyphens and underscores, beginning with no dot")


def _has_host(url: str) -> bool:
    # beyond the pattern: brackets that do not close
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def without_terminal_codes(text: str) -> str:
    """The text without colours, movements of the cursor and other orders to a terminal."""
    return _TERMINAL_CODES.sub("", text)
