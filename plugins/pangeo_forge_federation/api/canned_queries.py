"""The GET endpoints, read from the canned queries of metadata.yml. Adding an endpoint is adding a query there.

Beside Datasette's own keys (title, description, sql ...) a query may have:

    path      its route, `/bakeries/{bakery_id}`: what stands in braces is a parameter of the SQL
    aliases   other paths that answer the same
    one       true: it answers one object, 404 when there is none; else a list
    fields    name of the record in `fields.py` that types and describes its columns
    key       columns that tell its rows apart (default: id)
    sorts     columns that `_sort` takes, each served by an index; the first is the order when nobody asks,
              and `column desc` turns its direction
    merges    columns that have an index together with the first sort: of several values of one, `__in`, each is
              looked up in order and the rows are merged, where SQLite would sort all that they have
    defaults  filters that hold until the request names that column with any operator
    search    a condition on its rows with `:q`, the words of a full-text search
    parent    name of the query that must find a row, else 404: an empty list means that the parent exists
    counts    roll-ups, {table, sum, columns}: `_extra=count` takes the first that has every column filtered on

A query that does not fit stops the start with a line that names it.
"""

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_federation.records.field_kinds import nullable_columns
from pangeo_forge_federation.records.models import RECORDS, Record

_PATH_PARAMETER = re.compile(r"\{(\w+)\}")


class BadQuery(Exception):
    """A canned query cannot be served. The message names it and says what to change."""


def parameters_of(path: str) -> tuple[str, ...]:
    """The parameters of a path, in their order."""
    return tuple(_PATH_PARAMETER.findall(path))


@dataclass(frozen=True)
class CannedQuery:
    """One canned query; the names are those of the keys above."""

    name: str
    sql: str
    path: str
    record: type[Record]
    title: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()
    one: bool = False
    key: tuple[str, ...] = ("id",)
    sorts: tuple[str, ...] = ()
    descending: bool = False
    merges: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    search: str | None = None
    parent: str | None = None
    counts: tuple[Mapping[str, Any], ...] = ()
    # found by SQLite once the database is there
    parameters: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Its route, and the others that answer the same."""
        return (self.path, *self.aliases)

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The parameters of its route, in their order."""
        return parameters_of(self.path)

    @property
    def query_parameters(self) -> tuple[str, ...]:
        """Parameters of the SQL that are not in the path: they may be given in the query string."""
        return tuple(name for name in self.parameters if name not in self.path_parameters)


def read_canned_queries(metadata: Mapping[str, Any]) -> dict[str, CannedQuery]:
    """The canned queries that have a path, by name. Raises `BadQuery`."""
    queries = {}
    paths: dict[str, str] = {}
    for name, definition in metadata.items():
        if not isinstance(definition, Mapping) or "path" not in definition:
            continue
        query = _read(name, definition)
        for path in query.paths:
            other = paths.setdefault(_PATH_PARAMETER.sub("{}", path), name)
            if other != name:
                raise BadQuery(f"canned query {name}: its path {path} is that of {other}")
        queries[name] = query
    for query in queries.values():
        if query.parent and query.parent not in queries:
            raise BadQuery(f"canned query {query.name}: its parent {query.parent} is no canned query with a path")
    return queries


def _read(name: str, definition: Mapping[str, Any]) -> CannedQuery:
    record = RECORDS.get(definition.get("fields", ""))
    if record is None:
        raise BadQuery(f"canned query {name}: `fields` must be one of {', '.join(sorted(RECORDS))}")
    sql = definition["sql"].strip()
    if sql.endswith(";"):
        raise BadQuery(f"canned query {name}: leave out the `;` at the end of its sql, it is wrapped in another")
    sorts = [sort.split() for sort in definition.get("sorts", ())]
    return CannedQuery(
        name=name,
        sql=sql,
        path=definition["path"],
        record=record,
        title=definition.get("title", ""),
        description=definition.get("description", ""),
        aliases=tuple(definition.get("aliases", ())),
        one=bool(definition.get("one")),
        key=tuple(definition.get("key", ("id",))),
        sorts=tuple(sort[0] for sort in sorts),
        descending=bool(sorts) and sorts[0][-1] == "desc",
        merges=tuple(definition.get("merges", ())),
        defaults=dict(definition.get("defaults", {})),
        search=definition.get("search"),
        parent=definition.get("parent"),
        counts=tuple(definition.get("counts", ())),
    )


def inspect(query: CannedQuery, connection: sqlite3.Connection) -> CannedQuery:
    """The query with its parameters and columns, as SQLite understands them. Raises `BadQuery`."""
    parameters = _Parameters()
    try:
        # wrapped as a list is, so that a second statement or a comment that swallows the rest is found now
        cursor = connection.execute(f"select * from (\n{query.sql}\n) limit 0", parameters)
        found = [column[0] for column in cursor.description]
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise BadQuery(f"canned query {query.name}: {error}") from None
    known = set(query.record.model_fields)
    # what only ties the rows to the path is not shown
    columns = tuple(name for name in found if name in known or name not in query.path_parameters)
    for problem, names in {
        f"columns that {query.record.__name__} in fields.py does not know": set(columns) - known,
        f"fields of {query.record.__name__} in fields.py that it does not select": known - set(columns),
        "key columns that may be null, by which no page can go on": set()
        if query.one
        else set(query.key) & nullable_columns(query.record),
        "parameters of its path that the sql does not use": set(query.path_parameters) - set(parameters.found),
        "keys, sorts, merges or defaults that are none of its columns": set()
        if query.one
        else {*query.key, *query.sorts, *query.merges, *(name.split("__")[0] for name in query.defaults)}
        - set(columns),
    }.items():
        if names:
            raise BadQuery(f"canned query {query.name} has {problem}: {', '.join(sorted(names))}")
    tables = connection.execute("select name from sqlite_master where name = :name", {"name": query.name})
    if tables.fetchone():
        raise BadQuery(f"canned query {query.name} is named like a table, whose page it would hide")
    return CannedQuery(**{**query.__dict__, "parameters": tuple(parameters.found), "columns": columns})


class _Parameters(dict):
    """Gives null for every parameter that SQLite asks for, and remembers which those were."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __missing__(self, name: str) -> None:
        self.found.append(name)
        return None
