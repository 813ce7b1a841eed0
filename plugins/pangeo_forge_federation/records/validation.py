"""A JSON value against a model: every fault at once, each with its place and a way out."""

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
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "missing": "is required",
}


def validate(model: type[Model], value: Any, at: tuple[str | int, ...] = ()) -> Model:
    """The value as a model. Raises ProblemDetails (422) with all faults; `at` is where the value stands in the body."""
    model_value, errors = check(model, value, at)
    if model_value is None:
        raise invalid(errors)
    return model_value


def check(model: type[Model], value: Any, at: tuple[str | int, ...] = ()) -> tuple[Model | None, list[dict[str, str]]]:
    """(the value as a model, no faults) or (None, its first faults)."""
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        return None, [_fault(model, fault, at) for fault in faults[:MAX_ERRORS]]


def invalid(errors: Sequence[Mapping[str, str]]) -> ProblemDetails:
    """422 for a body whose faults are known."""
    first = errors[0]
    place = first["pointer"] or "the body"
    more = ""
    if len(errors) >= MAX_ERRORS:
        more = f", and more: the first {MAX_ERRORS} are listed"
    elif len(errors) > 1:
        more = f", and {len(errors) - 1} more"
    return ProblemDetails("invalid", f"{place} {first['detail']}{more}", errors[:MAX_ERRORS])


def _fault(model: type[BaseModel], fault: Any, at: tuple[str | int, ...]) -> dict[str, str]:
    kind, location = fault["type"], fault["loc"]
    if kind == "extra_forbidden":
        detail = _unknown_field(model, location)
    elif kind == "literal_error":
        detail = f"must be {re.sub(r'^Input should be ', '', fault['msg'])}".replace("'", "")
    else:
        detail = _WORDS.get(kind) or fault["msg"]
    return {"detail": detail, "pointer": json_pointer((*at, *location))}


def _unknown_field(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    known = list(_model_at(model, location[:-1]).model_fields)
    near = difflib.get_close_matches(str(location[-1]).lower(), known, n=1)
    suggestion = f": did you mean {near[0]}?" if near else ","
    return f"is not a field here{suggestion} there are {', '.join(known)}"


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
    """`at` is where the record stands in the body."""

    def __init__(self, at: tuple[str | int, ...] = ()):
        self._at = at
        self._errors: list[dict[str, str]] = []

    def add(self, field: str, detail: str) -> None:
        """One more, of a field of the record, in a sentence that goes on from its name."""
        self._errors.append({"detail": detail, "pointer": json_pointer((*self._at, field))})

    def check_not_ahead(self, field: str, time: str | None) -> None:
        """Add a fault where a time, as it is kept, lies further ahead than clocks differ."""
        if time and times.is_ahead(time):
            self.add(field, "is more than a day ahead")

    def raise_any(self) -> None:
        """Raises ProblemDetails (422) if there are any."""
        if self._errors:
            raise invalid(self._errors)


def bakery_of(named: str | None, actor: Actor, faults: BodyErrors) -> str:
    """The bakery that a body names, else the token's own; empty, with a fault, where an administrator names none.

    Raises ProblemDetails (403) for another bakery's name.
    """
    bakery_id = named or actor.bakery_id
    if bakery_id is None:
        faults.add("bakery_id", "is required, since an administrator's token belongs to no bakery")
        return ""
    actor.require(bakery_id)
    return bakery_id
