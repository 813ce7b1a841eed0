"""Problems of a file as data: where they are, how severe, and what to write instead."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pangeo_forge_federation.files.clean_text import cut_to_bytes, without_controls
from pangeo_forge_federation.values.redaction import redact

MOST_PROBLEMS = 200  # per file
MESSAGE_BYTES = 2_000
POINTER_BYTES = 4_000
LONGEST_KEY = 500  # characters of one key in a pointer

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"


@dataclass(frozen=True)
class Problem:
    """A problem of a file, for its author.

    pointer   RFC 6901 JSON Pointer into the file, "" for the whole file
    line      of the value or key, from 1; None if it has no place
    column    from 1, in characters
    severity  "error": something was lost or cannot be read; "warning": it was kept, but should be written differently
    message   what is wrong, what follows from that, and what to write instead
    """

    pointer: str
    line: int | None
    column: int | None
    severity: str
    message: str


def problem_of_file(message: str) -> Problem:
    """Return an error about the file as a whole, without a place in it."""
    return Problem("", None, None, ERROR, message)


def problem_line(file: str, problem: Problem) -> str:
    """Return `file:line:column: severity: message [pointer]`, which editors can parse."""
    places = [file, *(str(place) for place in (problem.line, problem.column) if place is not None)]
    pointer = f" [{problem.pointer}]" if problem.pointer else ""
    return f"{':'.join(places)}: {problem.severity}: {problem.message}{pointer}"


class Place(Protocol):
    """Anything with a place in a file."""

    @property
    def line(self) -> int | None: ...

    @property
    def column(self) -> int | None: ...


class Problems:
    """The problems of one file. Beyond a limit, they are only counted."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._places: set[tuple[int | None, int | None]] = set()
        self._found = 0

    def error(self, pointer: str, place: Place | None, message: str) -> None:
        """Add an error: something was lost or cannot be read."""
        self._add(pointer, place, ERROR, message)

    def warning(self, pointer: str, place: Place | None, message: str) -> None:
        """Add a warning: something was kept, but should be written differently."""
        self._add(pointer, place, WARNING, message)

    @property
    def are_many(self) -> bool:
        """Whether the next one would only be counted, so that its message is not needed."""
        return self._found >= MOST_PROBLEMS

    def count_another(self) -> None:
        """Count another one without a message."""
        self._found += 1

    def speak_of(self, place: Place) -> bool:
        """Return whether there is a problem at this place already."""
        return (place.line, place.column) in self._places

    def listed(self) -> list[Problem]:
        """Return at most 200 problems in the order of the file. If there are more, the last one says how many."""
        if self._found <= MOST_PROBLEMS:
            return sorted(self._kept, key=_reading_order)
        kept = sorted(self._kept[: MOST_PROBLEMS - 1], key=_reading_order)
        further = self._found - len(kept)
        message = f"There are {further:,} more problems in this file, which will be shown once those above are fixed."
        return [*kept, problem_of_file(message)]

    def _add(self, pointer: str, place: Place | None, severity: str, message: str) -> None:
        self._found += 1
        if self._found > MOST_PROBLEMS:
            return
        line, column = (place.line, place.column) if place else (None, None)
        self._places.add((line, column))
        # key by key and unescaped, since a URL in a key is not recognised once its slashes are escaped
        keys = (key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:])
        pointer = cut_to_bytes(pointer_to("", *(redact(without_controls(key)) for key in keys)), POINTER_BYTES)
        message = cut_to_bytes(redact(without_controls(message)), MESSAGE_BYTES)
        self._kept.append(Problem(pointer, line, column, severity, message))


def pointer_to(pointer: str, *keys: str | int) -> str:
    """Extend a JSON Pointer by keys or list positions (RFC 6901 escapes `~` and `/`)."""
    for key in keys:
        text = str(key)
        if len(text) > LONGEST_KEY:
            # before the cut, since half a secret may not be recognised; four times the limit shows what starts within
            text = redact(text[: 4 * LONGEST_KEY])[:LONGEST_KEY]
        pointer += "/" + text.replace("~", "~0").replace("/", "~1")
    return pointer


def _reading_order(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0
