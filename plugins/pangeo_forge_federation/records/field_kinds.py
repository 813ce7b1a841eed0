"""The kind of value in each column of a record, derived from its model. Filters and output formats depend on it."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pangeo_forge_federation.records.models import Record

TEXT, INTEGER, NUMBER, BOOLEAN = "text", "integer", "number", "boolean"
TIME, DAY, JSON = "time", "day", "json"

_OF_TYPE = {
    "integer": INTEGER,
    "number": NUMBER,
    "boolean": BOOLEAN,
    "string": TEXT,
    "array": JSON,
    "object": JSON,
}
_OF_FORMAT = {"date-time": TIME, "date": DAY}


@cache
def column_kinds(record: type[Record]) -> Mapping[str, str]:
    """Return a mapping of column to kind, in the order of the model."""
    properties = record.model_json_schema()["properties"]
    return MappingProxyType({name: kind_of(schema) for name, schema in properties.items()})


@cache
def nullable_columns(record: type[Record]) -> frozenset[str]:
    """Return the columns that may be null."""
    properties = record.model_json_schema()["properties"]
    return frozenset(name for name, schema in properties.items() if {"type": "null"} in schema.get("anyOf", ()))


@cache
def column_choices(record: type[Record], column: str) -> tuple[str, ...]:
    """Return the values that a column may have, if they are enumerated."""
    schema = record.model_json_schema()["properties"][column]
    return next((tuple(each["enum"]) for each in (schema, *schema.get("anyOf", ())) if "enum" in each), ())


@cache
def has_long_message(record: type[Record]) -> bool:
    """Return whether a record's message may be long, such as a traceback. Lists show only its beginning."""
    schema = record.model_json_schema()["properties"].get("message", {})
    return any(each.get("maxLength", 0) > 10_000 for each in (schema, *schema.get("anyOf", ())))


def kind_of(schema: Mapping) -> str:
    """Return the kind of a field from its JSON Schema."""
    # the schema of a nullable field is `anyOf` its type and null
    for choice in (schema, *schema.get("anyOf", ())):
        if choice.get("format") in _OF_FORMAT:
            return _OF_FORMAT[choice["format"]]
        if choice.get("type") in _OF_TYPE:
            return _OF_TYPE[choice["type"]]
    return JSON
