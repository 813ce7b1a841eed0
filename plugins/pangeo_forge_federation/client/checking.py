"""Check a recipe run against the registry's rules before it is sent, without a request.

Some errors can only be found by the registry: an external id that is in use, or a token of another bakery.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pangeo_forge_federation.client.endpoints import Field, records
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.feedstock_names import parse_feedstock_name
from pangeo_forge_federation.values.redaction import redact
from pangeo_forge_federation.values.statuses import completion_errors, read_status
from pangeo_forge_federation.values.text_rules import (
    check_bakery_id,
    check_bytes,
    check_no_control_characters,
    check_not_blank,
    check_url,
    without_terminal_codes,
)

# Checks by their names in api.json. The home organisation only affects a feedstock's id, not whether it is valid.
_TEXT_CHECKS: Mapping[str, Callable[[str], Any]] = {
    "identifier": check_not_blank,
    "bakery": check_bakery_id,
    "feedstock": lambda text: parse_feedstock_name(text, home="home"),
    "url": check_url,
}
# Kind of field -> its types in JSON, error message.
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "boolean": ((bool,), "must be true or false"),
    "integer": ((int,), "must be a whole number"),
    "number": ((int, float), "must be a number"),
}


def run_errors(run: Mapping[str, Any]) -> list[str]:
    """Return the errors for which the registry would refuse a run, each after the JSON Pointer of its field.

    For example `/status: is 'done', and must be ...`.
    """
    errors = [f"/{pointer}: {message}" for pointer, message in _record_errors(records()["RecipeRun"], run)]
    if not errors and run.get("completed_at"):
        run_date = times.parse(run["run_date"]) if run.get("run_date") else None
        found = completion_errors(times.parse(run["completed_at"]), read_status(run["status"]), run_date)
        errors = [f"/completed_at: {message}" for message in found]
    return errors


def _record_errors(fields: Mapping[str, Field], record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    accepted = {name: field for name, field in fields.items() if field.create}
    for name in record:
        if name not in accepted:
            similar = difflib.get_close_matches(name.lower(), accepted, n=1)
            yield name, f"is not a field that can be sent{f'; did you mean {similar[0]}?' if similar else ''}"
    for name, field in accepted.items():
        value = record.get(name)
        if value is None:
            if field.create == "required":
                yield name, "is required"
        elif field.kind == "json":
            yield from _dataset_errors(name, value)
        else:
            try:
                check_value(field, _as_recorded(value) if _is_message(name, value) else value)
            except ValueError as error:
                yield name, str(error)


def _dataset_errors(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield name, "must be a list"
        return
    for index, dataset in enumerate(value):
        if isinstance(dataset, dict):
            for pointer, message in _record_errors(records()["NestedDataset"], dataset):
                yield f"{name}/{index}/{pointer}", message
        else:
            yield f"{name}/{index}", "must be an object"


def check_value(field: Field, value: Any) -> None:
    """Check a JSON value against its field.

    Raises:
        ValueError: The value is not valid. The message continues a sentence that begins with the field's name.
    """
    if field.kind in _TYPES:
        types, message = _TYPES[field.kind]
        # in Python, true is an int
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ValueError(message)
        return
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if field.choices:
        if read_status(value) not in field.choices:
            raise ValueError(f"is {value[:100]!r}, and must be {', '.join(field.choices[:-1])} or {field.choices[-1]}")
    elif field.kind == "time":
        if times.is_ahead(times.parse(value)):
            raise ValueError("is more than a day in the future")
    elif field.kind == "day":
        times.parse_day(value)
    else:
        _check_text(field, value)


def _check_text(field: Field, value: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("contains half of a surrogate pair, which cannot be encoded in UTF-8")
    check_no_control_characters(value)
    if field.bytes:
        check_bytes(value, field.bytes)
    if field.text:
        _TEXT_CHECKS[field.text](value)


def _is_message(name: str, value: Any) -> bool:
    return name == "message" and isinstance(value, str)


def _as_recorded(message: str) -> str:
    """Change a message as the registry does before it checks it; in other texts colours are control characters."""
    return redact(without_terminal_codes(message), e_mail_addresses=False)
