"""Rows of a list as JSON, made by SQLite: one text a row, in place of twenty values that Python would make into one.

For 100 recipe runs that is a third of the time. The texts are those that `json_text.dump_json` makes of the same row.
A row's text has to stay below what a reader's connection accepts (`connections.LENGTH_LIMIT`), escapes included: so
messages are cut here, and objects with everything in them are made by `rows.py`.
"""

from functools import cache

from pangeo_forge_federation.records.field_kinds import (
    BOOLEAN,
    JSON,
    NUMBER,
    column_kinds,
    has_long_message,
    nullable_columns,
)
from pangeo_forge_federation.records.models import Record
from pangeo_forge_federation.records.rows import MESSAGE, MESSAGE_CHARACTERS, MESSAGE_TRUNCATED

ROW = "json_row"
# a function of the connections that read: a number as JSON, with all of its digits
JSON_NUMBER = "json_number"


@cache
def json_row(record: type[Record], columns: tuple[str, ...]) -> str:
    """The SQL expression that makes a JSON object of these columns of a row, as lists show them."""
    kinds = column_kinds(record)
    members = []
    for name in columns:
        if name == MESSAGE and has_long_message(record):
            members.append(f"'{MESSAGE}', substr({MESSAGE}, 1, {MESSAGE_CHARACTERS})")
            truncated = boolean(f"coalesce(length({MESSAGE}), 0) > {MESSAGE_CHARACTERS}")
            members.append(f"'{MESSAGE_TRUNCATED}', {truncated}")
        else:
            members.append(f"'{name}', {_value(name, kinds[name], name in nullable_columns(record))}")
    return f"json_object({', '.join(members)}) as {ROW}"


def _value(name: str, kind: str, nullable: bool) -> str:
    if kind == NUMBER:
        # SQLite itself writes 15 digits, and so another number than was sent
        return f'json({JSON_NUMBER}("{name}"))'
    return json_value(f'"{name}"', kind, nullable)


def boolean(condition: str) -> str:
    """A condition that is not null as `true` or `false`."""
    return f"json(iif({condition}, 'true', 'false'))"


def json_value(value: str, kind: str, nullable: bool) -> str:
    """The value of a column, by its kind (`columns.py`); what JSON and SQLite write alike stays as it is."""
    if kind == BOOLEAN and nullable:
        return f"json(case {value} when 1 then 'true' when 0 then 'false' else 'null' end)"
    if kind == BOOLEAN:
        return boolean(value)
    return f"json({value})" if kind == JSON else value
