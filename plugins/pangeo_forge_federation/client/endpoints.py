"""The GET endpoints and the fields of their records, read from `api.json`, which is generated from the server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from pangeo_forge_federation.values import numbers

_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@dataclass(frozen=True)
class Field:
    """A field of a record.

    Attributes:
        kind: "text", "integer", "number", "boolean", "time", "day" or "json".
        description: For people.
        choices: The values that are allowed; empty if there are no such limits.
        create: "required" or "optional" in a POST, or None if a POST does not take it.
        update: Whether a PATCH takes it.
        bytes: Of a text that can be sent: its limit in UTF-8.
        text: Of a text that can be sent: the name of its check in `checking.py`.
    """

    kind: str
    description: str
    choices: tuple[str, ...] = ()
    create: str | None = None
    update: bool = False
    bytes: int | None = None
    text: str | None = None

    @property
    def metavar(self) -> str:
        """The placeholder of its value in `--help`."""
        return "STATUS" if self.choices else self.kind.upper()

    def read(self, text: str) -> Any:
        """Return the JSON value of an option or a CSV cell. Statuses and times are left as they are.

        Raises:
            ValueError: The text is not valid. The message continues a sentence that begins with the field's name.
        """
        if self.kind == "integer":
            return numbers.read_integer(text.strip())
        if self.kind == "number":
            return numbers.read_number(text.strip())
        if self.kind == "boolean":
            value = _BOOLEANS.get(text.strip().lower())
            if value is None:
                raise ValueError(f"is {text[:100]!r}, and must be true or false")
            return value
        if self.kind == "json":
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise ValueError("is not valid JSON") from None
        return text


@dataclass(frozen=True)
class Operator:
    """A filter operator, as in `column__operator=value`.

    Attributes:
        kinds: The kinds of fields that it can be used with.
        description: For people.
    """

    kinds: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Endpoint:
    """A GET endpoint.

    Attributes:
        name: OpenAPI's operationId.
        path: With its parameters in braces.
        title: For people.
        description: For people; may be empty.
        record: The name of the records that it returns.
        one: Whether it returns one record, rather than a list.
        parameters: Query string parameters other than filters.
        sorts: The columns by which a list can be sorted.
        search: Whether a list has full-text search.
        defaults: Filters of a list that apply unless the request has a filter on that column.
    """

    name: str
    path: str
    title: str
    description: str
    record: str
    one: bool
    parameters: tuple[str, ...]
    sorts: tuple[str, ...] = ()
    search: bool = False
    defaults: Mapping[str, str] | None = None

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of its records, by name."""
        return records()[self.record]


@cache
def _api() -> dict[str, Any]:
    return json.loads(files("pangeo_forge_federation.client").joinpath("api.json").read_text("utf-8"))


@cache
def records() -> Mapping[str, Mapping[str, Field]]:
    """Return the fields of each record: record -> name -> field."""
    return {
        record: {name: Field(**{**field, "choices": tuple(field.get("choices", ()))}) for name, field in fields.items()}
        for record, fields in _api()["records"].items()
    }


@cache
def operators() -> Mapping[str, Operator]:
    """Return the filter operators by name."""
    return {
        name: Operator(tuple(operator["kinds"]), operator["description"])
        for name, operator in _api()["operators"].items()
    }


@cache
def endpoints() -> Mapping[str, Endpoint]:
    """Return the GET endpoints by name (OpenAPI's operationId)."""
    return {
        each["name"]: Endpoint(
            **{**each, "parameters": tuple(each["parameters"]), "sorts": tuple(each.get("sorts", ()))}
        )
        for each in _api()["endpoints"]
    }


def path_parameters(path: str) -> list[str]:
    """Return the names of the parameters of a path, which are in braces."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def fill(path: str, *ids: str | int) -> str:
    """Return the path with ids in place of its parameters, percent-encoded: a feedstock's can be owner/name."""
    values = iter(ids)
    return "/".join(quote(str(next(values)), safe="") if part.startswith("{") else part for part in path.split("/"))
