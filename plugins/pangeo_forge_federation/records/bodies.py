"""The models of request bodies, derived from the records in `models.py`."""

from functools import cache
from typing import Annotated, Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model

from pangeo_forge_federation.records.models import Record

# A validated request body: an instance of a class that `create_model_of` or `update_model_of` returns. It has fields of
# the record, which type checkers cannot see.
Sent: TypeAlias = Any


@cache
def create_model_of(record: type[Record]) -> type[BaseModel]:
    """Return the model of a body that creates a record: its fields with `create`, including nested records."""
    required = {name for name, extra in _extras(record).items() if extra["create"] == "required"}
    # null means the default, as leaving the field out does
    return _input_model(record, "Create", "create", required, null_is_absent=True)


@cache
def update_model_of(record: type[Record]) -> type[BaseModel]:
    """Return the model of a merge patch of a record: its fields with `update`, none of them required."""
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
            # otherwise the limits would be checked but missing from the schema
            schema = {name: value for name, value in extra.items() if name not in ("create", "update")}
            annotation = Annotated[info.rebuild_annotation(), Field(json_schema_extra=schema)]
        if null_is_absent and name not in required:
            annotation = annotation | None
        default = ... if name in required else None
        definitions[name] = (annotation, Field(default, description=info.description, examples=info.examples))
    return create_model(
        f"{record.__name__}{suffix}", __config__=ConfigDict(extra="forbid"), __doc__=record.__doc__, **definitions
    )
