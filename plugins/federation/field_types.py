"""The kinds of values that records hold: what is accepted, what is refused and in which words.

Each kind is a pydantic type, so that validation, the OpenAPI document and the docs come from one place. Bounds are in
bytes of UTF-8 and equal to the checks of `schema.py`.
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

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

from federation import times
from federation.control_characters import CONTROL, CONTROL_CHARACTERS, without_terminal_codes
from federation.files.bakery_ids import BAKERY_ID_PATTERN, is_bakery_id
from federation.names import FEEDSTOCK_NAME_PATTERN
from federation.statuses import FINAL_STATUSES, UNFINISHED_STATUSES, read_status

URL_SCHEMES = ("http", "https", "s3", "gs", "abfs", "abfss", "az")

# As the document of the API tells them: a regular expression that JSON Schema and Python read alike.
NO_CONTROL_PATTERN = rf"^[^{CONTROL_CHARACTERS}]*$"
# abfs://container@account.dfs.core.windows.net/ names a container before the @, and no user
URL_PATTERN = (
    r"^((https?|s3|gs|az)://|abfss?://([^\s/?#@:\u0000-\u001f\u007f-\u009f]+@)?)"
    # a port alone is no host
    r"[^\s/?#@:\u0000-\u001f\u007f-\u009f][^\s/?#@\u0000-\u001f\u007f-\u009f]*"
    r"([/?#]([^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?)?$"
)
_URL = re.compile(URL_PATTERN)


def refuse(message: str) -> PydanticCustomError:
    """What a check raises: a sentence that goes on from the name of the field."""
    # braces would be taken for placeholders
    return PydanticCustomError("refused", "{message}", {"message": message})


def _bounded(limit: int) -> AfterValidator:
    def check(text: str) -> str:
        size = len(text.encode("utf-8"))
        if size > limit:
            raise refuse(f"has {size:,} bytes in UTF-8, and at most {limit:,} are kept: shorten it")
        return text

    return AfterValidator(check)


def _no_control_characters(text: str) -> str:
    match = CONTROL.search(text)
    if match:
        raise refuse(f"holds the control character U+{ord(match[0]):04X} at position {match.start()}: leave it out")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise refuse("is empty")
    return text


def _without_terminal_codes(value: Any) -> Any:
    return without_terminal_codes(value) if isinstance(value, str) else value


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


def _has_host(url: str) -> bool:
    # beyond the pattern: brackets that do not close, a port alone
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _url(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in URL_SCHEMES:
        raise refuse(f"does not begin with one of {', '.join(f'{each}://' for each in URL_SCHEMES)}")
    if "@" in re.split("[/?#]", rest)[0] and not _URL.fullmatch(value):
        raise refuse("holds user information before an @: leave it out, a registry is no place for credentials")
    if not _URL.fullmatch(value) or not _has_host(value):
        raise refuse("is not a URL: a host or bucket must follow the scheme, with no blanks around it")
    return value


def _status(value: Any) -> Any:
    return read_status(value) if isinstance(value, str) else value


def _bakery_id(value: str) -> str:
    if not is_bakery_id(value):
        raise refuse("is not a bakery id: letters, digits, dots, hyphens and underscores, beginning with no dot")
    return value


def _checked(annotation: Any, *checks: Any) -> Any:
    """The annotation with further checks."""
    return Annotated[annotation, *checks]


def text(limit: int, **schema: Any) -> Any:
    """Text of at most `limit` bytes without control characters."""
    return Annotated[
        StrictStr,
        AfterValidator(_no_control_characters),
        _bounded(limit),
        Field(json_schema_extra={"maxLength": limit, "pattern": NO_CONTROL_PATTERN, **schema}),
    ]


def identifier(limit: int = 500, **schema: Any) -> Any:
    """Text that names something: not empty."""
    return Annotated[text(limit, minLength=1, allOf=[{"pattern": r"\S"}], **schema), AfterValidator(_not_blank)]


# the years of times.py, as a regular expression
YEAR_PATTERN = r"(19[7-9]\d|20\d\d|21\d\d)"
TIME_SCHEMA = {"format": "date-time", "pattern": f"^{YEAR_PATTERN}-"}
DAY_SCHEMA = {"format": "date", "pattern": f"^{YEAR_PATTERN}-"}

Integer = StrictInt
# a body's numbers have an end: json_body.py sees to that
Number = StrictFloat
Boolean = StrictBool
Identifier = identifier()
BakeryId = _checked(identifier(pattern=BAKERY_ID_PATTERN), AfterValidator(_bakery_id))
FeedstockName = identifier(pattern=FEEDSTOCK_NAME_PATTERN)
Version = text(200)
Title = text(500)
Description = text(20000)
Message = _checked(text(65536), BeforeValidator(_without_terminal_codes))
Reason = text(2000)
RetractionReason = identifier(2000)
Pointer = text(4096)
ChangedValue = text(10000)
Source = identifier(4096)
Prefix = text(4096)
Url = _checked(identifier(4096, pattern=URL_PATTERN), AfterValidator(_url))
Time = Annotated[StrictStr, AfterValidator(_time), Field(json_schema_extra=TIME_SCHEMA)]
Day = Annotated[StrictStr, AfterValidator(_day), Field(json_schema_extra=DAY_SCHEMA)]
Status = _checked(Literal.__getitem__((*UNFINISHED_STATUSES, *FINAL_STATUSES)), BeforeValidator(_status))
JsonValue = Annotated[Any, WithJsonSchema({})]
