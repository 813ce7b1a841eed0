"""Read lists and records by the names of their endpoints, with filters as Python values."""

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
    """The base of the methods in `reads.py`, which has one for each endpoint."""

    def __init__(self, transport: Transport):
        self.transport = transport

    def rows(
        self,
        endpoint: str,
        *ids: str | int,
        filters: Mapping[str, Value] = MappingProxyType({}),
    ) -> Pages[Any]:
        """Return a list by the name of its endpoint.

        Besides filters, `filters` can contain `q` (full-text search), `_sort` and `_sort_desc` (a column), `columns`
        (only these) and `page_size` (rows in one response, at most 1,000).
        """
        found = endpoints()[endpoint]
        remaining = dict(filters)
        columns, page_size = remaining.pop("columns", ()), remaining.pop("page_size", LARGEST_PAGE)
        parameters = [(name, _text(value)) for name, value in remaining.items()]
        if selected := list_of(columns):  # type: ignore[arg-type]
            parameters.append(("_col", ",".join(selected)))
        return Pages(self.transport, found, fill(found.path, *ids), parameters, page_size)  # type: ignore[arg-type]

    def record(self, endpoint: str, *ids: str | int, **parameters: Value | None) -> Any:
        """Return a record by the name of its endpoint. Parameters that are None are left out."""
        query = [(name, _text(value)) for name, value in parameters.items() if value is not None]
        return self.transport.get(fill(endpoints()[endpoint].path, *ids), query).json()


def list_of(columns: Iterable[str] | str) -> list[str]:
    """Return the names of columns that are given as a list or as a string with commas."""
    parts = columns.split(",") if isinstance(columns, str) else columns
    return [part.strip() for part in parts if part.strip()]


def _text(value: Value) -> str:
    """Return a value in the form that query strings have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        # as always in Python, a datetime without a time zone is in local time
        return times.to_text(value)
    if isinstance(value, str | int | float | date):
        return str(value)
    # a JSON list, since values can contain commas
    return json.dumps([each if isinstance(each, bool | int | float) else _text(each) for each in value])
