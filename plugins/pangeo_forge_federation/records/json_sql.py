"""Columns of SQLite as JSON, as an expression of SQL: the same in views and in the lists that SQLite makes."""

from pangeo_forge_federation.records.field_kinds import BOOLEAN, JSON


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
