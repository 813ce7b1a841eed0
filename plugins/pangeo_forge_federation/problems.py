"""Every error body, made in one place: RFC 9457 problem details. `docs/errors.md` says what to do on each."""

from collections.abc import Iterable, Mapping

from pangeo_forge_federation.values.json_text import dump_json

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "https://api.pangeo-forge.org/problems/"
# BodyErrors that are told at once: a body of a megabyte can hold 300,000, and an answer of 18 megabytes helps nobody.
MAX_ERRORS = 100

# kind: (status, title). A kind, once published, is never renamed: clients compare the type.
KINDS = {
    "bad-request": (400, "The request cannot be read"),
    "bad-parameter": (400, "A parameter is unknown or cannot be read"),
    "slow-query": (400, "The query takes too long"),
    "answer-too-large": (400, "The answer would be larger than one may be"),
    "invalid-json": (400, "The body is not JSON that can be kept"),
    "unauthorized": (401, "A valid token is needed"),
    "forbidden": (403, "You may not do that"),
    "not-found": (404, "There is nothing here"),
    "method-not-allowed": (405, "This method is not offered here"),
    "not-acceptable": (406, "This registry cannot send that format"),
    "conflict": (409, "This contradicts what is recorded"),
    "precondition-failed": (412, "It has changed meanwhile"),
    "too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "The body is not of a type that is read here"),
    "range-not-satisfiable": (416, "The file ends before that"),
    "invalid": (422, "The body does not fit"),
    "idempotency-key-reused": (422, "This Idempotency-Key was used for another request"),
    "too-many-requests": (429, "Too many writes with this token"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "Not now, try again"),
}
# What people see for statuses that Datasette itself answers with.
KIND_OF_STATUS = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 500: "internal"}


class ProblemDetails(Exception):
    """Ends a request with a problem body.

    `errors` are all faults of a body at once: {"detail": sentence, "pointer": JSON Pointer (RFC 6901)}.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Iterable[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **members: object,
    ):
        super().__init__(detail)
        self.kind = kind
        self.status, self.title = KINDS[kind]
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.members = members


def problem_body(problem: ProblemDetails, request_id: str) -> bytes:
    """The body of an error, as bytes of JSON, with the id of the request that ends in it."""
    body: dict[str, object] = {
        "type": TYPE_PREFIX + problem.kind,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    body |= problem.members
    if request_id:
        body["request_id"] = request_id
    return dump_json(body)


def json_pointer(parts: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901) from keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def unauthorized(detail: str) -> ProblemDetails:
    """401, with the header that RFC 9110 asks for."""
    return ProblemDetails("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="federation"'})
