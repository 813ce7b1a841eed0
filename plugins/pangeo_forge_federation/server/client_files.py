"""Generate the client's files about the API from the canned queries and the field models.

The client is installed without the server, so it needs its own copy. `scripts/write-generated` updates the files, and
a test checks that they are up to date.
"""

import asyncio
import json
import tempfile
import textwrap
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from pangeo_forge_federation.api.canned_queries import CannedQuery
from pangeo_forge_federation.api.filters import OPERATORS
from pangeo_forge_federation.api.reads import parameter_kind
from pangeo_forge_federation.records.bodies import create_model_of, update_model_of
from pangeo_forge_federation.records.field_kinds import (
    BOOLEAN,
    INTEGER,
    JSON,
    NUMBER,
    TEXT,
    column_choices,
    column_kinds,
    kind_of,
    nullable_columns,
)
from pangeo_forge_federation.records.models import (
    RECORDS,
    Dataset,
    Health,
    NestedDataset,
    RecipeRun,
    Record,
)
from pangeo_forge_federation.server.application import make_datasette
from pangeo_forge_federation.services import close_databases, ensure_services
from pangeo_forge_federation.settings import ROOT
from pangeo_forge_federation.storage.data_folder import prepare
from pangeo_forge_federation.values.bakery_ids import BAKERY_ID_PATTERN
from pangeo_forge_federation.values.feedstock_names import FEEDSTOCK_NAME_PATTERN
from pangeo_forge_federation.values.text_rules import URL_PATTERN

CLIENT = ROOT / "plugins" / "pangeo_forge_federation" / "client"
API_FILE = CLIENT / "api.json"
RECORDS_FILE = CLIENT / "records.py"
READS_FILE = CLIENT / "reads.py"

# Pattern -> name of the client's check for strings of this pattern.
TEXTS = {URL_PATTERN: "url", BAKERY_ID_PATTERN: "bakery", FEEDSTOCK_NAME_PATTERN: "feedstock"}
_TYPES = {INTEGER: "int", NUMBER: "float", BOOLEAN: "bool"}
_WRITTEN = (NestedDataset, RecipeRun, Dataset)


def client_files(queries: Iterable[CannedQuery]) -> dict[Path, str]:
    """Return path -> content of the generated files."""
    queries = list(queries)
    return {API_FILE: _api(queries), RECORDS_FILE: _records(), READS_FILE: _reads(queries)}


def _api(queries: list[CannedQuery]) -> str:
    # no endpoint returns a NestedDataset alone, but runs are sent with them
    records = {query.record for query in queries} | {Health, NestedDataset}
    api = {
        "operators": {
            name: {"kinds": list(operator.kinds), "description": operator.description}
            for name, operator in OPERATORS.items()
            if name
        },
        "records": {name: described_fields(record) for name, record in RECORDS.items() if record in records},
        "endpoints": [_endpoint(query) for query in queries],
    }
    return _dump(api) + "\n"


def _dump(value: Any, indent: str = "", deep: int = 3) -> str:
    """Return JSON with one line for each item at the lowest level, for readable diffs."""
    line = json.dumps(value, ensure_ascii=False)
    if deep == 0 or not value or not isinstance(value, dict | list):
        return line
    inner = indent + " "
    if isinstance(value, list):
        parts, (first, last) = [inner + _dump(each, inner, 0) for each in value], "[]"
    else:
        parts = [f"{inner}{json.dumps(name)}: {_dump(each, inner, deep - 1)}" for name, each in value.items()]
        first, last = "{}"
    return f"{first}\n" + ",\n".join(parts) + f"\n{indent}{last}"


def described_fields(record: type[Record]) -> dict[str, Any]:
    """Return field name -> arguments of the client's `Field`."""
    kinds = column_kinds(record)
    fields: dict[str, dict[str, Any]] = {}
    for name, info in record.model_fields.items():
        # fields.py gives each a dict
        extra: Any = info.json_schema_extra or {}
        fields[name] = {"kind": kinds[name], "description": info.description}
        if choices := column_choices(record, name):
            fields[name]["choices"] = list(choices)
        # how POST and PATCH accept it
        fields[name] |= {key: extra[key] for key in ("create", "update") if extra.get(key)}
        if extra.get("create") and kinds[name] == TEXT:
            fields[name] |= _bounds(create_model_of(record).model_json_schema()["properties"][name])
    return fields


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the bounds of a string in a request, from its JSON schema."""
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return {}
    text = TEXTS.get(schema["pattern"]) or ("identifier" if schema.get("minLength") else None)
    return {"bytes": schema["maxLength"], **({"text": text} if text else {})}


def _endpoint(query: CannedQuery) -> dict[str, Any]:
    endpoint: dict[str, Any] = {
        "name": query.name,
        "path": query.path,
        "title": query.title,
        "description": query.description,
        "record": query.record.__name__,
        "one": query.one,
        "parameters": list(query.query_parameters),
    }
    if not query.one:
        endpoint |= {
            "sorts": list(query.sorts),
            "search": bool(query.search),
            "defaults": {name: str(value) for name, value in query.defaults.items()},
        }
    return endpoint


def _reads(queries: list[CannedQuery]) -> str:
    lines = [
        '"""A method for each list and record of the registry. Made by scripts/write-generated."""',
        "",
        "from pangeo_forge_federation.client import records",
        "from pangeo_forge_federation.client.pages import Pages",
        "from pangeo_forge_federation.client.reader import Reader, Value",
        "",
        "",
        "class Reads(Reader):",
        '    """A method for each GET endpoint. Those for lists take the filters and options of `rows`."""',
    ]
    for query in queries:
        ids = [f"{name}: {'int' if parameter_kind(name) == INTEGER else 'str'}" for name in query.path_parameters]
        given = ", ".join([f'"{query.name}"', *query.path_parameters])
        if query.one:
            record = f"records.{query.record.__name__}"
            # in the order of the fields, rather than of the SQL
            parameters = [name for name in query.record.model_fields if name in query.query_parameters]
            arguments = [f"{name}: Value | None = None" for name in parameters]
            call = f"self.record({', '.join([given, *(f'{name}={name}' for name in parameters)])})"
        else:
            record = f"Pages[records.{query.record.__name__}]"
            arguments, call = ["**filters: Value"], f"self.rows({given}, filters=filters)"
        name = query.name.removeprefix("get_" if query.one else "list_")
        lines += ["", f"    def {name}({', '.join(['self', *ids, *arguments])}) -> {record}:", *_docstring(query)]
        lines.append(f"        return {call}")
    return "\n".join(lines) + "\n"


def _docstring(query: CannedQuery) -> list[str]:
    title = f"{query.title.rstrip('.')}."
    if not query.description:
        return [f'        """{title}"""']
    text = textwrap.wrap(query.description, 112)
    return [f'        """{title}', "", *(f"        {line}" for line in text), '        """']


def _records() -> str:
    lines = [
        '"""The records that the registry returns and accepts. Made by scripts/write-generated."""',
        "",
        "from typing import Any, NotRequired, TypedDict",
    ]
    # RECORDS has each record after those that it refers to
    for name, record in RECORDS.items():
        nullable = nullable_columns(record)
        parent = next((each for each in RECORDS.values() if each is record.__base__), None)
        base = parent.__name__ if parent else "TypedDict"
        lines += ["", "", f"class {name}({base}):", f'    """{record.__doc__}"""', ""]
        for field, kind in column_kinds(record).items():
            if parent and field in parent.model_fields:
                continue
            annotation = _annotation(record.model_fields[field].annotation, kind)
            lines.append(f"    {field}: {annotation}{' | None' if field in nullable else ''}")
    for record in _WRITTEN:
        lines += _body(
            record.__name__ + "Create", f"The body of a POST that records a {record.__name__}.", create_model_of(record)
        )
        if update_model_of(record).model_fields:
            lines += _body(
                record.__name__ + "Update",
                f"The body of a PATCH that changes a {record.__name__}.",
                update_model_of(record),
            )
    return "\n".join(lines) + "\n"


def _body(name: str, words: str, model: type[BaseModel]) -> list[str]:
    lines = ["", "", f"class {name}(TypedDict):", f'    """{words}"""', ""]
    properties = model.model_json_schema()["properties"]
    for field, info in model.model_fields.items():
        annotation = _annotation(info.annotation, kind_of(properties[field]))
        if any(each is type(None) for each in get_args(info.annotation)):
            annotation += " | None"
        lines.append(f"    {field}: {annotation if info.is_required() else f'NotRequired[{annotation}]'}")
    return lines


def _annotation(annotation: Any, kind: str) -> str:
    if get_origin(annotation) in (UnionType, None) and get_args(annotation):
        # a nullable field
        annotation = next(each for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is list:
        item = get_args(annotation)[0]
        if issubclass(item, BaseModel):
            name = item.__name__ if item.__name__ in RECORDS else "NestedDatasetCreate"
            return f"list[{name}]"
        return "list[str]"
    if get_origin(annotation) is dict:
        return "dict[str, int]"
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation.__name__
    return "Any" if kind == JSON else _TYPES.get(kind, "str")


async def write_client_files() -> None:
    """Write the files for this checkout's queries and models."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        datasette = make_datasette(Path(folder))
        await datasette.invoke_startup()
        for path, text in client_files(ensure_services(datasette).queries.values()).items():
            path.write_text(text, "utf-8")
        close_databases(datasette)


if __name__ == "__main__":
    asyncio.run(write_client_files())
