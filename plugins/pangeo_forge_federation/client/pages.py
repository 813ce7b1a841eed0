"""A list of the registry, walked page by page: one page is in memory at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from pangeo_forge_federation.client.endpoints import Endpoint
from pangeo_forge_federation.client.errors import RegistryError
from pangeo_forge_federation.client.transport import Answer, Transport

if TYPE_CHECKING:
    import pandas

Row = TypeVar("Row", bound=Mapping[str, Any])

LARGEST_PAGE = 1000


class Pages(Generic[Row]):
    """Rows of a list, asked for when they are walked; walked again, they are asked for again.

    Pages are NDJSON, in which messages are whole (JSON lists cut them to 500 characters).
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
        """Each page as a list. Raises Problem, Unreachable, RegistryError."""
        following: str | None = ""
        while following is not None:
            answer = self._page(following)
            yield answer.json_lines()
            following = _next_of(answer)

    def first(self, limit: int) -> tuple[list[Row], bool]:
        """(the first rows, at most `limit`; whether there are more)."""
        rows: list[Row] = []
        following: str | None = ""
        while following is not None and len(rows) < limit:
            answer = self._page(following)
            rows += answer.json_lines()
            following = _next_of(answer)
        return rows[:limit], len(rows) > limit or following is not None

    def count(self) -> tuple[int, bool]:
        """(how many rows there are, whether there are more: beyond a bound they are not counted)."""
        parameters = [*self._parameters, ("_extra", "count"), ("_size", "1")]
        total = self._transport.get(self._path, parameters).headers.get("X-Total-Count", "")
        number = total.rstrip("+")
        if not number.isdecimal():
            raise RegistryError("the answer does not say how many there are: is this the URL of a registry?")
        return int(number), total.endswith("+")

    def to_dataframe(self) -> "pandas.DataFrame":
        """All rows as a DataFrame, times as datetimes in UTC. Raises ImportError where there is no pandas."""
        try:
            import pandas
        except ImportError:
            raise ImportError("to_dataframe needs pandas: pip install pandas") from None
        frame = pandas.DataFrame(list(self))
        for name in frame.columns:
            if self._endpoint.fields[name].kind == "time":
                frame[name] = pandas.to_datetime(frame[name], utc=True)
        return frame

    def _page(self, following: str) -> Answer:
        parameters = [*self._parameters, ("_format", "ndjson"), ("_size", str(self._page_size))]
        if following:
            parameters.append(("_next", following))
        return self._transport.get(self._path, parameters)


def _next_of(answer: Answer) -> str | None:
    """Where the next page begins. The rest of its link is left aside: a token goes nowhere else for it."""
    for link in answer.headers.get("Link", "").split(","):
        target, _, attributes = link.partition(">")
        if 'rel="next"' in attributes:
            return parse_qs(urlsplit(target.strip(" <")).query).get("_next", [None])[0]
    return None
