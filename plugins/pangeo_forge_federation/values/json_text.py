"""Write JSON in the form that server and client send and store."""

import json
from typing import Any

# `json.dumps` would make an encoder for every call with these options
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def write_json(value: Any) -> str:
    """Return compact JSON, without escapes for non-ASCII characters."""
    return _ENCODER.encode(value)


def dump_json(value: Any) -> bytes:
    """Return compact JSON in UTF-8. Half of a surrogate pair, which cannot be encoded, becomes `?`."""
    return write_json(value).encode("utf-8", "replace")
