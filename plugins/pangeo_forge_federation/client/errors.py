"""Errors between a client and the registry. Each has the exit code that the commands use for it."""

import json
from collections.abc import Mapping
from typing import Any

FAILED, USAGE, REFUSED = 1, 2, 4
_MOST_BODY_CHARACTERS = 200


class RegistryError(Exception):
    """The base class of the client's errors. The message is written for people."""

    exit_code = FAILED


class BadConfiguration(RegistryError):
    """The registry's URL, the token or the configuration file is missing or not valid."""

    exit_code = USAGE


class Unreachable(RegistryError):
    """The registry did not respond in time, or only with responses that mean "try again later".

    A write may have been recorded or not.

    Attributes:
        retry_after: Seconds to wait before the next attempt, from the registry's last response; 0 if it had none.
    """

    def __init__(self, message: str, retry_after: float = 0.0):
        super().__init__(message)
        self.retry_after = retry_after


class Problem(RegistryError):
    """The registry refused a request, with RFC 9457 problem details.

    Attributes:
        status: HTTP status.
        kind: The last part of the problem's `type`; docs/errors.md lists them.
        title: The problem's title.
        detail: What was wrong with this request.
        errors: All errors of a request body, each {"detail": message, "pointer": JSON Pointer}.
        location: The path or URL of the existing record, for a conflict.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]):
        self.status = status
        self.kind = str(body.get("type", "")).rpartition("/")[2]
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        errors = body.get("errors")
        self.errors = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
        self.location = headers.get("Location")
        summary = (self.detail or self.title).rstrip(".")
        super().__init__("\n".join([f"{summary} ({status})", *self._lines()]))

    def _lines(self) -> list[str]:
        return [f"  {each.get('pointer') or 'body'}: {each.get('detail')}" for each in self.errors]


class Refused(Problem):
    """The token is missing or not valid (401), or does not allow this (403)."""

    exit_code = REFUSED


def read_problem(status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
    """Return the problem in a response, or one that quotes the response if it has another format, as from a proxy."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = None
    if not isinstance(problem, dict) or "detail" not in problem:
        text = " ".join(body[: 4 * _MOST_BODY_CHARACTERS].decode("utf-8", "replace").split())[:_MOST_BODY_CHARACTERS]
        problem = {"detail": f"the server returned {status} and no reason{': ' + text if text else ''}"}
    return (Refused if status in (401, 403) else Problem)(status, problem, headers)
