"""Lists and records by the names of their endpoints, with filters as Python's values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from pangeo_forge_federation.client.endpoints import endpoints, fill
from pangeo_forge_federation.client.pages import LARGEST_PAGE, Pages
from pangeo_forge_federation.client.transport import Transport
from pangeo_forge_federation.values import times

Value = str | int | float | bool | date | datetime | Sequence[Any]


class Reader:
    """What the methods of `reads.py`, one for each endpoint, call."""

    def __init__(self, transport: Transport):
        self.transport = transport

    def rows(
        self,
        endpoint: str,
        *ids: str | int,
        filters: Mapping[str, Value] = MappingProxyType({}),
    ) -> Pages[Any]:
        """A list by the name of its endpoint.

        Among the filters may stand `q` (full-text search), `_sort` and `_sort_desc` (a column), `columns` (just those)
        and `page_size` (rows of a request, 1,000 at most).
        """
        found = endpoints()[endpoint]
        asked = dict(filters)
        columns, page_size = asked.pop("columns", ()), asked.pop("page_size", LARGEST_PAGE)
        parameters = [(name, _text(value)) for name, value in asked.items()]
        if wanted := list_of(columns):  # type: ignore[arg-type]
            parameters.append(("_col", ",".join(wanted)))
        return Pages(self.transport, found, fill(found.path, *ids), parameters, page_size)  # type: ignore[arg-type]

    def record(self, endpoint: str, *ids: str | int, **parameters: Value | None) -> Any:
        """A record by the name of its endpoint; parameters that are None are left out."""
        asked = [(name, _text(value)) for name, value in parameters.items() if value is not None]
        return self.transport.get(fill(endpoints()[endpoint].path, *ids), asked).json()


def list_of(columns: Iterable[str] | str) -> list[str]:
    """Names of columns, given as a list or separated by commas."""
    parts = columns.split(",") if isinstance(columns, str) else columns
    return [part.strip() for part in parts if part.strip()]


def _text(value: Value) -> str:
    """A value as the query string has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        # without a time zone it is the local time, as Python has it
        return times.to_text(value)
    if isinstance(value, str | int | float | date):
        return str(value)
    # a JSON list: values may hold commas
    return json.dumps([each if isinstance(each, bool | int | float) else _text(each) for each in value])
