"""Write records to stdout as a table, JSON, NDJSON or CSV. Lists are written row by row as they arrive."""

import csv
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import click

from pangeo_forge_federation.client.endpoints import Field, records
from pangeo_forge_federation.client.table import cell, fit, status_style, width

TABLE, JSON, NDJSON, CSV = "table", "json", "nl", "csv"

# The default columns of tables, by record; for other records, the first few.
COLUMNS = {
    "Bakery": ("id", "region", "cluster_type", "listed", "recipe_runs_count", "datasets_count"),
    "Feedstock": ("id", "title", "latest_recipe_run_status", "last_success_at", "recipe_runs_count", "problems_count"),
    "RecipeRun": ("id", "run_date", "status", "is_stale", "feedstock_id", "recipe_id", "bakery_id"),
    "RecipeRunEvent": ("id", "at", "status", "actor_bakery_id", "message"),
    "Recipe": ("recipe_id", "object", "latest_recipe_run_status", "last_success_at"),
    "Dataset": ("id", "url", "format", "feedstock_id", "latest_recipe_run_status", "last_success_at"),
    "Problem": ("repository", "source_file", "line", "severity", "message"),
    "Snapshot": ("name", "bytes", "created_at", "sha256", "url"),
    "SyncRun": ("id", "source", "started_at", "added", "changed", "removed", "problems"),
}
_SHOWN_OF_OTHERS = 6
# how many rows determine the widths of a table's columns
_MEASURED = 200
_GAP = "  "


def has_colours() -> bool:
    """Return whether to use colours: stdout is a terminal, and NO_COLOR is not set (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def columns_of(record: str) -> tuple[str, ...]:
    """Return the default columns of a table of these records."""
    if record in COLUMNS:
        return COLUMNS[record]
    plain = [name for name, field in records()[record].items() if field.kind != "json"]
    return tuple(plain[:_SHOWN_OF_OTHERS])


def write_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], form: str) -> None:
    """Write a list to stdout, row by row."""
    writer = {TABLE: _table, JSON: _json, NDJSON: _ndjson, CSV: _csv}[form]
    for piece in writer(iter(rows), columns):
        sys.stdout.write(piece)
    sys.stdout.flush()


def write_record(record: Mapping[str, Any], fields: Mapping[str, Field], form: str) -> None:
    """Write one record to stdout."""
    if form == TABLE:
        for line in _lines(record, fields):
            click.echo(line)
    elif form == JSON:
        click.echo(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        write_rows([record], list(record), form)


def _json(rows: Iterator[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield before + json.dumps(row, ensure_ascii=False)
        before = ",\n "
    yield "[]\n" if before == "[" else "]\n"


def _ndjson(rows: Iterator[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _csv(rows: Iterator[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(columns)
    head = line.text
    for row in rows:
        writer.writerow([_csv_cell(row.get(name)) for name in columns])
        yield head + line.text
        head = ""
    yield head


class _Line:
    """A file for `csv.writer` that keeps the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _table(rows: Iterator[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[str]:
    # the status column shows whether a run is stale
    shown = [name for name in columns if name != "is_stale" or "status" not in columns]
    first = list(islice(rows, _MEASURED))
    cells = [[cell(row, name) for name in shown] for row in first]
    widths = [max(width(text) for text in column) for column in zip(shown, *cells, strict=True)]
    if sys.stdout.isatty():
        widths = fit(widths, shutil.get_terminal_size().columns, len(_GAP))
    colours = has_colours()
    head = "" if not first else click.style(_line(shown, widths), bold=True) if colours else _line(shown, widths)
    for row in chain(first, rows):
        texts = [cell(row, name) for name in shown]
        styles = [status_style(row, name) if colours else {} for name in shown]
        yield f"{head}{_line(texts, widths, styles)}"
        head = ""
    yield head


def _line(texts: Sequence[str], widths: Sequence[int], styles: Sequence[Mapping[str, Any]] = ()) -> str:
    parts = []
    for index, (text, wide) in enumerate(zip(texts, widths, strict=True)):
        cut = text if width(text) <= wide else _cut(text, wide)
        style = styles[index] if styles else {}
        padding = " " * (wide - width(cut)) if index + 1 < len(widths) else ""
        parts.append((click.style(cut, **style) if style else cut) + padding)
    return _GAP.join(parts).rstrip() + "\n"


def _cut(text: str, wide: int) -> str:
    while text and width(text) > wide - 1:
        text = text[:-1]
    return text + "…"


def _lines(record: Mapping[str, Any], fields: Mapping[str, Field]) -> Iterator[str]:
    """Yield a record as lines of `name  value`, with a line for each item of a list."""
    wide = max(map(len, record), default=0)
    for name, value in record.items():
        if isinstance(value, list) and value:
            yield f"{name:<{wide}}  {_item(value[0])}"
            yield from (" " * (wide + 2) + _item(item) for item in value[1:])
        elif isinstance(value, dict):
            yield f"{name:<{wide}}  {_item(value)}".rstrip()
        elif isinstance(value, str) and fields[name].kind == "text" and "\n" in value.strip():
            lines = [cell({"": line}, "", whole=True) for line in value.strip().splitlines()]
            yield f"{name:<{wide}}  {lines[0]}"
            yield from ((" " * (wide + 2) + line).rstrip() for line in lines[1:])
        else:
            text = cell(record, name)
            style = status_style(record, name) if has_colours() else {}
            yield f"{name:<{wide}}  {click.style(text, **style) if style else text}".rstrip()


def _item(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_item(each)}" for name, each in value.items() if each is not None)
    if isinstance(value, list):
        return "[" + ", ".join(_item(each) for each in value) + "]"
    return cell({"": value}, "")
