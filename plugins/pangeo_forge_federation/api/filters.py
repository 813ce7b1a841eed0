"""Filters of lists, `column=value` and `column__operator=value`, as where clauses with bound values.

The operators are Datasette's. A new one is a line in OPERATORS, with a function if none here fits: validation and the
OpenAPI document take it from there, and so does the client, by `scripts/write-generated`. A value is read by the kind
of its column; a date that is not whole stands for its whole span: `gte` from its start, `lte` to its end, `=` within.
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

# More values than this in one `__in` are better asked for in parts.
IN_VALUES = 500
# More than this are not looked up one by one: each costs a page of its own.
MERGED_VALUES = 20

_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_BROKEN_OFFSET = re.compile(r"\d{2} \d{2}:\d{2}\Z", re.ASCII)
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# SQLite refuses a longer pattern, in bytes
_PATTERN_BYTES = 50_000
# Which kinds of column an operator goes with.
SCALARS = (TEXT, INTEGER, NUMBER, BOOLEAN, TIME, DAY)
ORDERED = (TEXT, INTEGER, NUMBER, TIME, DAY)
TEXTS = (TEXT, TIME, DAY)
_KIND_WORDS = {INTEGER: "a number", NUMBER: "a number", BOOLEAN: "true or false"}
_BOOLEANS = {"true": 1, "1": 1, "false": 0, "0": 0}
_READ_NUMBER: Mapping[str, Callable[[str], float]] = {INTEGER: numbers.read_integer, NUMBER: numbers.read_number}
# A feedstock may be named by an id it had before; a live id wins.
_FEEDSTOCK = """(
        select id from feedstocks where id = :{0}
        union all
        select feedstock_id from feedstock_aliases where alias = :{0}
        union all
        select :{0}
        limit 1
    )"""


class BadFilter(ValueError):
    """A filter that cannot be read, in a sentence that goes on from the parameter's name."""


@dataclass
class Clauses:
    """Where clauses that hold together, with the values they bind."""

    where: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Bind a value. The name of its parameter, without the colon."""
        name = f"filter_{len(self.values)}"
        self.values[name] = value
        return name


@dataclass(frozen=True)
class Column:
    """A column that is filtered on."""

    name: str
    kind: str
    # of a feedstock's id: reads what a text means before the database is asked, such as owner/name
    read_text: Callable[[str], str] | None = None
    # the texts that there are, where they are few
    choices: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """Its name, quoted."""
        return f'"{self.name}"'


def _exact(column: Column, text: str, clauses: Clauses) -> str:
    if column.kind == BOOLEAN:
        # written so, SQLite finds a partial index on the condition behind the column; it does not for `= 1`
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
            # beyond a span means beyond its end, up to it means to its end
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
            raise BadFilter(f"is longer than {_PATTERN_BYTES} bytes")
        return f"{column.sql} like :{clauses.bind(pattern.format(escaped))} escape '\\'"

    return clause


def _isnull(column: Column, text: str, clauses: Clauses) -> str:
    # a list of both lifts a default without asking for anything else
    wanted = {read_boolean(value) for value in read_list(text)}
    if len(wanted) != 1:
        return "1" if wanted else "0"
    return f"{column.sql} is {'null' if wanted == {1} else 'not null'}"


# What stands behind the `=`: a value of the column's kind, a part of a text, several values, or true and false.
VALUE, PART, VALUES, BOOLEANS = "value", "part", "values", "booleans"


@dataclass(frozen=True)
class Operator:
    """One operator, with all that validation, the OpenAPI document and the docs need of it."""

    clause: Callable[[Column, str, Clauses], str]
    description: str
    kinds: tuple[str, ...]
    takes: str = VALUE


OPERATORS: Mapping[str, Operator] = {
    "": Operator(_exact, "equal", SCALARS),
    "in": Operator(_in, "one of several: with commas, or as a JSON list", SCALARS, VALUES),
    "not": Operator(_not, "not equal", SCALARS),
    "gt": Operator(_compare(">"), "greater or later", ORDERED),
    "gte": Operator(_compare(">="), "greater, later or equal", ORDERED),
    "lt": Operator(_compare("<"), "less or earlier", ORDERED),
    "lte": Operator(_compare("<="), "less, earlier or equal", ORDERED),
    "contains": Operator(_like("%{}%"), "contains this text, letter case aside", TEXTS, PART),
    "startswith": Operator(_like("{}%"), "starts with this text, letter case aside", TEXTS, PART),
    "endswith": Operator(_like("%{}"), "ends with this text, letter case aside", TEXTS, PART),
    "isnull": Operator(_isnull, "true: is null; false: is not; both, with a comma: whichever", SCALARS, BOOLEANS),
}


def apply_filter(column: Column, operator: str, text: str, clauses: Clauses) -> None:
    """Add the clause of one filter. Raises `BadFilter`."""
    if column.kind == JSON:
        raise BadFilter("is a list or an object, which cannot be filtered on")
    if column.kind not in OPERATORS[operator].kinds:
        there = ", ".join(f"__{name}" for name, each in OPERATORS.items() if name and column.kind in each.kinds)
        raise BadFilter(f"does not go with {_KIND_WORDS[column.kind]}: there are {there}")
    clauses.where.append(OPERATORS[operator].clause(column, text, clauses))


def read_alternatives(column: Column, text: str, clauses: Clauses) -> tuple[str, ...]:
    """The clauses of an `__in`, one a value; none where there are too few or too many. Raises `BadFilter`."""
    values = list(dict.fromkeys(read_list(text)))
    if not 2 <= len(values) <= MERGED_VALUES:
        return ()
    return tuple(_exact(column, value, clauses) for value in values)


def read_boolean(text: str) -> int:
    """1 or 0. Raises BadFilter."""
    value = _BOOLEANS.get(text)
    if value is None:
        raise BadFilter(f"is {text!r}, and must be true, false, 1 or 0")
    return value


def read_span(text: str) -> tuple[str, str | None]:
    """The start of a date's span and the start of what follows it; (instant, None) for a whole date and time."""
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
            raise BadFilter(f"is {text!r}, which is no date that exists") from None
        return _midnight(start), _midnight(end)
    try:
        return times.parse(text), None
    except ValueError as error:
        if _BROKEN_OFFSET.search(text):
            raise BadFilter(f"is {text!r}: a + in a URL must be written %2B, or it is read as a blank") from None
        raise BadFilter(
            f"is {text[:100]!r}, which {error}; a date may also be cut: 2026, 2026-11 or 2026-11-24"
        ) from None


def read_list(text: str) -> list[str]:
    """The values of an `__in`: a JSON list where it begins like one, else separated by commas."""
    if text.startswith("["):
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            raise BadFilter("begins with [ but is not a JSON list") from None
        if any(isinstance(item, list | dict) or item is None for item in items):
            raise BadFilter("must be a flat JSON list of texts, numbers, true or false")
        values = [item if isinstance(item, str) else json.dumps(item) for item in items]
        # JSON escapes bring what the query string itself may not: SQLite takes no half of a surrogate pair
        if any(_NO_TEXT.search(value) for value in values):
            raise BadFilter("holds a control character or half of a surrogate pair")
    else:
        values = text.split(",") if text else []
    if len(values) > IN_VALUES:
        raise BadFilter(f"holds {len(values)} values, and takes at most {IN_VALUES}")
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
    """A text that is one of a few: in any letter case, and the usual synonyms, as when it is written."""
    if not column.choices:
        return text
    word = read_status(text)
    if word not in column.choices:
        raise BadFilter(f"is {text[:100]!r}, and must be one of {', '.join(column.choices)}")
    return word


def split_parameter(parameter: str, columns: Iterable[str]) -> tuple[str, str]:
    """(column, operator) of a parameter's name. Raises KeyError when there is no such column or operator."""
    name, separator, operator = parameter.rpartition("__")
    if not separator:
        name, operator = parameter, ""
    if name not in columns or operator not in OPERATORS:
        raise KeyError(parameter)
    return name, operator
