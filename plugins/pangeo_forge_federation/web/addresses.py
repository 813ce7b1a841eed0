"""The address of a request, from which absolute links are built."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.web.query_strings import read_parameters

_PARAMETER = re.compile(r"\\\{(\w+)\\\}")
_HOST = re.compile(r"[A-Za-z0-9._~-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True)
class Address:
    """The address of a request."""

    # scheme, host and path prefix, without a trailing slash
    base: str
    # as it was sent, still percent-encoded
    path: str
    query_string: str

    def link(self, **parameters: str) -> str:
        """Return this address with some parameters replaced."""
        kept = [pair for pair in read_parameters(self.query_string) if pair[0] not in parameters]
        return f"{self.base}{self.path}?{urlencode([*kept, *parameters.items()])}"


def address_of(base: str, path: str, query_string: str) -> Address:
    """Return the address of a request. Trailing and repeated slashes in its path are removed."""
    return Address(base, re.sub("/+", "/", path).rstrip("/") or "/", query_string)


def base_of(scheme: str, host: str) -> str:
    """Return the start of absolute links. Raises ProblemDetails (400) if the Host header is invalid."""
    if not _HOST.fullmatch(host):
        raise ProblemDetails("bad-request", "The Host header is not a valid host name.")
    return f"{scheme}://{host}"


def path_regex(path: str) -> str:
    """Return the regular expression of a path. It accepts trailing and repeated slashes."""
    return "^" + with_groups(path.replace("/", "//"), "[^/]+").replace("//", "/+") + r"/*\Z"


def with_groups(path: str, value: str) -> str:
    """Return a path as a regular expression in which each parameter is a named group that matches `value`."""
    return _PARAMETER.sub(rf"(?P<\1>{value})", re.escape(path))
