"""What the id of a bakery may be: its key in `bakeries.yaml`, a part of paths, and what a POST names it by."""

import re

# As the document of the API tells it: no dot first, so that it is no path's `.` or `..`.
BAKERY_ID_PATTERN = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
LONGEST_BAKERY_ID = 500

_BAKERY_ID = re.compile(BAKERY_ID_PATTERN, re.ASCII)


def is_bakery_id(text: str) -> bool:
    """Whether a text can be the id of a bakery."""
    return len(text) <= LONGEST_BAKERY_ID and _BAKERY_ID.fullmatch(text) is not None
