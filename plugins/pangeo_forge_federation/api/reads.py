"""The reads of the API: from a GET of a canned query's path to its response.

The canned query's SQL is wrapped, `select * from (<sql>) where ... order by ... limit ...`, with bound values. SQLite
flattens the subquery, even through a view, so that filter and order use the table's index.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from pangeo_forge_federation.api.canned_queries import CannedQuery
from pangeo_forge_federation.api.formats import Format, too_large
from pangeo_forge_federation.api.list_requests import ListRequest, read_list_request, read_object_request
from pangeo_forge_federation.api.paging import DEFAULT_SIZE, MAX_SIZE, Page, Position, encode_next, read_page
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.field_kinds import INTEGER, column_kinds
from pangeo_forge_federation.records.json_rows import json_row
from pangeo_forge_federation.records.models import RECORDS
from pangeo_forge_federation.records.rows import to_object
from pangeo_forge_federation.storage.read_threads import Reader
from pangeo_forge_federation.values import numbers
from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name
from pangeo_forge_federation.values.json_text import dump_json, write_json
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.addresses import Address
from pangeo_forge_federation.web.replies import Reply, cacheable

# Counts stop at this number of rows, which is also the limit of a whole list that is not streamed.
COUNT_CAP = 100_000
FEEDSTOCK_ID = "feedstock_id"


@dataclass(frozen=True)
class Reads:
    """Reads of the canned queries, which are `queries` by name. `home` is the organisation of unprefixed feedstocks."""

    queries: Mapping[str, CannedQuery]
    reader: Reader
    home: str

    async def answer(self, query: CannedQuery, encoded: Mapping[str, str], address: Address) -> Reply:
        """Return the reply to a GET. `encoded` holds the percent-encoded parameters of the path.

        Raises:
            ProblemDetails: For whatever cannot be read.
        """
        values = decode_path(query, encoded, self.home)
        if query.one:
            given = read_object_request(query, address.query_string)
            return await self.reader.read(partial(self._read_object, query, values, given, address))
        request = read_list_request(query, address.path, address.query_string, self.home)
        if request.size is None and request.format.default_size is None:
            return await self._read_whole(query, values, request, address)
        return await self._read(partial(self._read_list, query, values, request, address), query, request)

    def bounded(
        self, query: CannedQuery, encoded: Mapping[str, str], address: Address
    ) -> Callable[[sqlite3.Connection], Reply] | None:
        """Return a function that reads the reply to a GET if that is a small, fixed amount of work; otherwise None.

        Raises:
            ProblemDetails: As the returned function does.
        """
        values = decode_path(query, encoded, self.home)
        if query.one:
            given = read_object_request(query, address.query_string)
            return None if given else partial(self._read_object, query, values, given, address)
        request = read_list_request(query, address.path, address.query_string, self.home)
        if not request.format.rows_are_json or (request.size or 0) > DEFAULT_SIZE or request.count or not request.exact:
            return None
        return partial(self._read_list, query, values, request, address)

    def records(
        self, connection: sqlite3.Connection, query_name: str, values: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return the record of a query for one object for each of these values of its parameters."""
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
        page = read_list_page(
            connection,
            query,
            values,
            request,
            request.size or request.format.default_size or MAX_SIZE,
            as_json=request.format.rows_are_json,
        )
        next_token = encode_next(page.last, request.identity) if page.last else None
        next_url = address.link(_next=next_token) if next_token else None
        headers = {"Link": f'<{next_url}>; rel="next"'} if next_url else {}
        counted: dict[str, Any] = {}
        if request.count:
            count, capped = count_rows(connection, query, values, request)
            # for responses without an envelope
            headers["X-Total-Count"] = total_count(count, capped)
            counted = {"count": count, "count_capped": capped}
        encoder = request.format(request.columns, column_kinds(query.record))
        body = encoder.head() + encoder.rows(page.rows) + encoder.tail()
        if request.shape == "objects":
            envelope = dump_json({"next": next_token, "next_url": next_url, **counted})
            body = b'{"rows":' + body + b"," + envelope[1:]
        return list_reply(query, request.format, body, headers)

    async def _read_whole(
        self, query: CannedQuery, values: dict[str, Any], request: ListRequest, address: Address
    ) -> Reply:
        """Return a whole list, read in pages of one transaction each: an open cursor would let the WAL grow."""

        def read_first(connection: sqlite3.Connection) -> tuple[Format, bytes, Position | None, dict[str, str]] | str:
            if moved := self._check_parent(connection, query, values):
                return moved
            headers = {}
            if request.count or not request.format.streams:
                count, capped = count_rows(connection, query, values, request)
                if not request.format.streams and (capped or count > COUNT_CAP):
                    raise too_large(request.format, f"{COUNT_CAP:,} rows")
                if request.count:
                    headers["X-Total-Count"] = total_count(count, capped)
            page = read_list_page(connection, query, values, request, MAX_SIZE)
            # after the last statement, whose time limit would otherwise include the import of a library
            encoder = request.format(request.columns, column_kinds(query.record))
            return encoder, encoder.head() + encoder.rows(page.rows), page.last, headers

        first = await self._read(read_first, query, request)
        if isinstance(first, str):
            return redirect_to_feedstock(first, values, query, address)
        encoder, start, last, headers = first

        def read_next(connection: sqlite3.Connection, after: Position) -> tuple[bytes, Position | None]:
            page = read_list_page(connection, query, values, request, MAX_SIZE, after)
            return encoder.rows(page.rows), page.last

        async def parts() -> AsyncIterator[bytes]:
            yield start
            after = last
            while after:
                rows, after = await self.reader.read(partial(read_next, after=after))
                yield rows
            if tail := encoder.tail():
                yield tail

        if request.format.streams:
            return list_reply(query, request.format, parts(), headers)
        return list_reply(query, request.format, b"".join([part async for part in parts()]), headers)

    async def _read(self, function: Any, query: CannedQuery, request: ListRequest) -> Any:
        try:
            return await self.reader.read(function)
        except ProblemDetails as problem:
            if problem.kind != "slow-query":
                raise
            raise slow_filter(problem, query, request) from None

    def _check_parent(self, connection: sqlite3.Connection, query: CannedQuery, values: dict[str, Any]) -> str | None:
        """Return the new id of a parent that moved; None if it did not.

        Raises:
            ProblemDetails: 404 if there is no such parent.
        """
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
    """Return the values of the path's parameters.

    Raises:
        ProblemDetails: 400 if not UTF-8 or not printable, 404 if not a valid id.
    """
    values: dict[str, Any] = {}
    for name, text in encoded.items():
        try:
            value = unquote_to_bytes(text).decode("utf-8")
        except UnicodeDecodeError:
            raise ProblemDetails("bad-request", f"{name} in the path is not valid UTF-8.") from None
        if not value.isprintable():
            raise ProblemDetails("bad-request", f"{name} in the path contains a non-printable character.")
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
    """Return the kind of a path's parameter, which is that of the column of the same name in any record."""
    for record in RECORDS.values():
        if name in record.model_fields:
            return column_kinds(record)[name]
    return None


def bind(query: CannedQuery, values: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of each parameter of the SQL; missing ones are empty, as on Datasette's pages."""
    return {name: values.get(name, given.get(name, "")) for name in query.parameters}


def list_source(query: CannedQuery, selected: Sequence[str], where: list[str]) -> str:
    """Return the wrapped query up to its where clause, to which conditions may be added with `and`."""
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
    """Return a page of a list, after `after` or after the request's `_next`.

    With `as_json`, each row is a single JSON string.
    """
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
    """Whether each value of a filter with several values is looked up separately."""
    return bool(request.any_of) and request.order.column == query.sorts[0] and len(query.key) == 1


def merged_keys(
    connection: sqlite3.Connection,
    query: CannedQuery,
    request: ListRequest,
    bound: dict[str, Any],
    size: int,
    after: Any,
) -> list[Any]:
    """Return the keys of a page and of the row after it, merged from the first rows of each value."""
    places = quoted((request.order.column, query.key[0]))
    found: set[tuple] = set()
    for clause in request.any_of:
        source = list_source(query, places, [*request.clauses.where, clause])
        found |= {tuple(row) for row in read_page(connection, source, bound, request.order, size + 1, after).rows}
    return [key for _, key in sorted(found, reverse=request.order.descending)[: size + 1]]


def list_columns(
    query: CannedQuery, request: ListRequest, as_json: bool = False
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (the selected columns of the list, the columns needed only for the position of the next page)."""
    places = (request.order.column, *request.order.tie_breakers)
    if as_json:
        return (json_row(query.record, request.columns),), quoted(places)
    return quoted(request.columns), quoted(name for name in places if name not in request.columns)


def quoted(names: Iterable[str]) -> tuple[str, ...]:
    """Return quoted column names, as some are keywords of SQL."""
    return tuple(f'"{name}"' for name in names)


def count_rows(
    connection: sqlite3.Connection, query: CannedQuery, values: Mapping[str, Any], request: ListRequest
) -> tuple[int, bool]:
    """Return (number of rows that match the filters, whether there are more).

    A roll-up has the number if it has every filtered column; otherwise rows are counted, up to COUNT_CAP.
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


def list_reply(
    query: CannedQuery, form: type[Format], body: bytes | AsyncIterator[bytes], headers: Mapping[str, str]
) -> Reply:
    """Return a list in a format: one body, which has an ETag, or parts to stream."""
    if form.file_ending:
        file_name = query.path.rpartition("/")[2] + form.file_ending
        headers = {**headers, "Content-Disposition": f'attachment; filename="{file_name}"'}
    if isinstance(body, bytes):
        reply = cacheable(body, form.content_type, headers=headers)
    else:
        reply = Reply(content_type=form.content_type, parts=body, headers={"Cache-Control": "no-cache", **headers})
    reply.compressible = form.compressible
    return reply


def total_count(count: int, capped: bool) -> str:
    """Return the value of `X-Total-Count`; a plus sign means that there are more rows."""
    return f"{count}+" if capped else str(count)


def moved_feedstock(connection: sqlite3.Connection, values: Mapping[str, Any]) -> str | None:
    """Return the current id of a feedstock that is requested by a former one; otherwise None."""
    if FEEDSTOCK_ID not in values:
        return None
    found = connection.execute(
        "select feedstock_id from feedstock_aliases where alias = :feedstock_id", {FEEDSTOCK_ID: values[FEEDSTOCK_ID]}
    ).fetchone()
    return found[0] if found else None


def redirect_to_feedstock(moved: str, values: Mapping[str, Any], query: CannedQuery, address: Address) -> Reply:
    """Return a 308 to the same path with the feedstock's current id. It is cached briefly, as names may be reused."""
    parameters = {**values, FEEDSTOCK_ID: moved}
    path = query.path.format(**{name: quote(str(value), safe="") for name, value in parameters.items()})
    question = f"?{address.query_string}" if address.query_string else ""
    headers = {"Location": f"{address.base}{path}{question}", "Cache-Control": "max-age=5"}
    return Reply(status=308, content_type=None, headers=headers)


def not_found(query: CannedQuery, values: Mapping[str, Any]) -> ProblemDetails:
    """Return a 404 that names what does not exist."""
    if not values:
        return ProblemDetails("not-found", f"{query.path} is empty")
    named = " and ".join(f"{_noun(name)} {printable(str(value))!r}" for name, value in values.items())
    return ProblemDetails("not-found", f"There is no {named}.")


def _noun(parameter: str) -> str:
    """Return what a parameter of a path identifies: `recipe_run_id` is the id of a recipe run."""
    return "maintainer" if parameter == "github" else parameter.removesuffix("_id").replace("_", " ")


def slow_filter(problem: ProblemDetails, query: CannedQuery, request: ListRequest) -> ProblemDetails:
    """Return a slow-query problem that names the columns without an index, and those with one."""
    slow = sorted(request.filtered - set(query.sorts)) or [request.order.column]
    return ProblemDetails(
        "slow-query",
        f"{problem.detail} There is no index on {', '.join(slow)} here. Add a filter on {', '.join(query.sorts)}.",
    )
