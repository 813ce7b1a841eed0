"""The format of bakery ids, which are keys in `bakeries.yaml`, and appear in paths and request bodies."""

import re

# Also in the OpenAPI document. An id does not begin with a dot, so that it cannot be `.` or `..` in a path.
BAKERY_ID_PATTERN = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
LONGEST_BAKERY_ID = 500

_BAKERY_ID = re.compile(BAKERY_ID_PATTERN, re.ASCII)


def is_bakery_id(text: str) -> bool:
    """Return whether a string can be the id of a bakery."""
    return len(text) <= LONGEST_BAKERY_ID and _BAKERY_ID.fullmatch(text) is not None
