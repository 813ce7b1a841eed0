"""JSON as it is sent and kept, by the server and by its client."""

import json
from typing import Any


def write_json(value: Any) -> str:
    """JSON without blanks and with every character as itself; equal values give equal texts."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def dump_json(value: Any) -> bytes:
    """The same in UTF-8; half of a surrogate pair, which that cannot hold, becomes `?`."""
    return write_json(value).encode("utf-8", "replace")
