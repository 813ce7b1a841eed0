"""The formats of lists, one class per format. Adding a class to FORMATS adds a format everywhere."""

import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pangeo_forge_federation.api.paging import DEFAULT_SIZE
from pangeo_forge_federation.problems import ProblemDetails
from pangeo_forge_federation.records.field_kinds import BOOLEAN, DAY, INTEGER, NUMBER, TIME
from pangeo_forge_federation.records.rows import csv_line, to_cells, to_object
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.web.replies import JSON as JSON_TYPE

# Size limit, in bytes, of a whole list that is not streamed. The limit of its rows is `reads.COUNT_CAP`.
MAX_BYTES = 16 * 1024 * 1024


class Format:
    """A format of lists. An instance writes one body: `head()`, then `rows()` for each page, then `tail()`.

    Attributes:
        name: The value of `_format`.
        content_type: The `Content-Type` header.
        default_size: Rows of a response without `_size`; None for the whole list.
        streams: Whether a whole list is sent while it is read. If not, it is one body of limited size, with an ETag.
        rows_are_json: Whether SQLite writes each row, as one JSON object (`json_rows.py`).
        compressible: Whether gzip makes the body smaller.
        file_ending: Ending of the file name in `Content-Disposition`; without one the header is not sent.
        link_text: Text of links to this format on pages; without one there are no links.
    """

    name: ClassVar[str]
    content_type: ClassVar[str]
    default_size: ClassVar[int | None] = None
    streams: ClassVar[bool] = True
    rows_are_json: ClassVar[bool] = False
    compressible: ClassVar[bool] = True
    file_ending: ClassVar[str] = ""
    link_text: ClassVar[str] = ""

    def __init__(self, columns: Sequence[str], kinds: Mapping[str, str]):
        self.columns = columns
        self.kinds = kinds

    def head(self) -> bytes:
        """Return the bytes before the rows."""
        return b""

    def rows(self, rows: Sequence[Sequence]) -> bytes:
        """Return the bytes of the rows of one page."""
        raise NotImplementedError

    def tail(self) -> bytes:
        """Return the bytes after the rows."""
        return b""

    @classmethod
    def openapi_content(cls, item: Mapping[str, Any]) -> dict[str, Any]:
        """Return OpenAPI's media type object of a list whose items have the schema `item`."""
        return {"schema": {"type": "string"}}


class Json(Format):
    """A JSON array, one page at a time."""

    name = "json"
    content_type = JSON_TYPE
    default_size = DEFAULT_SIZE
    rows_are_json = True
    link_text = "JSON"

    def head(self) -> bytes:
        return b"["

    def rows(self, rows: Sequence[Sequence]) -> bytes:
        return ",".join([row[0] for row in rows]).encode()

    def tail(self) -> bytes:
        return b"]"

    @classmethod
    def openapi_content(cls, item: Mapping[str, Any]) -> dict[str, Any]:
        envelope = {
            "type": "object",
            "required": ["rows", "next", "next_url"],
            "properties": {
                "rows": {"type": "array", "items": item},
                "next": {"type": ["string", "null"]},
                "next_url": {"type": ["string", "null"]},
                "count": {"type": "integer"},
                "count_capped": {"type": "boolean"},
            },
            "additionalProperties": False,
        }
        return {"schema": {"oneOf": [{"type": "array", "items": item}, envelope]}}


class Csv(Format):
    """RFC 4180, with a header line."""

    name = "csv"
    content_type = "text/csv; charset=utf-8"
    link_text = "CSV"

    def head(self) -> bytes:
        return csv_line(self.columns)

    def rows(self, rows: Sequence[Sequence]) -> bytes:
        return b"".join([csv_line(to_cells(self.columns, row, self.kinds)) for row in rows])


class Ndjson(Format):
    """One JSON object per line."""

    name = "ndjson"
    content_type = "application/x-ndjson; charset=utf-8"

    def rows(self, rows: Sequence[Sequence]) -> bytes:
        return b"".join(dump_json(to_object(self.columns, row, self.kinds)) + b"\n" for row in rows)


class Parquet(Format):
    """Apache Parquet with typed columns; each page of rows is a row group. Needs pyarrow.

    Raises:
        ProblemDetails: 406 without pyarrow; 400 if the file is larger than MAX_BYTES.
    """

    name = "parquet"
    content_type = "application/vnd.apache.parquet"
    streams = False
    compressible = False
    file_ending = ".parquet"

    def __init__(self, columns: Sequence[str], kinds: Mapping[str, str]):
        super().__init__(columns, kinds)
        try:
            # slow to import, and optional
            import pyarrow
            from pyarrow.parquet import ParquetWriter
        except ImportError:
            detail = (
                "Parquet needs pyarrow, which this registry does not have: request csv or ndjson, or install it in the "
                "registry's checkout with `.venv/bin/pip install -e '.[parquet]'` and restart"
            )
            raise ProblemDetails("not-acceptable", detail) from None
        types = {
            INTEGER: pyarrow.int64(),
            NUMBER: pyarrow.float64(),
            BOOLEAN: pyarrow.bool_(),
            TIME: pyarrow.timestamp("us", "UTC"),
            DAY: pyarrow.date32(),
        }
        self._schema = pyarrow.schema([(name, types.get(kinds[name], pyarrow.string())) for name in columns])
        self._arrow = pyarrow
        self._file = io.BytesIO()
        self._writer = ParquetWriter(self._file, self._schema, compression="zstd")

    def rows(self, rows: Sequence[Sequence]) -> bytes:
        if rows:
            columns = zip(self._schema.types, zip(*rows, strict=True), strict=True)
            arrays = [self._arrow.array(values).cast(kind) for kind, values in columns]
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        if self._file.tell() > MAX_BYTES:
            raise too_large(type(self), f"{MAX_BYTES // 1024**2} MiB")
        return b""

    def tail(self) -> bytes:
        self._writer.close()
        return self._file.getvalue()

    @classmethod
    def openapi_content(cls, item: Mapping[str, Any]) -> dict[str, Any]:
        # OpenAPI 3.1 has no schema for binary data
        return {}


FORMATS: Mapping[str, type[Format]] = {each.name: each for each in (Json, Csv, Ndjson, Parquet)}


def too_large(form: type[Format], limit: str) -> ProblemDetails:
    """Return the problem of a whole list that is beyond a limit of its format."""
    streamed = " or ".join(each.name for each in FORMATS.values() if each.streams and each.default_size is None)
    detail = f"this list has more than {limit}, the limit for {form.name}: add a filter, or request {streamed}"
    return ProblemDetails("answer-too-large", detail)
