"""A GET of an endpoint, from the request's text to the reply: the same for every canned query.

The canned query's SQL is wrapped, `select * from (<sql>) where ... order by ... limit ...`, all values bound. SQLite
flattens that, also through a view, so that the filter and the order reach the table's index.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from pangeo_forge_federation.api.canned_queries import CannedQuery
from pangeo_forge_federation.api.list_requests import ListRequest, read_list_request, read_object_request
from pangeo_forge_federation.api.paging import DEFAULT_SIZE, MAX_SIZE, Page, encode_next, read_page
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.field_kinds import INTEGER, column_kinds
from pangeo_forge_federation.records.json_rows import json_row
from pangeo_forge_federation.records.models import RECORDS
from pangeo_forge_federation.records.rows import csv_line, to_cells, to_object
from pangeo_forge_federation.storage.read_threads import Reader
from pangeo_forge_federation.values import numbers
from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name
from pangeo_forge_federation.values.json_text import dump_json, write_json
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.addresses import Address
from pangeo_forge_federation.web.replies import CSV, NDJSON, Reply, cacheable

# Beyond so many rows a count says that there are more.
COUNT_CAP = 100_000
FEEDSTOCK_ID = "feedstock_id"
# of those formats of a list that are lines
CONTENT_TYPES = {"csv": CSV, "ndjson": NDJSON}


@dataclass(frozen=True)
class Reads:
    """What reads need: the queries by name, a reader, and whose repositories are at home."""

    queries: Mapping[str, CannedQuery]
    reader: Reader
    home: str

    async def answer(self, query: CannedQuery, encoded: Mapping[str, str], address: Address) -> Reply:
        """The reply to a GET. `encoded` are the path's parameters, percent-encoded. Raises ProblemDetails."""
        values = decode_path(query, encoded, self.home)
        if query.one:
            given = read_object_request(query, address.query_string)
            return await self.reader.read(partial(self._read_object, query, values, given, address))
        request = read_list_request(query, address.path, address.query_string, self.home)
        if request.format != "json" and request.size is None:
            return await self._stream(query, values, request, address)
        return await self._read(partial(self._read_list, query, values, request, address), query, request)

    def bounded(
        self, query: CannedQuery, encoded: Mapping[str, str], address: Address
    ) -> Callable[[sqlite3.Connection], Reply] | None:
        """What reads the reply to a GET, where it is a small and fixed amount of work; else None.

        Raises ProblemDetails, as what is returned does.
        """
        values = decode_path(query, encoded, self.home)
        if query.one:
            given = read_object_request(query, address.query_string)
            return None if given else partial(self._read_object, query, values, given, address)
        request = read_list_request(query, address.path, address.query_string, self.home)
        if request.format != "json" or (request.size or 0) > DEFAULT_SIZE or request.count or not request.exact:
            return None
        return partial(self._read_list, query, values, request, address)

    def records(
        self, connection: sqlite3.Connection, query_name: str, values: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """What a query for one object answers for each of several values of its parameters."""
        query = self.queries[query_name]
        kinds = column_kinds(query.record)
        rows = (connection.execute(query.sql, bind(query, each, {})).fetchone() for each in values)
        return [to_object(query.columns, row, kinds) for row in rows]

    def _read_object(
        self,
        query: CannedQuery,
        values: dict[str, Any],
        given: dict[str, str],
        address: Address,
        connection: sqlite3.Connection,
    ) -> Reply:
        row = connection.execute(query.sql, bind(query, values, given)).fetchone()
        if row is None:
            if moved := moved_feedstock(connection, values):
                return redirect_to_feedstock(moved, values, query, address)
            raise not_found(query, values)
        record = to_object(query.columns, row, column_kinds(query.record))
        return cacheable(dump_json(record), revision=record.get("revision"))

    def _read_list(
        self,
        query: CannedQuery,
        values: dict[str, Any],
        request: ListRequest,
        address: Address,
        connection: sqlite3.Connection,
    ) -> Reply:
        if moved := self._check_parent(connection, query, values):
            return redirect_to_feedstock(moved, values, query, address)
        size = request.size or DEFAULT_SIZE
        as_json = request.format == "json"
        page = read_list_page(connection, query, values, request, size, as_json=as_json)
        next_token = encode_next(page.last, request.identity) if page.last else None
        next_url = address.link(_next=next_token) if next_token else None
        links = {"Link": f'<{next_url}>; rel="next"'} if next_url else {}
        counted: dict[str, Any] = {}
        if request.count:
            count, capped = count_rows(connection, query, values, request)
            # for the shapes that have no place for it
            links["X-Total-Count"] = f"{count}+" if capped else str(count)
            counted = {"count": count, "count_capped": capped}
        if as_json:
            body = f"[{','.join([row[0] for row in page.rows])}]".encode()
            if request.shape == "objects":
                envelope = dump_json({"next": next_token, "next_url": next_url, **counted})
                body = b'{"rows":' + body + b"," + envelope[1:]
            return cacheable(body, headers=links)
        body = head_of(page, request.format) + lines_of(page, query, request.format)
        return cacheable(body, CONTENT_TYPES[request.format], headers=links)

    async def _stream(
        self, query: CannedQuery, values: dict[str, Any], request: ListRequest, address: Address
    ) -> Reply:
        """A whole list, as pages that each end before their bytes are sent: an open cursor would let the WAL grow."""

        def read_first(connection: sqlite3.Connection) -> tuple[Page, str, str | None]:
            if moved := self._check_parent(connection, query, values):
                return Page([], [], None), "", moved
            count, capped = count_rows(connection, query, values, request) if request.count else ("", False)
            page = read_list_page(connection, query, values, request, MAX_SIZE)
            return page, f"{count}+" if capped else str(count), None

        first, count, moved = await self._read(read_first, query, request)
        if moved:
            return redirect_to_feedstock(moved, values, query, address)

        async def parts() -> AsyncIterator[bytes]:
            page = first
            yield head_of(page, request.format) + lines_of(page, query, request.format)
            while page.last:
                page = await self.reader.read(
                    partial(read_list_page, query=query, values=values, request=request, size=MAX_SIZE, after=page.last)
                )
                yield lines_of(page, query, request.format)

        headers = {"Cache-Control": "no-cache", **({"X-Total-Count": count} if count else {})}
        return Reply(content_type=CONTENT_TYPES[request.format], parts=parts(), headers=headers)

    async def _read(self, function: Any, query: CannedQuery, request: ListRequest) -> Any:
        try:
            return await self.reader.read(function)
        except ProblemDetails as problem:
            if problem.kind != "slow-query":
                raise
            raise slow_filter(problem, query, request) from None

    def _check_parent(self, connection: sqlite3.Connection, query: CannedQuery, values: dict[str, Any]) -> str | None:
        """The id that the parent moved to, if it did. Raises ProblemDetails (404) when there is no parent."""
        if query.parent is None:
            return None
        parent = self.queries[query.parent]
        found = connection.execute(f"select 1 from (\n{parent.sql}\n) limit 1", bind(parent, values, {}))
        if found.fetchone():
            return None
        if moved := moved_feedstock(connection, values):
            return moved
        raise not_found(parent, values)


def decode_path(query: CannedQuery, encoded: Mapping[str, str], home: str) -> dict[str, Any]:
    """The path's parameters as values. Raises ProblemDetails: 400 for what is no text, 404 for what is no id."""
    values: dict[str, Any] = {}
    for name, text in encoded.items():
        try:
            value = unquote_to_bytes(text).decode("utf-8")
        except UnicodeDecodeError:
            raise ProblemDetails("bad-request", f"{name} in the path is not UTF-8") from None
        if not value.isprintable():
            raise ProblemDetails("bad-request", f"{name} in the path holds a character that does not print")
        if parameter_kind(name) == INTEGER:
            if (number := numbers.read_id(value)) is None:
                raise not_found(query, {name: value})
            values[name] = number
        else:
            values[name] = value
    if "/" in values.get(FEEDSTOCK_ID, ""):
        try:
            values[FEEDSTOCK_ID] = parse_feedstock_name(values[FEEDSTOCK_ID], home)[0]
        except ValueError:
            raise not_found(query, values) from None
    return values


def parameter_kind(name: str) -> str | None:
    """The kind of a path's parameter: that of the column of the same name, in whichever record has one."""
    for record in RECORDS.values():
        if name in record.model_fields:
            return column_kinds(record)[name]
    return None


def bind(query: CannedQuery, values: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Every parameter of the SQL with its value; those that were not given are empty, as on Datasette's page."""
    return {name: values.get(name, given.get(name, "")) for name in query.parameters}


def list_source(query: CannedQuery, selected: Sequence[str], where: list[str]) -> str:
    """The wrapped query up to its where clause, to which conditions may be added with `and`."""
    conditions = "\nand ".join(where) if where else "1"
    return f"select {', '.join(selected)} from (\n{query.sql}\n)\nwhere {conditions}"


def read_list_page(
    connection: sqlite3.Connection,
    query: CannedQuery,
    values: Mapping[str, Any],
    request: ListRequest,
    size: int,
    after: Any = None,
    as_json: bool = False,
) -> Page:
    """A page of a list: after `after`, else where the request says. `as_json`: each row is one text."""
    shown, hidden = list_columns(query, request, as_json)
    bound = bind(query, values, request.parameters) | request.clauses.values
    after = after or request.after
    if is_merged(query, request):
        source = list_source(query, (*shown, *hidden), [f'"{query.key[0]}" in (select value from json_each(:keys))'])
        bound |= {"keys": write_json(merged_keys(connection, query, request, bound, size, after))}
        after = None
    else:
        source = list_source(query, (*shown, *hidden), request.where)
    page = read_page(connection, source, bound, request.order, size, after)
    if not hidden:
        return page
    return Page(page.columns[: len(shown)], [tuple(row)[: len(shown)] for row in page.rows], page.last)


def is_merged(query: CannedQuery, request: ListRequest) -> bool:
    """Whether the rows of several values are looked up value by value."""
    return bool(request.any_of) and request.order.column == query.sorts[0] and len(query.key) == 1


def merged_keys(
    connection: sqlite3.Connection,
    query: CannedQuery,
    request: ListRequest,
    bound: dict[str, Any],
    size: int,
    after: Any,
) -> list[Any]:
    """The keys of a page and of the row behind it: the first of each value's rows, merged."""
    places = quoted((request.order.column, query.key[0]))
    found: set[tuple] = set()
    for clause in request.any_of:
        source = list_source(query, places, [*request.clauses.where, clause])
        found |= {tuple(row) for row in read_page(connection, source, bound, request.order, size + 1, after).rows}
    return [key for _, key in sorted(found, reverse=request.order.descending)[: size + 1]]


def list_columns(
    query: CannedQuery, request: ListRequest, as_json: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(what is selected of a row to be shown, the columns that only tell where the next page begins)."""
    places = (request.order.column, *request.order.tie_breakers)
    if as_json:
        return (json_row(query.record, request.columns),), quoted(places)
    return quoted(request.columns), quoted(name for name in places if name not in request.columns)


def quoted(names: Iterable[str]) -> tuple[str, ...]:
    """Names of columns as SQL, such as are its words too."""
    return tuple(f'"{name}"' for name in names)


def count_rows(
    connection: sqlite3.Connection, query: CannedQuery, values: Mapping[str, Any], request: ListRequest
) -> tuple[int, bool]:
    """(how many rows the filters leave, whether there are more than were counted).

    From a roll-up where one holds every column that is filtered on, else counted up to COUNT_CAP.
    """
    path_columns = set(query.path_parameters)
    for roll_up in query.counts:
        if request.filtered | path_columns <= set(roll_up["columns"]):
            where = [*request.where, *(f'"{name}" = :{name}' for name in query.path_parameters)]
            total = connection.execute(
                f"select coalesce(sum({roll_up['sum']}), 0) from {roll_up['table']} where {' and '.join(where) or '1'}",
                {**values, **request.clauses.values},
            ).fetchone()[0]
            return total, False
    source = list_source(query, ("1",), request.where)
    bound = bind(query, values, request.parameters) | request.clauses.values | {"count_cap": COUNT_CAP + 1}
    found = connection.execute(f"select count(*) from (\n{source}\nlimit :count_cap)", bound).fetchone()[0]
    return min(found, COUNT_CAP), found > COUNT_CAP


def head_of(page: Page, form: str) -> bytes:
    """What stands before the lines of a list as CSV or NDJSON."""
    return csv_line(page.columns) if form == "csv" else b""


def lines_of(page: Page, query: CannedQuery, form: str) -> bytes:
    """The rows of a page as lines of CSV or NDJSON."""
    kinds = column_kinds(query.record)
    if form == "csv":
        return b"".join(csv_line(to_cells(page.columns, row, kinds)) for row in page.rows)
    return b"".join(dump_json(to_object(page.columns, row, kinds)) + b"\n" for row in page.rows)


def moved_feedstock(connection: sqlite3.Connection, values: Mapping[str, Any]) -> str | None:
    """The id that a feedstock has now, if it is asked for by one that it had before."""
    if FEEDSTOCK_ID not in values:
        return None
    found = connection.execute(
        "select feedstock_id from feedstock_aliases where alias = :feedstock_id", {FEEDSTOCK_ID: values[FEEDSTOCK_ID]}
    ).fetchone()
    return found[0] if found else None


def redirect_to_feedstock(moved: str, values: Mapping[str, Any], query: CannedQuery, address: Address) -> Reply:
    """308 to the same path under the feedstock's present id. Names come back, so it is not kept for long."""
    parameters = {**values, FEEDSTOCK_ID: moved}
    path = query.path.format(**{name: quote(str(value), safe="") for name, value in parameters.items()})
    question = f"?{address.query_string}" if address.query_string else ""
    headers = {"Location": f"{address.base}{path}{question}", "Cache-Control": "max-age=5"}
    return Reply(status=308, content_type=None, headers=headers)


def not_found(query: CannedQuery, values: Mapping[str, Any]) -> ProblemDetails:
    """404 that says what of a path is not there."""
    if not values:
        return ProblemDetails("not-found", f"{query.path} is empty")
    named = " and ".join(f"{_noun(name)} {printable(str(value))!r}" for name, value in values.items())
    return ProblemDetails("not-found", f"there is no {named}")


def _noun(parameter: str) -> str:
    """What a parameter of a path names: `recipe_run_id` is the id of a recipe run."""
    return "maintainer" if parameter == "github" else parameter.removesuffix("_id").replace("_", " ")


def slow_filter(problem: ProblemDetails, query: CannedQuery, request: ListRequest) -> ProblemDetails:
    """A filter or order that no index serves ran out of time: which, and which ones are served."""
    slow = sorted(request.filtered - set(query.sorts)) or [request.order.column]
    return ProblemDetails(
        "slow-query",
        f"{problem.detail}: no index serves a filter on {', '.join(slow)} here; add one on {', '.join(query.sorts)}",
    )
