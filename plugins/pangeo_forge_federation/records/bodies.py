"""The models of what a client sends, made from the records of fields.py."""

from functools import cache
from typing import Annotated, Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model

from pangeo_forge_federation.records.models import Record

# What a client sent, once it is checked: an instance of what `create_model_of` or `update_model_of` makes. It has the
# record's fields, which no type checker can see.
Sent: TypeAlias = Any


@cache
def create_model_of(record: type[Record]) -> type[BaseModel]:
    """The model of a body that makes such a record: its fields with `create`, those of nested records too."""
    required = {name for name, extra in _extras(record).items() if extra["create"] == "required"}
    # null is as good as nothing: it asks for the default
    return _input_model(record, "Create", "create", required, null_is_absent=True)


@cache
def update_model_of(record: type[Record]) -> type[BaseModel]:
    """The model of a merge patch of such a record: its fields with `update`, none of them required."""
    return _input_model(record, "Update", "update", set(), null_is_absent=False)


def _extras(record: type[Record]) -> dict[str, Any]:
    return {name: info.json_schema_extra for name, info in record.model_fields.items()}


def _input_model(
    record: type[Record], suffix: str, accepted: str, required: set[str], null_is_absent: bool
) -> type[BaseModel]:
    definitions: dict[str, Any] = {}
    for name, info in record.model_fields.items():
        extra: Any = info.json_schema_extra
        if not extra[accepted]:
            continue
        annotation: Any = info.annotation
        nested = get_args(annotation)[0] if get_origin(annotation) is list else None
        if nested and issubclass(nested, Record):
            item: Any = create_model_of(nested)
            annotation = list[item]
        elif info.metadata:
            # without it the bound and the format would be checked but not told
            told = {name: value for name, value in extra.items() if name not in ("create", "update")}
            annotation = Annotated[info.rebuild_annotation(), Field(json_schema_extra=told)]
        if null_is_absent and name not in required:
            annotation = annotation | None
        default = ... if name in required else None
        definitions[name] = (annotation, Field(default, description=info.description, examples=info.examples))
    return create_model(
        f"{record.__name__}{suffix}", __config__=ConfigDict(extra="forbid"), __doc__=record.__doc__, **definitions
    )
