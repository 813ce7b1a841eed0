"""Converts rows from SQLite to JSON values and CSV cells, by the kind of each column."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pangeo_forge_federation.records.field_kinds import BOOLEAN, JSON

# A list of a thousand tracebacks could be 64 MB: lists contain the beginning of a message, a single run all of it.
MESSAGE_CHARACTERS = 500
MESSAGE = "message"
MESSAGE_TRUNCATED = "message_truncated"


def to_object(columns: Sequence[str], row: Sequence, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return a row as an object, with booleans and parsed JSON."""
    return {name: _json_value(value, kinds.get(name)) for name, value in zip(columns, row, strict=True)}


def csv_line(cells: Iterable[Any]) -> bytes:
    """Return a record of CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8")


def to_cells(columns: Sequence[str], row: Sequence, kinds: Mapping[str, str]) -> list[Any]:
    """Return a row as CSV cells: null is empty, a boolean is true or false, a list is JSON."""
    return [_cell(value, kinds.get(name)) for name, value in zip(columns, row, strict=True)]


def _json_value(value: Any, kind: str | None) -> Any:
    if value is None:
        return None
    if kind == BOOLEAN:
        return bool(value)
    if kind == JSON:
        return json.loads(value)
    return value


def _cell(value: Any, kind: str | None) -> Any:
    if kind == BOOLEAN and value is not None:
        return "true" if value else "false"
    return value
