"""The OpenAPI 3.1 document, generated from the canned queries, the operations and the models of records.

A parameter's schema says exactly what `filters.py` and `list_requests.py` accept, so that a client made from the
document is never refused for what the document allows.
"""

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pangeo_forge_federation.api.canned_queries import CannedQuery, parameters_of
from pangeo_forge_federation.api.filters import BOOLEANS, OPERATORS, PART, VALUES
from pangeo_forge_federation.api.formats import FORMATS
from pangeo_forge_federation.api.list_requests import EXTRAS, SEARCH, SHAPES
from pangeo_forge_federation.api.openapi_headers import OF_A_LIST, OF_A_MOVE, OF_A_PROBLEM, OF_A_RECORD, OF_A_WRITE
from pangeo_forge_federation.api.paging import DEFAULT_SIZE, MAX_SIZE
from pangeo_forge_federation.api.reads import parameter_kind
from pangeo_forge_federation.api.routes import Call, Operation, refuse_parameters
from pangeo_forge_federation.api.writes import MAX_RUNS
from pangeo_forge_federation.problems import CONTENT_TYPE, TYPE_PREFIX
from pangeo_forge_federation.records.field_kinds import (
    BOOLEAN,
    DAY,
    INTEGER,
    JSON,
    NUMBER,
    TEXT,
    TIME,
    column_choices,
    column_kinds,
    has_long_message,
)
from pangeo_forge_federation.records.field_types import DAY_SCHEMA, TIME_SCHEMA, YEAR_PATTERN
from pangeo_forge_federation.records.models import Record
from pangeo_forge_federation.records.rows import MESSAGE_CHARACTERS, MESSAGE_TRUNCATED
from pangeo_forge_federation.values.bakery_ids import BAKERY_ID_PATTERN
from pangeo_forge_federation.values.feedstock_names import FEEDSTOCK_NAME_PATTERN
from pangeo_forge_federation.values.json_text import dump_json
from pangeo_forge_federation.values.numbers import LARGEST_INTEGER, SMALLEST_INTEGER
from pangeo_forge_federation.version import package_version
from pangeo_forge_federation.web.replies import JSON as JSON_TYPE
from pangeo_forge_federation.web.replies import Reply, cacheable
from pangeo_forge_federation.web.request_bodies import JSON_TYPES, PATCH_TYPES

DESCRIPTION = """\
What the Pangeo Forge federation is doing: which bakeries and feedstocks exist, which recipes ran where and when and how
that went, and which datasets came out. Reading needs no token.
[docs/api.md](https://github.com/pangeo-forge/federation-api/blob/main/docs/api.md) has the conventions: filters,
paging, formats, caching and errors.
"""
# text without control characters, which is what a query string may hold
_PRINTABLE = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$"
_TEXT = {"type": "string", "pattern": _PRINTABLE}
_SCHEMA_OF_KIND: Mapping[str, dict[str, Any]] = {
    TEXT: _TEXT,
    INTEGER: {"type": "integer", "minimum": SMALLEST_INTEGER, "maximum": LARGEST_INTEGER},
    NUMBER: {"type": "number"},
    BOOLEAN: {"type": "boolean"},
    TIME: {
        "anyOf": [
            {"type": "string", "pattern": f"^{YEAR_PATTERN}$"},
            {"type": "string", "pattern": f"^{YEAR_PATTERN}-(0[1-9]|1[0-2])$"},
            {"type": "string", **DAY_SCHEMA},
            {"type": "string", **TIME_SCHEMA},
        ]
    },
    DAY: {"type": "string", **DAY_SCHEMA},
}
_BOOLEANS = {"type": "string", "pattern": r"^(true|false|0|1)(,(true|false|0|1))*$"}
# separated by commas; a JSON list, which begins with a bracket, is accepted too
_LIST_OF_TEXTS = {"type": "string", "pattern": r"^([^\[\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*)?$"}


async def get_openapi(call: Call) -> Reply:
    """GET /openapi.json."""
    refuse_parameters(call)
    return cacheable(dump_json(document(call.services.queries, call.services.operations, call.address.base)))


def document(
    queries: Mapping[str, CannedQuery], operations: Mapping[tuple[str, str], Operation], base: str
) -> dict[str, Any]:
    """Return the OpenAPI document of these queries and operations, served at `base`."""
    paths: dict[str, dict[str, Any]] = {}
    for query in queries.values():
        for index, path in enumerate(query.paths):
            operation = _query_operation(query)
            if index:
                # an operationId stands once in a document
                operation |= {"operationId": f"{query.name}_alias", "deprecated": True}
            paths.setdefault(path, {})["get"] = operation
    for (path, method), described in operations.items():
        paths.setdefault(path, {})[method.lower()] = _operation(path, method, described)
    records = {query.record for query in queries.values()}
    records |= {operation.record for operation in operations.values() if operation.record}
    bodies = {operation.body for operation in operations.values() if operation.body}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pangeo Forge Federation API",
            "version": package_version(),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "schemas": {**_schemas(records | bodies), **_list_items(queries), "Problem": PROBLEM_SCHEMA},
            "responses": PROBLEM_RESPONSES,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "pfk_<id>_<secret>",
                    "description": "A bakery's token, made by `scripts/tokens.py create`.",
                }
            },
        },
    }


PROBLEM_SCHEMA = {
    "type": "object",
    "description": "Problem details (RFC 9457). `docs/errors.md` lists the types and what to do about each.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": [TYPE_PREFIX + "not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "All errors in the request body.",
            "items": {
                "type": "object",
                "required": ["detail", "pointer"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901) to the value in the body."},
                },
            },
        },
        "parameter": {"type": "string", "description": "The invalid parameter."},
        "request_id": {"type": "string", "description": "ID of the request in the server's log, as in `X-Request-Id`."},
    },
}
_PROBLEM_RESPONSE = {
    "description": "What went wrong, and what to do about it.",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PROBLEM_RESPONSES = {
    "Problem": _PROBLEM_RESPONSE,
    **{f"Problem{status}": {**_PROBLEM_RESPONSE, "headers": headers} for status, headers in OF_A_PROBLEM.items()},
    "Moved": {"description": "The ID of the feedstock has changed.", "headers": OF_A_MOVE},
}


def _query_operation(query: CannedQuery) -> dict[str, Any]:
    problems = [400, 404] if query.path_parameters else [400]
    operation: dict[str, Any] = {
        "operationId": query.name,
        "summary": query.title,
        "tags": [_tag(query.path)],
        "parameters": [_path_parameter(name) for name in query.path_parameters],
    }
    if query.description:
        operation["description"] = query.description
    kinds = column_kinds(query.record)
    for name in query.query_parameters:
        schema = _SCHEMA_OF_KIND[kinds.get(name, TEXT)]
        description = query.record.model_fields[name].description if name in query.record.model_fields else name
        operation["parameters"].append(_parameter(name, schema, description))
    if query.one:
        content = {_media_type(JSON_TYPE): {"schema": _reference(query.record)}}
    else:
        operation["parameters"] += _list_parameters(query)
        content = _list_content(query)
        problems.append(406)
    headers = OF_A_RECORD if query.one else OF_A_LIST
    operation["responses"] = {
        "200": {"description": query.record.__doc__, "headers": headers, "content": content},
        **_problems([*problems, *((308,) if "feedstock_id" in query.path_parameters else ())]),
    }
    return operation


def _operation(path: str, method: str, operation: Operation) -> dict[str, Any]:
    path_parameters = parameters_of(path)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.title,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": [_path_parameter(name) for name in path_parameters],
    }
    schema: dict[str, Any] = _reference(operation.record) if operation.record else {"type": "object"}
    if operation.content_type != JSON_TYPE:
        schema = {"type": "string"}
    for name, words in operation.query_parameters.items():
        required = name in operation.required_parameters
        schema_of = {**_TEXT, "minLength": 1} if required else _TEXT
        described["parameters"].append({**_parameter(name, schema_of, words), "required": required})
    if operation.body:
        body = _reference(operation.body)
        if operation.many:
            schema = {"oneOf": [schema, {"type": "array", "items": schema}]}
            body = {"oneOf": [body, {"type": "array", "minItems": 1, "maxItems": MAX_RUNS, "items": body}]}
        patch = method == "PATCH"
        types = PATCH_TYPES if patch else JSON_TYPES
        described["security"] = [{"token": []}]
        described["parameters"] += [_header(name) for name in ("Idempotency-Key", *(("If-Match",) if patch else ()))]
        described["requestBody"] = {"required": True, "content": {each: {"schema": body} for each in types}}
    elif operation.many:
        schema = {"type": "array", "items": schema}
    if operation.payload_types:
        payload = {each: {"schema": {"type": "object"}} for each in operation.payload_types}
        described["requestBody"] = {"required": True, "content": payload}
    answer: dict[str, Any] = {
        "description": operation.record.__doc__ if operation.record else operation.title,
        "content": {_media_type(operation.content_type): {"schema": schema}},
    }
    if operation.body:
        answer["headers"] = OF_A_WRITE
    described["responses"] = {
        **{str(status): answer for status in operation.statuses},
        **_problems([400, *operation.problems, *((308,) if "feedstock_id" in path_parameters else ())]),
    }
    return described


def _problems(statuses: list[int]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in sorted({*statuses, 401, 500}):
        name = "Moved" if status == 308 else f"Problem{status}" if status in OF_A_PROBLEM else "Problem"
        responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return responses


def _list_parameters(query: CannedQuery) -> list[dict[str, Any]]:
    kinds = column_kinds(query.record)
    columns = [name for name in query.columns if kinds[name] != JSON]
    sorts = {"enum": list(query.sorts)}
    whole = [form.name for form in FORMATS.values() if form.default_size is None]
    parameters = [
        _parameter(
            "_size",
            {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_SIZE}, {"const": "max"}]},
            f"Rows per page. The default is {DEFAULT_SIZE}, or the whole list for {', '.join(whole)}.",
        ),
        _parameter("_next", {"type": "string"}, "Start of the next page, taken from the previous response."),
        {
            **_parameter(
                "sorting",
                {
                    "type": "object",
                    "properties": {"_sort": sorts, "_sort_desc": sorts},
                    "additionalProperties": False,
                    "maxProperties": 1,
                },
                "`_sort=column` for ascending or `_sort_desc=column` for descending order; nulls come last.",
            ),
            "style": "form",
            "explode": True,
        },
        {
            **_parameter(
                "_col", {"type": "array", "items": {"enum": list(query.columns)}}, "Return only these columns."
            ),
            "style": "form",
            "explode": False,
        },
        {
            **_parameter(
                "representation",
                {
                    "type": "object",
                    "properties": {"_shape": {"enum": list(SHAPES)}, "_format": {"enum": list(FORMATS)}},
                    "additionalProperties": False,
                    "maxProperties": 1,
                },
                "`_shape=objects` for an object with the next page in place of the array; or a format, of which "
                f"{', '.join(f'`{name}`' for name in whole)} are the whole list.",
            ),
            "style": "form",
            "explode": True,
        },
        _parameter(
            "_extra",
            {"type": "string", "enum": list(EXTRAS)},
            "Also return the number of rows: as `count` with `_shape=objects`, otherwise in `X-Total-Count`.",
        ),
    ]
    if query.search:
        words = "Full-text search for rows with all of these words or words that begin with them."
        parameters.append(_parameter(SEARCH, _TEXT, words))
    for name in columns:
        description = query.record.model_fields[name].description
        default = next((each for each in query.defaults if each.split("__")[0] == name), None)
        if default:
            description = f"{description} Unless this column is asked for, `{default}={query.defaults[default]}` holds."
        parameters.append(_parameter(name, _value_schema(query.record, name), description))
    parameters.append(_operators_parameter(query.record, columns))
    return parameters


def _value_schema(record: type[Record], column: str) -> dict[str, Any]:
    choices = column_choices(record, column)
    return {"enum": list(choices)} if choices else _SCHEMA_OF_KIND[column_kinds(record)[column]]


def _operators_parameter(record: type[Record], columns: list[str]) -> dict[str, Any]:
    """Return all `column__operator` parameters, as one object that is exploded into the query string."""
    kinds = column_kinds(record)
    patterns: dict[str, Any] = {}
    for kind, choices in dict.fromkeys((kinds[name], column_choices(record, name)) for name in columns):
        alike = [name for name in columns if (kinds[name], column_choices(record, name)) == (kind, choices)]
        value = {"enum": list(choices)} if choices else _SCHEMA_OF_KIND[kind]
        for name, operator in OPERATORS.items():
            if name and kind in operator.kinds:
                patterns[f"^({'|'.join(alike)})__{name}$"] = _operand(value, operator.takes)
    words = ", ".join(f"`__{name}` {each.description}" for name, each in OPERATORS.items() if name)
    return {
        "name": "filters",
        "in": "query",
        "required": False,
        "style": "form",
        "explode": True,
        "description": f"Filters of the form `column__operator=value`: {words}.",
        "schema": {"type": "object", "patternProperties": patterns, "additionalProperties": False},
    }


def _operand(value: dict[str, Any], takes: str) -> dict[str, Any]:
    if takes == BOOLEANS:
        return _BOOLEANS
    if takes == PART:
        return _TEXT
    if takes == VALUES:
        # an empty list keeps nothing
        return _LIST_OF_TEXTS if value is _TEXT else {"anyOf": [value, {"const": ""}]}
    return value


def _parameter(name: str, schema: Mapping[str, Any], description: str | None) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": dict(schema)}


def _header(name: str) -> dict[str, Any]:
    schema = _VISIBLE if name == "Idempotency-Key" else {"type": "string"}
    return {"name": name, "in": "header", "required": False, "description": _HEADER_WORDS[name], "schema": schema}


# ASCII that prints, as a header may hold it
_VISIBLE = {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"}
_HEADER_WORDS = {
    "Idempotency-Key": "A unique value for each write. A retry with the same key returns the first result.",
    "If-Match": "The `ETag` of the record as you read it; 412 if the record has changed since then.",
}


def _path_parameter(name: str) -> dict[str, Any]:
    if parameter_kind(name) == INTEGER:
        schema: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": LARGEST_INTEGER}
    else:
        schema = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": _PATH_PATTERNS.get(name, ".")}
    return {"name": name, "in": "path", "required": True, "description": _PATH_WORDS.get(name, name), "schema": schema}


_PATH_PATTERNS = {
    "bakery_id": BAKERY_ID_PATTERN,
    "feedstock_id": FEEDSTOCK_NAME_PATTERN,
    "github": r"^[A-Za-z0-9-]+$",
}
_PATH_WORDS = {
    "bakery_id": "ID of a bakery.",
    "feedstock_id": "ID of a feedstock, or owner/name of its repository with the slash written as %2F.",
    "recipe_run_id": "ID of a recipe run.",
    "dataset_id": "ID of a dataset.",
    "sync_run_id": "ID of a sync.",
    "github": "GitHub username.",
}


def _list_content(query: CannedQuery) -> dict[str, Any]:
    item = {"$ref": f"#/components/schemas/{_item_name(query.record)}"}
    return {_media_type(form.content_type): form.openapi_content(item) for form in FORMATS.values()}


def _media_type(content_type: str) -> str:
    """Return a content type without its parameters."""
    return content_type.partition(";")[0]


def _list_items(queries: Mapping[str, CannedQuery]) -> dict[str, Any]:
    """Return the schema of items in a list: the record with the requested columns and the beginning of the message."""
    items = {}
    for query in queries.values():
        if query.one:
            continue
        schema = copy.deepcopy(_schemas({query.record})[query.record.__name__])
        if has_long_message(query.record):
            schema["properties"][MESSAGE_TRUNCATED] = {
                "type": "boolean",
                "description": f"Whether the message is cut to the {MESSAGE_CHARACTERS} characters that lists contain.",
            }
        # `_col` may leave any of them out
        schema.pop("required", None)
        items[_item_name(query.record)] = schema
    return items


def _item_name(record: type[Record]) -> str:
    return f"{record.__name__}Item"


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _schemas(models: set[type[BaseModel]]) -> dict[str, Any]:
    """Return the schemas of models and of their nested models, by name."""
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    return {name: _tidy(schema) for name, schema in definitions["$defs"].items()}


def _tidy(schema: Any) -> Any:
    """Return a schema without internal keys, with statuses in lower case as in responses."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        name: _tidy(each)
        for name, each in schema.items()
        if not (name in ("create", "update") and not isinstance(each, dict))
        and not (name == "default" and each is None)
    }
    # titles that only repeat the name
    if isinstance(kept.get("title"), str) and "properties" not in kept:
        kept.pop("title")
    return kept


GET_OPENAPI = Operation("get_openapi", "This document", get_openapi, "The OpenAPI 3.1 document of the registry.")


def _tag(path: str) -> str:
    return path.split("/")[1].replace("_", " ").capitalize()
