"""Read the rows of a file of recipe runs (NDJSON, a JSON array or CSV), with their line numbers."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from pangeo_forge_federation.client.endpoints import records

NDJSON, JSON, CSV = "ndjson", "json", "csv"
FORMATS = (NDJSON, JSON, CSV)

_SUFFIXES = {".csv": CSV, ".json": JSON, ".ndjson": NDJSON, ".jsonl": NDJSON, ".nl": NDJSON}
_LONGEST_FIELD = 10_000_000


@dataclass(frozen=True)
class Row:
    """A row of a file.

    Attributes:
        line: The line in which it begins, from 1; in a JSON array, the number of the item.
        values: Column -> value.
        error: Why the row cannot be read, or None.
    """

    line: int
    values: dict[str, Any]
    error: str | None = None


class BadFile(Exception):
    """The file as a whole cannot be read. The message says why."""


def read_rows(file: BinaryIO, name: str, form: str | None, names: Mapping[str, str]) -> Iterator[Row]:
    """Yield the rows one by one; only a JSON array is read all at once.

    `names` maps the columns of a CSV file that have another name to fields, which determine how cells are read.

    Raises:
        BadFile: The file is not in the format.
    """
    first = _first_byte(file)
    if form is None:
        form = next((each for suffix, each in _SUFFIXES.items() if name.lower().endswith(suffix)), None)
        # the suffix may be wrong: an array in an .ndjson file, or NDJSON in a .json file
        if form in (None, JSON, NDJSON):
            form = {b"[": JSON, b"{": NDJSON}.get(first, form or CSV)
    if form == CSV:
        return _csv(file, names)
    return _ndjson(file) if form == NDJSON else _json(file)


def _first_byte(file: BinaryIO) -> bytes:
    peeked = file.peek(1024)[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()  # type: ignore[attr-defined]
    return peeked[:1]


def _ndjson(file: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            yield _row(number, line)


def _row(number: int, text: bytes) -> Row:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Row(number, {}, "the line is not valid JSON")
    return _checked(number, value)


def _checked(number: int, value: Any) -> Row:
    return Row(number, value) if isinstance(value, dict) else Row(number, {}, "the row is not a JSON object")


def _json(file: BinaryIO) -> Iterator[Row]:
    try:
        values = json.loads(file.read().removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"it is not valid JSON: {error}") from None
    if not isinstance(values, list):
        raise BadFile("it does not contain a JSON array")
    for number, value in enumerate(values, start=1):
        yield _checked(number, value)


def _csv(file: BinaryIO, names: Mapping[str, str]) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.TextIOWrapper(file, "utf-8-sig", newline=""), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise BadFile("it is empty")
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != len(header):
                yield Row(line, {}, f"the row has {len(cells)} cells, but the header has {len(header)}")
                continue
            yield _csv_row(line, dict(zip(header, cells, strict=True)), names)
    except UnicodeDecodeError:
        raise BadFile("it is not UTF-8") from None
    except csv.Error as error:
        raise BadFile(f"line {reader.line_num} is not valid CSV: {error}") from None


def _csv_row(line: int, cells: dict[str, str], names: Mapping[str, str]) -> Row:
    """Return a row with JSON values. Empty cells are left out."""
    values: dict[str, Any] = {}
    fields = records()["RecipeRun"]
    for name, text in cells.items():
        if not text:
            continue
        field = fields.get(names.get(name, name))
        try:
            # fields that only the registry sets are left out later
            values[name] = field.read(text) if field and field.create else text
        except ValueError as error:
            return Row(line, {}, f"{name} {error}")
    return Row(line, values)
