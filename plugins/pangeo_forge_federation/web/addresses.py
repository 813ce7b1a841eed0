"""Where a request went: its path, and what absolute links are built from."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.web.query_strings import read_parameters

_PARAMETER = re.compile(r"\\\{(\w+)\\\}")
_HOST = re.compile(r"[A-Za-z0-9._~-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", re.ASCII)


@dataclass(frozen=True)
class Address:
    """Where a request went."""

    # scheme, host and path prefix, without a slash at its end
    base: str
    # as it was sent, still percent-encoded
    path: str
    query_string: str

    def link(self, **parameters: str) -> str:
        """This address with parameters replaced."""
        kept = [pair for pair in read_parameters(self.query_string) if pair[0] not in parameters]
        return f"{self.base}{self.path}?{urlencode([*kept, *parameters.items()])}"


def address_of(base: str, path: str, query_string: str) -> Address:
    """The address of a request. Slashes at the end of its path, or twice, are left out."""
    return Address(base, re.sub("/+", "/", path).rstrip("/") or "/", query_string)


def base_of(scheme: str, host: str) -> str:
    """The beginning of absolute links. Raises ProblemDetails (400) for a Host that is none."""
    if not _HOST.fullmatch(host):
        raise ProblemDetails("bad-request", "the Host header is not the name of a host")
    return f"{scheme}://{host}"


def path_regex(path: str) -> str:
    """The regular expression of a path. A slash at the end, or twice, is served the same."""
    return "^" + with_groups(path.replace("/", "//"), "[^/]+").replace("//", "/+") + r"/*\Z"


def with_groups(path: str, value: str) -> str:
    """A path as a regular expression, in which each parameter is a named group of what `value` takes."""
    return _PARAMETER.sub(rf"(?P<\1>{value})", re.escape(path))
