"""Iterate over a list of the registry, with one page in memory at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from pangeo_forge_federation.client.endpoints import Endpoint
from pangeo_forge_federation.client.errors import RegistryError
from pangeo_forge_federation.client.transport import Response, Transport

if TYPE_CHECKING:
    import pandas

Row = TypeVar("Row", bound=Mapping[str, Any])

LARGEST_PAGE = 1000


class Pages(Generic[Row]):
    """The rows of a list, which are requested while iterating; each iteration requests them again.

    Messages are complete, as pages are requested as NDJSON; JSON lists cut messages to 500 characters.
    """

    def __init__(
        self,
        transport: Transport,
        endpoint: Endpoint,
        path: str,
        parameters: Sequence[tuple[str, str]],
        page_size: int = LARGEST_PAGE,
    ):
        self._transport = transport
        self._endpoint = endpoint
        self._path = path
        self._parameters = list(parameters)
        self._page_size = page_size

    def __iter__(self) -> Iterator[Row]:
        for page in self.pages():
            yield from page

    def pages(self) -> Iterator[list[Row]]:
        """Yield each page as a list of rows.

        Raises:
            Problem, Unreachable, RegistryError: A page cannot be read.
        """
        token: str | None = ""
        while token is not None:
            response = self._page(token)
            yield response.json_lines()
            token = _next_token(response)

    def first(self, limit: int) -> tuple[list[Row], bool]:
        """Return the first rows, at most `limit`, and whether there are more."""
        rows: list[Row] = []
        token: str | None = ""
        while token is not None and len(rows) < limit:
            response = self._page(token)
            rows += response.json_lines()
            token = _next_token(response)
        return rows[:limit], len(rows) > limit or token is not None

    def count(self) -> tuple[int, bool]:
        """Return the number of rows, and whether there are more: the registry only counts up to a limit."""
        parameters = [*self._parameters, ("_extra", "count"), ("_size", "1")]
        total = self._transport.get(self._path, parameters).headers.get("X-Total-Count", "")
        number = total.rstrip("+")
        if not number.isdecimal():
            raise RegistryError("the response has no X-Total-Count header. Is the registry's URL correct?")
        return int(number), total.endswith("+")

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return all rows as a DataFrame, with times as datetimes in UTC.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError("to_dataframe needs pandas. Install it with: pip install pandas") from None
        frame = pandas.DataFrame(list(self))
        for name in frame.columns:
            if self._endpoint.fields[name].kind == "time":
                frame[name] = pandas.to_datetime(frame[name], utc=True)
        return frame

    def _page(self, token: str) -> Response:
        parameters = [*self._parameters, ("_format", "ndjson"), ("_size", str(self._page_size))]
        if token:
            parameters.append(("_next", token))
        return self._transport.get(self._path, parameters)


def _next_token(response: Response) -> str | None:
    """Return `_next` of the link to the next page. The rest of the link is not used: it could lead to another host."""
    for link in response.headers.get("Link", "").split(","):
        target, _, attributes = link.partition(">")
        if 'rel="next"' in attributes:
            return parse_qs(urlsplit(target.strip(" <")).query).get("_next", [None])[0]
    return None
