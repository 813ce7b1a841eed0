"""Canned queries for pages: the same queries as in the endpoints, all on one state of the database."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pangeo_forge_federation.api.list_requests import read_list_request
from pangeo_forge_federation.api.reads import bind, read_list_page
from pangeo_forge_federation.api.services import Services, services_of
from pangeo_forge_federation.records.field_kinds import column_kinds
from pangeo_forge_federation.records.rows import to_object
from pangeo_forge_federation.storage.database import FEDERATION

Result = TypeVar("Result")
Record = dict[str, Any]


class Queries:
    """The canned queries of metadata.yml, on one connection."""

    def __init__(self, services: Services, statements: Mapping[str, str], connection: sqlite3.Connection):
        self._services = services
        self._statements = statements
        self._connection = connection

    def one(self, name: str, **values: Any) -> Record | None:
        """Return the record of an endpoint for one object. None if the endpoint would return 404."""
        query = self._services.queries[name]
        row = self._connection.execute(query.sql, bind(query, values, values)).fetchone()
        return to_object(query.columns, row, column_kinds(query.record)) if row else None

    def require(self, name: str, **values: Any) -> Record:
        """Return the record of an endpoint that always has one.

        Raises:
            LookupError: if there is none.
        """
        record = self.one(name, **values)
        if record is None:
            raise LookupError(f"{name} found nothing for {values}")
        return record

    def first_rows(self, name: str, size: int, query_string: str = "", **values: Any) -> list[Record]:
        """Return the first rows of an endpoint's list, for a query string and the values of the path parameters."""
        query = self._services.queries[name]
        request = read_list_request(query, query.path, query_string, self._services.settings.home_organisation)
        page = read_list_page(self._connection, query, values, request, size)
        return [to_object(page.columns, row, column_kinds(query.record)) for row in page.rows]

    def run(self, function: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return the result of a function that is not a canned query, on the same state of the database."""
        return function(self._connection)

    def rows(self, name: str, **values: Any) -> list[Record]:
        """Return all rows of a canned query that is not an endpoint."""
        cursor = self._connection.execute(self._statements[name], values)
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor]


async def read(datasette: Any, function: Callable[[Queries], Result]) -> Result:
    """Return `function(queries)`, run on the endpoints' threads and within their time limit."""
    services = services_of(datasette)
    statements = {
        name: definition["sql"]
        for name, definition in (datasette.metadata("queries", database=FEDERATION, fallback=False) or {}).items()
    }
    return await services.reads.reader.read(lambda connection: function(Queries(services, statements, connection)))
