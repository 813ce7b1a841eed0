"""Validates JSON values against models, and reports all errors at once."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pangeo_forge_federation.problems import MAX_ERRORS, ProblemDetails, json_pointer
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.values import times

Model = TypeVar("Model", bound=BaseModel)

_WORDS = {
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "missing": "is required",
}


def validate(model: type[Model], value: Any, at: tuple[str | int, ...] = ()) -> Model:
    """Return the value as a model. `at` is its place in the body. Raises ProblemDetails (422) with all errors."""
    model_value, errors = check(model, value, at)
    if model_value is None:
        raise invalid(errors)
    return model_value


def check(model: type[Model], value: Any, at: tuple[str | int, ...] = ()) -> tuple[Model | None, list[dict[str, str]]]:
    """Return (the value as a model, no errors) or (None, its first errors)."""
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return None, [_described(model, each, at) for each in errors[:MAX_ERRORS]]


def invalid(errors: Sequence[Mapping[str, str]]) -> ProblemDetails:
    """Return a 422 problem for the errors of a body."""
    first = errors[0]
    place = first["pointer"] or "The body"
    more = "."
    if len(errors) >= MAX_ERRORS:
        more = f". There are more errors; the first {MAX_ERRORS} are listed."
    elif len(errors) > 1:
        more = f", and {len(errors) - 1} more errors." if len(errors) > 2 else ", and 1 more error."
    return ProblemDetails("invalid", f"{place} {first['detail']}{more}", errors[:MAX_ERRORS])


def _described(model: type[BaseModel], error: Any, at: tuple[str | int, ...]) -> dict[str, str]:
    kind, location = error["type"], error["loc"]
    if kind == "extra_forbidden":
        detail = _unknown_field(model, location)
    elif kind == "literal_error":
        detail = f"must be {re.sub(r'^Input should be ', '', error['msg'])}".replace("'", "")
    else:
        detail = _WORDS.get(kind) or error["msg"]
    return {"detail": detail, "pointer": json_pointer((*at, *location))}


def _unknown_field(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    known = list(_model_at(model, location[:-1]).model_fields)
    near = difflib.get_close_matches(str(location[-1]).lower(), known, n=1)
    suggestion = f" (did you mean {near[0]}?);" if near else ";"
    return f"is not a known field{suggestion} the fields are {', '.join(known)}"


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = _nested_model(model.model_fields[part].annotation) or model
    return model


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if found := _nested_model(argument):
            return found
    return None


class BodyErrors:
    """Collects the errors of one record. `at` is the place of the record in the body."""

    def __init__(self, at: tuple[str | int, ...] = ()):
        self._at = at
        self._errors: list[dict[str, str]] = []

    def add(self, field: str, detail: str) -> None:
        """Add an error of a field; `detail` continues a sentence that starts with the field's name."""
        self._errors.append({"detail": detail, "pointer": json_pointer((*self._at, field))})

    def check_not_ahead(self, field: str, time: str | None) -> None:
        """Add an error if a time, in stored form, is further in the future than clock differences explain."""
        if time and times.is_ahead(time):
            self.add(field, "is more than a day in the future")

    def raise_any(self) -> None:
        """Raise ProblemDetails (422) if there are any errors."""
        if self._errors:
            raise invalid(self._errors)


def bakery_of(named: str | None, actor: Actor, errors: BodyErrors) -> str:
    """Return the bakery named in a body, or else the token's own.

    Returns an empty string and adds an error if an administrator names none.

    Raises ProblemDetails (403) for a bakery that the actor may not write for.
    """
    bakery_id = named or actor.bakery_id
    if bakery_id is None:
        errors.add("bakery_id", "is required, since an administrator's token belongs to no bakery")
        return ""
    actor.require(bakery_id)
    return bakery_id
