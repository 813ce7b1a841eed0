"""Error responses: problem details (RFC 9457). `docs/errors.md` explains how to handle each type."""

from collections.abc import Iterable, Mapping

from pangeo_forge_federation.values.json_text import dump_json

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "https://api.pangeo-forge.org/problems/"
# Errors listed at once: a body of 1 MB can have 300,000 errors, and a response of 18 MB would help nobody.
MAX_ERRORS = 100

# kind: (status, title). A published kind is never renamed, since clients compare the type.
KINDS = {
    "bad-request": (400, "Bad request"),
    "bad-parameter": (400, "Invalid query parameter"),
    "slow-query": (400, "Query time limit exceeded"),
    "answer-too-large": (400, "Response too large"),
    "invalid-json": (400, "Invalid JSON"),
    "unauthorized": (401, "Authentication required"),
    "forbidden": (403, "Not permitted"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "not-acceptable": (406, "Format not available"),
    "conflict": (409, "Conflict with an existing record"),
    "precondition-failed": (412, "The record has changed"),
    "too-large": (413, "Request body too large"),
    "unsupported-media-type": (415, "Unsupported content type"),
    "range-not-satisfiable": (416, "Range not satisfiable"),
    "invalid": (422, "Validation failed"),
    "idempotency-key-reused": (422, "Idempotency-Key already used for another request"),
    "too-many-requests": (429, "Too many requests"),
    "internal": (500, "Internal server error"),
    "unavailable": (503, "Temporarily unavailable"),
}
# The kinds of the statuses that Datasette itself returns.
KIND_OF_STATUS = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 500: "internal"}


class ProblemDetails(Exception):
    """Ends a request with a problem response.

    `errors` lists all errors of a request body: {"detail": sentence, "pointer": JSON Pointer (RFC 6901)}.
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
    """Return the response body as JSON, including the ID of the request that failed."""
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
    """Return a JSON Pointer (RFC 6901) built from keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def unauthorized(detail: str) -> ProblemDetails:
    """Return a 401 problem with the header that RFC 9110 requires."""
    return ProblemDetails("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="federation"'})
