"""The response headers that the OpenAPI document names."""

from collections.abc import Mapping
from typing import Any

Headers = Mapping[str, Mapping[str, Any]]


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"schema": {"type": "string", **schema}, "description": description}


OF_A_RECORD: Headers = {"ETag": _header("For `If-None-Match`, and of a recipe run or a dataset for `If-Match`.")}
OF_A_LIST: Headers = {
    "ETag": _header("For `If-None-Match`."),
    "X-Total-Count": _header("With `_extra=count`: how many rows the filters leave; `100000+` when there are more."),
    "Link": _header('The next page, `rel="next"`; missing on the last one.'),
}
# draft-ietf-httpapi-ratelimit-headers; a registry without a limit sends none of them
_OF_THE_LIMIT: Headers = {
    "RateLimit-Policy": _header("How many writes a token has within how many seconds: `q` and `w`."),
    "RateLimit": _header("How many writes are left, and in how many seconds they are all there again: `r` and `t`."),
}
OF_A_WRITE: Headers = {
    "Location": _header("Where the record is; missing where an array was sent.", format="uri"),
    "Idempotency-Replayed": _header(
        "The `Idempotency-Key` came before: this is what the first write made, as it is by now.", const="true"
    ),
    **_OF_THE_LIMIT,
}
OF_A_MOVE: Headers = {"Location": _header("The same under its present id.")}
# of problems that tell more in a header than in the body
OF_A_PROBLEM: Mapping[int, Headers] = {
    401: {"WWW-Authenticate": _header("`Bearer`: send a token.")},
    409: {"Location": _header("The record that is there, where it is one that stands in the way.", format="uri")},
    429: {"Retry-After": _header("Seconds until the next write is taken.", pattern=r"^\d+$"), **_OF_THE_LIMIT},
    503: {"Retry-After": _header("Seconds after which to try again.", pattern=r"^\d+$")},
}
