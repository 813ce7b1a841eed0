"""Reads the query string of a list or an object, or raises a 400 that names the parameter at fault."""

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pangeo_forge_federation.api.canned_queries import CannedQuery
from pangeo_forge_federation.api.filters import (
    OPERATORS,
    BadFilter,
    Clauses,
    Column,
    apply_filter,
    read_alternatives,
    split_parameter,
)
from pangeo_forge_federation.api.formats import FORMATS, Format
from pangeo_forge_federation.api.paging import MAX_SIZE, BadNext, Order, Position, decode_next
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.field_kinds import DAY, JSON, column_choices, column_kinds, nullable_columns
from pangeo_forge_federation.records.models import Feedstock
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.query_strings import read_parameters

SHAPES = ("array", "objects")
EXTRAS = ("count",)
SEARCH = "q"
LIST_PARAMETERS = ("_size", "_next", "_sort", "_sort_desc", "_col", "_shape", "_extra", "_format")


@dataclass(frozen=True)
class ListRequest:
    """The query string of a list, parsed."""

    clauses: Clauses
    filtered: frozenset[str]
    # at least one of these clauses must hold; each alone uses an index in the list's default order
    any_of: tuple[str, ...]
    # whether all filters compare with values: no substrings, ranges or search words
    exact: bool
    parameters: Mapping[str, str]
    order: Order
    columns: tuple[str, ...]
    size: int | None
    after: Position | None
    shape: str
    format: type[Format]
    count: bool
    # identifies this list with this order and these filters, for `_next`
    identity: str

    @property
    def where(self) -> list[str]:
        """The clauses that must all hold."""
        either = [f"({' or '.join(f'({clause})' for clause in self.any_of)})"] if self.any_of else []
        return [*self.clauses.where, *either]


def read_object_request(query: CannedQuery, query_string: str) -> dict[str, str]:
    """Return the parameters of the SQL in a request for one object.

    Raises:
        ProblemDetails: 400 for a parameter that is unknown or cannot be read.
    """
    given: dict[str, str] = {}
    kinds = column_kinds(query.record)
    for name, value in read_parameters(query_string):
        if name not in query.query_parameters:
            raise _unknown(name, list(query.query_parameters))
        _refuse_repeated(given, name)
        given[name] = value
        if kinds.get(name) == DAY:
            _check_day(name, value)
    return given


def read_list_request(query: CannedQuery, path: str, query_string: str, home: str) -> ListRequest:
    """Return the request for a list.

    Raises:
        ProblemDetails: 400 for a parameter that is unknown or cannot be read.
    """
    special: dict[str, str] = {}
    given: dict[str, str] = {}
    filters: list[tuple[str, str, str, str]] = []
    wanted: list[str] = []
    for name, value in read_parameters(query_string):
        if name == "_col":
            wanted += [part for part in value.split(",") if part]
        elif name in LIST_PARAMETERS or (name == SEARCH and query.search):
            _refuse_repeated(special, name)
            special[name] = value
        elif name in query.query_parameters:
            _refuse_repeated(given, name)
            given[name] = value
        else:
            try:
                column, operator = split_parameter(name, query.columns)
            except KeyError:
                raise _unknown(name, _known_parameters(query)) from None
            filters.append((name, column, operator, value))
    named = {column for _, column, _, _ in filters}
    for name, value in query.defaults.items():
        column, operator = split_parameter(name, query.columns)
        if column not in named:
            filters.append((name, column, operator, str(value)))

    clauses, any_of = _read_filters(query, filters, home)
    filtered = {column for _, column, _, _ in filters}
    words = search_expression(special.get(SEARCH, ""))
    exact = words is None and all(operator in ("", "in", "isnull") for _, _, operator, _ in filters)
    if words is not None and query.search is not None:
        clauses.where.append(query.search)
        clauses.values[SEARCH] = words
        filtered.add(SEARCH)
    order = _read_order(query, special)
    filter_identity = [words, *sorted((name, value) for name, _, _, value in filters)]
    identity = json.dumps([path, order.column, order.descending, filter_identity, sorted(given.items())])
    return ListRequest(
        clauses=clauses,
        filtered=frozenset(filtered),
        any_of=any_of,
        exact=exact,
        parameters=given,
        order=order,
        columns=_read_columns(query, wanted),
        size=_read_size(special),
        after=_read_next(special, identity, order),
        shape=_choice(special, "_shape", SHAPES),
        format=FORMATS[_choice(special, "_format", tuple(FORMATS))],
        count=_read_extra(special),
        identity=identity,
    )


def search_expression(text: str) -> str | None:
    """Return the FTS5 expression for rows with all of these words or words that begin with them; None without words.

    Words are quoted because `AND`, `-` and quotes have a meaning in FTS5.
    """
    if not text.strip():
        return None
    words = [word.replace('"', '""') for word in text.split() if any(map(str.isalnum, word))]
    # text without letters or digits matches nothing
    return " ".join(f'"{word}"*' for word in words) or '""'


def _read_filters(
    query: CannedQuery, filters: list[tuple[str, str, str, str]], home: str
) -> tuple[Clauses, tuple[str, ...]]:
    clauses = Clauses()
    any_of: tuple[str, ...] = ()
    kinds = column_kinds(query.record)

    def canonical(text: str) -> str:
        try:
            return parse_feedstock_name(text, home)[0]
        except ValueError:
            return text

    for name, column, operator, value in filters:
        names_feedstock = column == "feedstock_id" or (column == "id" and issubclass(query.record, Feedstock))
        reader = canonical if names_feedstock else None
        choices = column_choices(query.record, column)
        described = Column(column, kinds[column], reader, choices)
        try:
            mergeable = operator == "in" and column in query.merges and not any_of
            alternatives = read_alternatives(described, value, clauses) if mergeable else ()
            if alternatives:
                any_of = alternatives
            else:
                apply_filter(described, operator, value, clauses)
        except BadFilter as error:
            raise ProblemDetails("bad-parameter", f"{name} {error}.", parameter=name) from None
    return clauses, any_of


def _read_order(query: CannedQuery, special: Mapping[str, str]) -> Order:
    if "_sort" in special and "_sort_desc" in special:
        detail = "_sort and _sort_desc cannot be combined. Use one of them."
        raise ProblemDetails("bad-parameter", detail, parameter="_sort")
    if "_shape" in special and "_format" in special:
        detail = "_shape applies to JSON and cannot be combined with _format. Use one of them."
        raise ProblemDetails("bad-parameter", detail, parameter="_shape")
    descending = query.descending
    column = query.sorts[0] if query.sorts else query.key[0]
    for name in ("_sort", "_sort_desc"):
        if name in special:
            column, descending = special[name], name == "_sort_desc"
            if column not in query.sorts:
                detail = f"{name} is {printable(column)!r}, but must be one of {', '.join(query.sorts)}."
                raise ProblemDetails("bad-parameter", detail, parameter=name)
    return Order(column, descending, column in nullable_columns(query.record), query.key)


def _read_columns(query: CannedQuery, wanted: list[str]) -> tuple[str, ...]:
    for name in wanted:
        if name not in query.columns:
            raise _unknown(name, list(query.columns), "_col names the unknown column")
    return tuple(name for name in query.columns if name in wanted) or query.columns


def _read_size(special: Mapping[str, str]) -> int | None:
    text = special.get("_size")
    if text is None:
        return None
    if text == "max":
        return MAX_SIZE
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_SIZE:
        detail = f"_size is {printable(text)!r}, but must be an integer from 1 to {MAX_SIZE}, or max."
        raise ProblemDetails("bad-parameter", detail, parameter="_size")
    return int(text)


def _read_next(special: Mapping[str, str], identity: str, order: Order) -> Position | None:
    # an empty value is the first page
    if not special.get("_next"):
        return None
    try:
        return decode_next(special["_next"], identity, order)
    except BadNext:
        detail = "_next does not belong to this list with this order and these filters. Start again without it."
        raise ProblemDetails("bad-parameter", detail, parameter="_next") from None


def _read_extra(special: Mapping[str, str]) -> bool:
    names = special["_extra"].split(",") if "_extra" in special else []
    for name in names:
        if name not in EXTRAS:
            raise ProblemDetails(
                "bad-parameter",
                f"_extra is {printable(name)!r}, but must be one of {', '.join(EXTRAS)}.",
                parameter="_extra",
            )
    return "count" in names


def _choice(special: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = special.get(name, choices[0])
    if value not in choices:
        detail = f"{name} is {printable(value)!r}, but must be one of {', '.join(choices)}."
        raise ProblemDetails("bad-parameter", detail, parameter=name)
    return value


def _check_day(name: str, value: str) -> None:
    try:
        times.parse_day(value)
    except ValueError as error:
        detail = f"{name} is {printable(value)!r}, which {error}."
        raise ProblemDetails("bad-parameter", detail, parameter=name) from None


def _known_parameters(query: CannedQuery) -> list[str]:
    kinds = column_kinds(query.record)
    columns = [name for name in query.columns if kinds[name] != JSON]
    return [*query.query_parameters, *((SEARCH,) if query.search else ()), *LIST_PARAMETERS, *columns]


def _refuse_repeated(given: Mapping[str, Any], name: str) -> None:
    if name in given:
        raise ProblemDetails("bad-parameter", f"{name} is given twice. Give it once.", parameter=name)


def _unknown(name: str, known: list[str], what: str = "There is no parameter") -> ProblemDetails:
    base, _, operator = name.partition("__")
    if base in known and operator and operator not in OPERATORS:
        detail = f"{printable(name)} has the unknown operator {operator!r}"
        known = [f"__{each}" for each in OPERATORS if each]
    else:
        detail = f"{what} {printable(name)!r}"
        near = difflib.get_close_matches(base, known, n=1)
        detail += f" (did you mean {near[0]}?)" if near else ""
    listed = f". Available: {', '.join(known)}." if known else ". This endpoint has no parameters."
    return ProblemDetails("bad-parameter", detail + listed, parameter=printable(name))
