"""Rules for strings that the server's models and the client's checks share.

Each function raises ValueError, with a message that continues a sentence beginning with the field's name.
"""

import re
from urllib.parse import urlsplit

from pangeo_forge_federation.values.bakery_ids import is_bakery_id
from pangeo_forge_federation.values.redaction import SIGNED_URL, secrets_in
from pangeo_forge_federation.values.signed_urls import signing_parameter

# All control characters except tab, line feed and carriage return, in a notation that JSON Schema and Python share.
CONTROL_CHARACTERS = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"
CONTROL = re.compile(f"[{CONTROL_CHARACTERS}]")
# ECMA-48: control sequences (colours, cursor), operating system commands (titles, links), and other escapes.
_TERMINAL_CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]"
)

URL_SCHEMES = ("http", "https", "s3", "gs", "abfs", "abfss", "az")
# For the OpenAPI document: a regular expression that JSON Schema and Python share.
URL_PATTERN = (
    # abfs://container@account.dfs.core.windows.net/ names a container before the @, and no user
    r"^((https?|s3|gs|az)://|abfss?://([^\s/?#@:\u0000-\u001f\u007f-\u009f]+@)?)"
    # a port alone is not a host
    r"[^\s/?#@:\u0000-\u001f\u007f-\u009f][^\s/?#@\u0000-\u001f\u007f-\u009f]*"
    r"([/?#]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?)?$"
)
_URL = re.compile(URL_PATTERN)


def check_bytes(text: str, limit: int) -> None:
    """Check that the text has at most `limit` bytes in UTF-8."""
    size = len(text.encode("utf-8"))
    if size > limit:
        raise ValueError(f"has {size:,} bytes in UTF-8, and must have at most {limit:,}")


def check_no_control_characters(text: str) -> None:
    """Check that the text has no control characters except tab, line feed and carriage return."""
    match = CONTROL.search(text)
    if match:
        raise ValueError(f"contains the control character U+{ord(match[0]):04X} at position {match.start()}; remove it")


def check_not_blank(text: str) -> None:
    """Check that the text is more than whitespace."""
    if not text.strip():
        raise ValueError("is empty")


def check_url(text: str) -> None:
    """Check that the text is a URL of one of `URL_SCHEMES`, with a host or bucket and without credentials.

    It follows RFC 3986, except that a key may contain spaces and braces.
    """
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in URL_SCHEMES:
        raise ValueError(f"does not begin with one of {', '.join(f'{each}://' for each in URL_SCHEMES)}")
    check_no_credentials(text)
    if not _URL.fullmatch(text) or not _has_host(text):
        raise ValueError("is not a valid URL: after the scheme it needs a host or bucket, without whitespace around it")


def check_no_credentials(url: str) -> None:
    """Check that a URL has no user information, signature, token or key in it. The message never repeats one."""
    _, _, rest = url.partition("://")
    if "@" in re.split("[/?#]", rest)[0] and not _URL.fullmatch(url):
        raise ValueError("contains user information before an @; remove it, as the registry is public")
    for kind in secrets_in(url, e_mail_addresses=False):
        if kind is SIGNED_URL:
            parameter = signing_parameter(url)
            raise ValueError(f"contains the parameter {parameter} of a signed URL; remove the query string")
        raise ValueError(f"contains {kind.name}; remove it, and {kind.remedy}")


def check_bakery_id(text: str) -> None:
    """Check that the text is a bakery id."""
    if not is_bakery_id(text):
        raise ValueError(
            "is not a bakery id: only letters, digits, dots, hyphens and underscores, not beginning with a dot"
        )


def _has_host(url: str) -> bool:
    # beyond the pattern: brackets that do not close
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def without_terminal_codes(text: str) -> str:
    """Remove colours, cursor movements and other control sequences of terminals."""
    return _TERMINAL_CODES.sub("", text)
