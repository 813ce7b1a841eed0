"""The response headers that the OpenAPI document names."""

from collections.abc import Mapping
from typing import Any

Headers = Mapping[str, Mapping[str, Any]]


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"schema": {"type": "string", **schema}, "description": description}


OF_A_RECORD: Headers = {"ETag": _header("For `If-None-Match`; for recipe runs and datasets also for `If-Match`.")}
OF_A_LIST: Headers = {
    "ETag": _header("For `If-None-Match`."),
    "X-Total-Count": _header("With `_extra=count`: the number of matching rows, or `100000+` if there are more."),
    "Link": _header('The next page, with `rel="next"`; absent on the last page.'),
}
# draft-ietf-httpapi-ratelimit-headers; absent if the registry has no limit
_OF_THE_LIMIT: Headers = {
    "RateLimit-Policy": _header("The number of writes (`q`) that a token may make in a number of seconds (`w`)."),
    "RateLimit": _header("The number of writes left (`r`), and the seconds until the limit is reset (`t`)."),
}
OF_A_WRITE: Headers = {
    "Location": _header("URL of the record; absent if an array was sent.", format="uri"),
    "Idempotency-Replayed": _header(
        "The `Idempotency-Key` was used before: the response is the current state of what the first write created.",
        const="true",
    ),
    **_OF_THE_LIMIT,
}
OF_A_MOVE: Headers = {"Location": _header("The same resource under its current ID.")}
# of problems that have additional information in a header
OF_A_PROBLEM: Mapping[int, Headers] = {
    401: {"WWW-Authenticate": _header("`Bearer`: send a token.")},
    409: {"Location": _header("The existing record that causes the conflict, if there is one.", format="uri")},
    429: {"Retry-After": _header("Seconds until the next write is accepted.", pattern=r"^\d+$"), **_OF_THE_LIMIT},
    503: {"Retry-After": _header("Seconds to wait before trying again.", pattern=r"^\d+$")},
}
