"""The types of the fields of records: what is accepted, and the error message for what is not.

Each is a pydantic type, so that validation, the OpenAPI document and the docs come from one place. Bounds are in
bytes of UTF-8 and equal to the checks of `schema.py`.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.bakery_ids import BAKERY_ID_PATTERN
from pangeo_forge_federation.values.feedstock_names import FEEDSTOCK_NAME_PATTERN
from pangeo_forge_federation.values.redaction import redact
from pangeo_forge_federation.values.statuses import STATUS_NAMES, read_status
from pangeo_forge_federation.values.text_rules import (
    CONTROL_CHARACTERS,
    URL_PATTERN,
    check_bakery_id,
    check_bytes,
    check_no_control_characters,
    check_not_blank,
    check_url,
    without_terminal_codes,
)

# as in the OpenAPI document: JSON Schema and Python interpret this regular expression alike
NO_CONTROL_PATTERN = rf"^[^{CONTROL_CHARACTERS}]*$"


def refuse(message: str) -> PydanticCustomError:
    """Return the error of a check; `message` continues a sentence that starts with the field's name."""
    # braces would be interpreted as placeholders
    return PydanticCustomError("refused", "{message}", {"message": message})


def _refusing(check: Callable[[str], Any]) -> AfterValidator:
    """Return a validator from a check that raises ValueError. The string stays unchanged."""

    def run(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise refuse(str(error)) from None
        return text

    return AfterValidator(run)


def _without_terminal_codes(value: Any) -> Any:
    return without_terminal_codes(value) if isinstance(value, str) else value


def _redacted(value: Any) -> Any:
    return redact(value, e_mail_addresses=False) if isinstance(value, str) else value


def _time(value: str) -> str:
    try:
        return times.parse(value)
    except ValueError as error:
        raise refuse(str(error)) from None


def _day(value: str) -> str:
    try:
        return times.parse_day(value)
    except ValueError as error:
        raise refuse(str(error)) from None


def _status(value: Any) -> Any:
    return read_status(value) if isinstance(value, str) else value


def _checked(annotation: Any, *checks: Any) -> Any:
    """Return the annotation with further checks."""
    return Annotated[annotation, *checks]


def text(limit: int, **schema: Any) -> Any:
    """Return the type of a string of at most `limit` bytes without control characters."""
    return Annotated[
        StrictStr,
        _refusing(check_no_control_characters),
        _refusing(partial(check_bytes, limit=limit)),
        Field(json_schema_extra={"maxLength": limit, "pattern": NO_CONTROL_PATTERN, **schema}),
    ]


def identifier(limit: int = 500, **schema: Any) -> Any:
    """Return the type of a non-empty string that identifies something."""
    return Annotated[text(limit, minLength=1, allOf=[{"pattern": r"\S"}], **schema), _refusing(check_not_blank)]


# the years that times.py accepts, as a regular expression
YEAR_PATTERN = r"(19[7-9]\d|20\d\d|21\d\d)"
TIME_SCHEMA = {"format": "date-time", "pattern": f"^{YEAR_PATTERN}-"}
DAY_SCHEMA = {"format": "date", "pattern": f"^{YEAR_PATTERN}-"}

Integer = StrictInt
# json_body.py makes sure that numbers in a body are finite
Number = StrictFloat
Boolean = StrictBool
Identifier = identifier()
BakeryId = _checked(identifier(pattern=BAKERY_ID_PATTERN), _refusing(check_bakery_id))
FeedstockName = identifier(pattern=FEEDSTOCK_NAME_PATTERN)
Version = text(200)
# for people to read, and published: secrets are replaced before anything is stored
Title = _checked(text(500), BeforeValidator(_redacted))
Description = _checked(text(20000), BeforeValidator(_redacted))
Message = _checked(text(65536), BeforeValidator(_redacted), BeforeValidator(_without_terminal_codes))
Reason = text(2000)
RetractionReason = _checked(identifier(2000), BeforeValidator(_redacted))
Pointer = text(4096)
ChangedValue = text(10000)
Source = identifier(4096)
Prefix = text(4096)
Url = _checked(identifier(4096, pattern=URL_PATTERN), _refusing(check_url))
Time = Annotated[StrictStr, AfterValidator(_time), Field(json_schema_extra=TIME_SCHEMA)]
Day = Annotated[StrictStr, AfterValidator(_day), Field(json_schema_extra=DAY_SCHEMA)]
Status = _checked(Literal.__getitem__(STATUS_NAMES), BeforeValidator(_status))
JsonValue = Annotated[Any, WithJsonSchema({})]
