"""The endpoints that can be read and the fields of their records, from `api.json`, which the server's models made."""

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
    """A field of a record. `create` is "required", "optional" or nothing; `update`: whether a PATCH takes it.

    Of a text that can be sent `bytes` is the bound in UTF-8, and `text` what it must be, by its name in `checking.py`.
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
        """What stands for its value in the help."""
        return "STATUS" if self.choices else self.kind.upper()

    def read(self, text: str) -> Any:
        """The value that an option or a cell means, as JSON has it. Statuses and times are the registry's to read.

        Raises ValueError, in words that go on from the name of what holds the text.
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
                raise ValueError("is not JSON") from None
        return text


@dataclass(frozen=True)
class Operator:
    """A filter operator: `column__operator=value`, with the kinds of columns that take it."""

    kinds: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Endpoint:
    """A GET. `one`: it answers an object, else a list. `parameters` are those of its query string beside filters."""

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
        """Field -> what it is, of the record that it answers."""
        return records()[self.record]


@cache
def _api() -> dict[str, Any]:
    return json.loads(files("pangeo_forge_federation.client").joinpath("api.json").read_text("utf-8"))


@cache
def records() -> Mapping[str, Mapping[str, Field]]:
    """Record -> field -> what it is."""
    return {
        record: {
            name: Field(**{**told, "choices": tuple(told.get("choices", ()))}) for name, told in description.items()
        }
        for record, description in _api()["records"].items()
    }


@cache
def operators() -> Mapping[str, Operator]:
    """Operator -> what it means."""
    return {name: Operator(tuple(told["kinds"]), told["description"]) for name, told in _api()["operators"].items()}


@cache
def endpoints() -> Mapping[str, Endpoint]:
    """Name (OpenAPI's operationId) -> endpoint."""
    return {
        told["name"]: Endpoint(
            **{**told, "parameters": tuple(told["parameters"]), "sorts": tuple(told.get("sorts", ()))}
        )
        for told in _api()["endpoints"]
    }


def path_parameters(path: str) -> list[str]:
    """The names of what stands in braces in a path."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def fill(path: str, *ids: str | int) -> str:
    """The path with ids in place of its parameters, percent-encoded: a feedstock may be named as owner/name."""
    values = iter(ids)
    return "/".join(quote(str(next(values)), safe="") if part.startswith("{") else part for part in path.split("/"))
