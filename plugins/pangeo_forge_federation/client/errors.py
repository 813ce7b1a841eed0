"""What may go wrong between a client and the registry. The commands' exit codes follow from these."""

import json
from collections.abc import Mapping
from typing import Any

FAILED, USAGE, REFUSED = 1, 2, 4
_MOST_BODY_CHARACTERS = 200


class RegistryError(Exception):
    """Something failed. The text is a sentence for people."""

    exit_code = FAILED


class BadConfiguration(RegistryError):
    """The URL, the token or the file that holds them cannot be used as it is."""

    exit_code = USAGE


class Unreachable(RegistryError):
    """There was no answer, or one that says to try again, until time was up. A write may be stored or not.

    `retry_after` is what it asked to wait, in seconds.
    """

    def __init__(self, words: str, retry_after: float = 0.0):
        super().__init__(words)
        self.retry_after = retry_after


class Problem(RegistryError):
    """The registry refused a request: RFC 9457 problem details.

    `errors` are all faults of a body, each {"detail": sentence, "pointer": JSON Pointer}; `location` is what is there
    already, on a conflict.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]):
        self.status = status
        # docs/errors.md lists the kinds
        self.kind = str(body.get("type", "")).rpartition("/")[2]
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail", ""))
        errors = body.get("errors")
        self.errors = [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []
        self.location = headers.get("Location")
        super().__init__("\n".join([f"{self.detail or self.title} ({status})", *self._lines()]))

    def _lines(self) -> list[str]:
        return [f"  {each.get('pointer') or 'body'}: {each.get('detail')}" for each in self.errors]


class Refused(Problem):
    """401 or 403: the token is missing, bad, or not for this."""

    exit_code = REFUSED


def problem_of(status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
    """The problem that an answer tells; one that a proxy made tells what can be said of it."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or "detail" not in told:
        text = " ".join(body[: 4 * _MOST_BODY_CHARACTERS].decode("utf-8", "replace").split())[:_MOST_BODY_CHARACTERS]
        told = {"detail": f"the server answered {status} without saying why{': ' + text if text else ''}"}
    return (Refused if status in (401, 403) else Problem)(status, told, headers)
