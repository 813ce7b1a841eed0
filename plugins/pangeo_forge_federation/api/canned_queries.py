"""The GET endpoints, defined by the canned queries of metadata.yml. To add an endpoint, add a query there.

In addition to Datasette's own keys (title, description, sql ...), a query can have:

    path      its route, such as `/bakeries/{bakery_id}`; names in braces are parameters of the SQL
    aliases   other paths with the same response
    one       true if it returns a single object, or 404 without one; otherwise it returns a list
    fields    name of the record in `models.py` that types and describes its columns
    key       columns that identify a row (default: id)
    sorts     columns that `_sort` accepts, each with an index; the first is the default order, descending if written
              as `column desc`
    merges    columns that have an index together with the first sort: for several values in an `__in`, each value is
              looked up in order and the rows are merged, because SQLite would sort all of their rows
    defaults  filters that apply unless the request filters that column with any operator
    search    a condition on its rows with `:q`, the words of a full-text search
    parent    name of a query that must return a row, or else 404: an empty list means that the parent exists
    counts    roll-ups, {table, sum, columns}: `_extra=count` uses the first that has all the filtered columns

The server does not start with an invalid query, and reports which one it is.
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
    """An invalid canned query. The message names it and states what to change."""


def parameters_of(path: str) -> tuple[str, ...]:
    """Return the parameters of a path, in order."""
    return tuple(_PATH_PARAMETER.findall(path))


@dataclass(frozen=True)
class CannedQuery:
    """A canned query. The attributes are named after the keys above."""

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
    # known once SQLite has prepared the statement
    parameters: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Its route and its aliases."""
        return (self.path, *self.aliases)

    @property
    def path_parameters(self) -> tuple[str, ...]:
        """The parameters of its route, in order."""
        return parameters_of(self.path)

    @property
    def query_parameters(self) -> tuple[str, ...]:
        """The parameters of the SQL that are not in the path and come from the query string."""
        return tuple(name for name in self.parameters if name not in self.path_parameters)


def read_canned_queries(metadata: Mapping[str, Any]) -> dict[str, CannedQuery]:
    """Return the canned queries that have a path, by name. Raises `BadQuery`."""
    queries = {}
    paths: dict[str, str] = {}
    for name, definition in metadata.items():
        if not isinstance(definition, Mapping) or "path" not in definition:
            continue
        query = _read(name, definition)
        for path in query.paths:
            other = paths.setdefault(_PATH_PARAMETER.sub("{}", path), name)
            if other != name:
                raise BadQuery(f"canned query {name}: its path {path} is already used by {other}")
        queries[name] = query
    for query in queries.values():
        if query.parent and query.parent not in queries:
            raise BadQuery(f"canned query {query.name}: its parent {query.parent} is not a canned query with a path")
    return queries


def _read(name: str, definition: Mapping[str, Any]) -> CannedQuery:
    record = RECORDS.get(definition.get("fields", ""))
    if record is None:
        raise BadQuery(f"canned query {name}: `fields` must be one of {', '.join(sorted(RECORDS))}")
    sql = definition["sql"].strip()
    if sql.endswith(";"):
        raise BadQuery(
            f"canned query {name}: remove the `;` at the end of its sql, which is wrapped in another statement"
        )
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
    """Return the query with the parameters and columns that SQLite finds in it. Raises `BadQuery`."""
    parameters = _Parameters()
    try:
        # wrapped like a list, so that a second statement or an unclosed comment is found now
        cursor = connection.execute(f"select * from (\n{query.sql}\n) limit 0", parameters)
        found = [column[0] for column in cursor.description]
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise BadQuery(f"canned query {query.name}: {error}") from None
    known = set(query.record.model_fields)
    # columns that only connect the rows with the path are not shown
    columns = tuple(name for name in found if name in known or name not in query.path_parameters)
    for problem, names in {
        f"columns that are missing from {query.record.__name__} in models.py": set(columns) - known,
        f"unselected fields of {query.record.__name__} in models.py": known - set(columns),
        "key columns that may be null, which does not work with paging": set()
        if query.one
        else set(query.key) & nullable_columns(query.record),
        "parameters in its path that its sql does not use": set(query.path_parameters) - set(parameters.found),
        "keys, sorts, merges or defaults that are not among its columns": set()
        if query.one
        else {*query.key, *query.sorts, *query.merges, *(name.split("__")[0] for name in query.defaults)}
        - set(columns),
    }.items():
        if names:
            raise BadQuery(f"canned query {query.name} has {problem}: {', '.join(sorted(names))}")
    tables = connection.execute("select name from sqlite_master where name = :name", {"name": query.name})
    if tables.fetchone():
        raise BadQuery(f"canned query {query.name} has the name of a table, whose page it would hide")
    return CannedQuery(**{**query.__dict__, "parameters": tuple(parameters.found), "columns": columns})


class _Parameters(dict):
    """Returns null for every parameter of a statement, and collects their names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __missing__(self, name: str) -> None:
        self.found.append(name)
        return None
