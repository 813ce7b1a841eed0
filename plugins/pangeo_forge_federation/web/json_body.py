"""Parses a JSON request body, and refuses what Python's parser accepts but the database cannot store."""

import json
import math
import re
from typing import Any

from pangeo_forge_federation.problems import MAX_ERRORS, ProblemDetails, json_pointer
from pangeo_forge_federation.values.numbers import LARGEST_INTEGER, SMALLEST_INTEGER

MAX_DEPTH = 100
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Refused(ValueError):
    pass


def parse_json(body: bytes) -> Any:
    """Return the value of a body.

    Raises ProblemDetails (400) for invalid JSON or UTF-8, duplicate keys, NaN and Infinity, NUL characters, lone
    surrogates, integers beyond 64 bits, and nesting deeper than 100.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemDetails(
            "invalid-json", f"The body is not valid UTF-8: byte {error.start} cannot be decoded."
        ) from None
    if not text.strip():
        raise ProblemDetails("invalid-json", "The body is empty. Send a JSON object.")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except _Refused as error:
        raise ProblemDetails("invalid-json", str(error)) from None
    except RecursionError:
        raise ProblemDetails("invalid-json", f"The body is nested more than {MAX_DEPTH} levels deep.") from None
    except json.JSONDecodeError as error:
        detail = f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise ProblemDetails("invalid-json", detail) from None
    errors = _string_errors(value)
    if errors:
        raise ProblemDetails("invalid-json", "The body contains values that cannot be stored.", errors)
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, item in pairs:
        if key in value:
            raise _Refused(f"The key {json.dumps(key)} appears twice in an object.")
        value[key] = item
    return value


def _no_constant(name: str) -> None:
    raise _Refused(f"{name} is not valid JSON. Use null or a number.")


def _integer(digits: str) -> int:
    # the length first: Python refuses to convert thousands of digits
    if len(digits) > 20 or not SMALLEST_INTEGER <= int(digits) <= LARGEST_INTEGER:
        raise _Refused("An integer does not fit into 64 bits.")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _Refused("A number is too large.")
    return value


def _string_errors(value: Any) -> list[dict[str, str]]:
    """Return the errors of strings and of nesting depth, without recursion."""
    errors = []
    pending: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while pending:
        item, path = pending.pop()
        if len(path) >= MAX_DEPTH and isinstance(item, list | dict):
            return [{"detail": f"is nested more than {MAX_DEPTH} levels deep", "pointer": ""}]
        if isinstance(item, str):
            errors += _errors_of_string(item, path)
        elif isinstance(item, list):
            pending += [(child, (*path, index)) for index, child in enumerate(item)]
        elif isinstance(item, dict):
            for key, child in item.items():
                errors += _errors_of_string(key, path)
                pending.append((child, (*path, key)))
    return sorted(errors, key=lambda error: error["pointer"])[:MAX_ERRORS]


def _errors_of_string(text: str, path: tuple[str | int, ...]) -> list[dict[str, str]]:
    pointer = json_pointer(path).encode("utf-8", "replace").decode()
    if "\x00" in text:
        return [{"detail": "contains a NUL character: remove it", "pointer": pointer}]
    if _SURROGATE.search(text):
        return [{"detail": "contains half of a surrogate pair, which is not a character", "pointer": pointer}]
    return []
