"""A recipe run, held against what the registry takes, before it is sent, without asking it.

What only the registry knows (whose token it is, which external ids are taken) is for it to say.
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

# By the names that api.json has for them. The home organisation changes which id a feedstock has, and no more.
_TEXTS: Mapping[str, Callable[[str], Any]] = {
    "identifier": check_not_blank,
    "bakery": check_bakery_id,
    "feedstock": lambda text: parse_feedstock_name(text, home="home"),
    "url": check_url,
}
# kind: what JSON has for it
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "boolean": ((bool,), "must be true or false"),
    "integer": ((int,), "must be a whole number"),
    "number": ((int, float), "must be a number"),
}


def faults_of(run: Mapping[str, Any]) -> list[str]:
    """What the registry would refuse in a run: `/status: is 'done', and must be ...`, by JSON Pointer."""
    faults = [f"/{pointer}: {words}" for pointer, words in _faults(records()["RecipeRun"], run)]
    if not faults and run.get("completed_at"):
        run_date = times.parse(run["run_date"]) if run.get("run_date") else None
        found = completion_errors(times.parse(run["completed_at"]), read_status(run["status"]), run_date)
        faults = [f"/completed_at: {words}" for words in found]
    return faults


def _faults(fields: Mapping[str, Field], record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    taken = {name: field for name, field in fields.items() if field.create}
    for name in record:
        if name not in taken:
            near = difflib.get_close_matches(name.lower(), taken, n=1)
            yield name, f"is not a field here{f': did you mean {near[0]}?' if near else ''}"
    for name, field in taken.items():
        value = record.get(name)
        if value is None:
            if field.create == "required":
                yield name, "is required"
        elif field.kind == "json":
            yield from _faults_of_datasets(name, value)
        else:
            try:
                check_value(field, _as_recorded(value) if _is_message(name, value) else value)
            except ValueError as error:
                yield name, str(error)


def _faults_of_datasets(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield name, "must be a list"
        return
    for number, each in enumerate(value):
        if isinstance(each, dict):
            yield from ((f"{name}/{number}/{at}", words) for at, words in _faults(records()["NestedDataset"], each))
        else:
            yield f"{name}/{number}", "must be an object"


def check_value(field: Field, value: Any) -> None:
    """Hold a value, as JSON has it, against its field. Raises ValueError, in words that go on from the field's name."""
    if field.kind in _TYPES:
        types, words = _TYPES[field.kind]
        # Python takes true for 1
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ValueError(words)
        return
    if not isinstance(value, str):
        raise ValueError("must be text")
    if field.choices:
        if read_status(value) not in field.choices:
            raise ValueError(f"is {value[:100]!r}, and must be {', '.join(field.choices[:-1])} or {field.choices[-1]}")
    elif field.kind == "time":
        if times.is_ahead(times.parse(value)):
            raise ValueError("is more than a day ahead")
    elif field.kind == "day":
        times.parse_day(value)
    else:
        _check_text(field, value)


def _check_text(field: Field, value: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("holds half of a character (a lone surrogate), which is no text")
    check_no_control_characters(value)
    if field.bytes:
        check_bytes(value, field.bytes)
    if field.text:
        _TEXTS[field.text](value)


def _is_message(name: str, value: Any) -> bool:
    return name == "message" and isinstance(value, str)


def _as_recorded(message: str) -> str:
    """Change a message as the registry does before it checks it; in other texts colours are control characters."""
    return redact(without_terminal_codes(message), e_mail_addresses=False)
