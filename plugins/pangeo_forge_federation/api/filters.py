"""Filters of lists, `column=value` and `column__operator=value`, as where clauses with bound values.

The operators are those of Datasette. A new one is a line in OPERATORS, plus a function if none here fits: validation,
the OpenAPI document and the client (through `scripts/write-generated`) use it. Values are parsed by the kind of their
column. A partial date stands for its whole span: `gte` means from its start, `lte` to its end, `=` within it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pangeo_forge_federation.records.field_kinds import BOOLEAN, DAY, INTEGER, JSON, NUMBER, TEXT, TIME
from pangeo_forge_federation.values import numbers, times
from pangeo_forge_federation.values.statuses import read_status

# values in one `__in`; more are better split into several requests
IN_VALUES = 500
# values that are looked up one by one, each of which costs a page of its own
MERGED_VALUES = 20

_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_BROKEN_OFFSET = re.compile(r"\d{2} \d{2}:\d{2}\Z", re.ASCII)
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# SQLite refuses a longer pattern, in bytes
_PATTERN_BYTES = 50_000
# the kinds of column that an operator works with
SCALARS = (TEXT, INTEGER, NUMBER, BOOLEAN, TIME, DAY)
ORDERED = (TEXT, INTEGER, NUMBER, TIME, DAY)
TEXTS = (TEXT, TIME, DAY)
_KIND_WORDS = {INTEGER: "a number", NUMBER: "a number", BOOLEAN: "true or false"}
_BOOLEANS = {"true": 1, "1": 1, "false": 0, "0": 0}
_READ_NUMBER: Mapping[str, Callable[[str], float]] = {INTEGER: numbers.read_integer, NUMBER: numbers.read_number}
# A feedstock can be named by a previous ID; a current ID takes precedence.
_FEEDSTOCK = """(
        select id from feedstocks where id = :{0}
        union all
        select feedstock_id from feedstock_aliases where alias = :{0}
        union all
        select :{0}
        limit 1
    )"""


class BadFilter(ValueError):
    """An invalid filter. The message continues a sentence that starts with the parameter's name."""


@dataclass
class Clauses:
    """Where clauses that must all hold, with their bound values."""

    where: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Bind a value, and return the name of its parameter without the colon."""
        name = f"filter_{len(self.values)}"
        self.values[name] = value
        return name


@dataclass(frozen=True)
class Column:
    """A column that is filtered on."""

    name: str
    kind: str
    # for the ID of a feedstock: converts other forms, such as owner/name, before the query runs
    read_text: Callable[[str], str] | None = None
    # the possible values, if they are enumerated
    choices: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Its name, quoted."""
        return f'"{self.name}"'


def _exact(column: Column, text: str, clauses: Clauses) -> str:
    if column.kind == BOOLEAN:
        # in this form SQLite can use a partial index on the condition of the column, unlike with `= 1`
        return column.sql if read_boolean(text) else f"not {column.sql}"
    if column.kind == TIME:
        start, end = read_span(text)
        if end is None:
            return f"{column.sql} = :{clauses.bind(start)}"
        return f"{column.sql} >= :{clauses.bind(start)} and {column.sql} < :{clauses.bind(end)}"
    return f"{column.sql} = {_value(column, text, clauses)}"


def _not(column: Column, text: str, clauses: Clauses) -> str:
    if column.kind == BOOLEAN:
        return f"not {column.sql}" if read_boolean(text) else column.sql
    if column.kind == TIME:
        start, end = read_span(text)
        if end is None:
            return f"{column.sql} <> :{clauses.bind(start)}"
        return f"({column.sql} < :{clauses.bind(start)} or {column.sql} >= :{clauses.bind(end)})"
    return f"{column.sql} <> {_value(column, text, clauses)}"


def _in(column: Column, text: str, clauses: Clauses) -> str:
    values = list(dict.fromkeys(read_list(text)))
    if not values:
        return "0"
    if column.kind in (TEXT, INTEGER, NUMBER, DAY) and not column.read_text:
        return f"{column.sql} in ({', '.join(_value(column, value, clauses) for value in values)})"
    return "(" + " or ".join(f"({_exact(column, value, clauses)})" for value in values) + ")"


def _compare(operator: str) -> Callable[[Column, str, Clauses], str]:
    def clause(column: Column, text: str, clauses: Clauses) -> str:
        if column.kind == TIME:
            start, end = read_span(text)
            if end is None:
                return f"{column.sql} {operator} :{clauses.bind(start)}"
            # after a span means after its end, up to it means up to its end
            bound, compare = {
                ">": (end, ">="),
                ">=": (start, ">="),
                "<": (start, "<"),
                "<=": (end, "<"),
            }[operator]
            return f"{column.sql} {compare} :{clauses.bind(bound)}"
        return f"{column.sql} {operator} {_value(column, text, clauses)}"

    return clause


def _like(pattern: str) -> Callable[[Column, str, Clauses], str]:
    def clause(column: Column, text: str, clauses: Clauses) -> str:
        escaped = re.sub(r"([\\%_])", r"\\\1", text)
        if len(escaped.encode()) > _PATTERN_BYTES - len("%%"):
            raise BadFilter(f"is longer than {_PATTERN_BYTES:,} bytes")
        return f"{column.sql} like :{clauses.bind(pattern.format(escaped))} escape '\\'"

    return clause


def _isnull(column: Column, text: str, clauses: Clauses) -> str:
    # a list of both overrides a default filter and matches all rows
    wanted = {read_boolean(value) for value in read_list(text)}
    if len(wanted) != 1:
        return "1" if wanted else "0"
    return f"{column.sql} is {'null' if wanted == {1} else 'not null'}"


# What follows the `=`: a value of the column's kind, part of a string, several values, or true and false.
VALUE, PART, VALUES, BOOLEANS = "value", "part", "values", "booleans"


@dataclass(frozen=True)
class Operator:
    """An operator, with what validation, the OpenAPI document and the docs need to know about it."""

    clause: Callable[[Column, str, Clauses], str]
    description: str
    kinds: tuple[str, ...]
    takes: str = VALUE


OPERATORS: Mapping[str, Operator] = {
    "": Operator(_exact, "equal", SCALARS),
    "in": Operator(_in, "one of several values, separated by commas or as a JSON list", SCALARS, VALUES),
    "not": Operator(_not, "not equal", SCALARS),
    "gt": Operator(_compare(">"), "greater or later", ORDERED),
    "gte": Operator(_compare(">="), "greater, later or equal", ORDERED),
    "lt": Operator(_compare("<"), "less or earlier", ORDERED),
    "lte": Operator(_compare("<="), "less, earlier or equal", ORDERED),
    "contains": Operator(_like("%{}%"), "contains this string, ignoring case", TEXTS, PART),
    "startswith": Operator(_like("{}%"), "starts with this string, ignoring case", TEXTS, PART),
    "endswith": Operator(_like("%{}"), "ends with this string, ignoring case", TEXTS, PART),
    "isnull": Operator(_isnull, "true for null, false for not null, or both separated by a comma", SCALARS, BOOLEANS),
}


def apply_filter(column: Column, operator: str, text: str, clauses: Clauses) -> None:
    """Add the clause of one filter. Raises `BadFilter`."""
    if column.kind == JSON:
        raise BadFilter("is a list or an object, which cannot be filtered")
    if column.kind not in OPERATORS[operator].kinds:
        there = ", ".join(f"__{name}" for name, each in OPERATORS.items() if name and column.kind in each.kinds)
        raise BadFilter(f"does not work with {_KIND_WORDS[column.kind]}; the operators are {there}")
    clauses.where.append(OPERATORS[operator].clause(column, text, clauses))


def read_alternatives(column: Column, text: str, clauses: Clauses) -> tuple[str, ...]:
    """Return the clauses of an `__in`, one per value; none if there are too few or too many. Raises `BadFilter`."""
    values = list(dict.fromkeys(read_list(text)))
    if not 2 <= len(values) <= MERGED_VALUES:
        return ()
    return tuple(_exact(column, value, clauses) for value in values)


def read_boolean(text: str) -> int:
    """Return 1 or 0. Raises `BadFilter`."""
    value = _BOOLEANS.get(text)
    if value is None:
        raise BadFilter(f"is {text!r}, but must be true, false, 1 or 0")
    return value


def read_span(text: str) -> tuple[str, str | None]:
    """Return (start, end) of a partial date, the end exclusive; or (instant, None) for a full date and time."""
    match = _PARTIAL_DATE.fullmatch(text)
    if match:
        year = int(match[1])
        month, day = (int(part) if part else None for part in match.groups()[1:])
        try:
            times.check_year(year)
        except ValueError as error:
            raise BadFilter(f"is {text!r}, which {error}") from None
        try:
            start = datetime(year, month or 1, day or 1)
            if day:
                end = start + timedelta(days=1)
            elif month:
                end = datetime(year + month // 12, month % 12 + 1, 1)
            else:
                end = datetime(year + 1, 1, 1)
        except (ValueError, OverflowError):
            raise BadFilter(f"is {text!r}, which is not a valid date") from None
        return _midnight(start), _midnight(end)
    try:
        return times.parse(text), None
    except ValueError as error:
        if _BROKEN_OFFSET.search(text):
            raise BadFilter(f"is {text!r}: write + in a URL as %2B, since a plain + means a space") from None
        raise BadFilter(
            f"is {text[:100]!r}, which {error}; partial dates such as 2026, 2026-11 or 2026-11-24 are valid too"
        ) from None


def read_list(text: str) -> list[str]:
    """Return the values of an `__in`: from a JSON list if it starts like one, otherwise separated by commas."""
    if text.startswith("["):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            raise BadFilter("starts with [ but is not a valid JSON list") from None
        if any(isinstance(item, list | dict) or item is None for item in items):
            raise BadFilter("must be a flat JSON list of strings, numbers, true or false")
        values = [item if isinstance(item, str) else json.dumps(item) for item in items]
        # JSON escapes can produce characters that a query string may not contain
        if any(_NO_TEXT.search(value) for value in values):
            raise BadFilter("contains a control character or half of a surrogate pair")
    else:
        values = text.split(",") if text else []
    if len(values) > IN_VALUES:
        raise BadFilter(f"has {len(values)} values, but may have at most {IN_VALUES}")
    return values


def _midnight(day: datetime) -> str:
    return f"{day.year:04}-{day.month:02}-{day.day:02}T00:00:00.000000Z"


def _value(column: Column, text: str, clauses: Clauses) -> str:
    if column.kind in _READ_NUMBER:
        try:
            return f":{clauses.bind(_READ_NUMBER[column.kind](text))}"
        except ValueError as error:
            raise BadFilter(str(error)) from None
    if column.kind == DAY:
        try:
            return f":{clauses.bind(times.parse_day(text))}"
        except ValueError as error:
            raise BadFilter(f"is {text[:100]!r}, which {error}") from None
    if column.read_text:
        return _FEEDSTOCK.format(clauses.bind(column.read_text(text)))
    return f":{clauses.bind(read_choice(column, text))}"


def read_choice(column: Column, text: str) -> str:
    """Return one of the enumerated values, from any case or a synonym, as in a request body. Raises `BadFilter`."""
    if not column.choices:
        return text
    word = read_status(text)
    if word not in column.choices:
        raise BadFilter(f"is {text[:100]!r}, but must be one of {', '.join(column.choices)}")
    return word


def split_parameter(parameter: str, columns: Iterable[str]) -> tuple[str, str]:
    """Return (column, operator) of a parameter's name. Raises KeyError if either does not exist."""
    name, separator, operator = parameter.rpartition("__")
    if not separator:
        name, operator = parameter, ""
    if name not in columns or operator not in OPERATORS:
        raise KeyError(parameter)
    return name, operator
