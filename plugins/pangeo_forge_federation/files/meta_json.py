"""Convert a file to JSON for `feedstocks.meta`: all of its contents, ready to be published.

Values that JSON writes the same way become JSON values: `true`, null, 12, 0.5. Everything else stays the string that
the author wrote: dates, `.nan`, `0777`, `1_000`, `12:30`, `no`, and `1.10`, which is usually a version and not 1.1.
"""

import re
from contextlib import suppress
from typing import Any

from pangeo_forge_federation.files.clean_text import CONTROLS_TAKEN_OUT, utf8_length, with_line_feeds, without_controls
from pangeo_forge_federation.files.file_problems import pointer_to
from pangeo_forge_federation.files.yaml_composer import NULLS
from pangeo_forge_federation.files.yaml_document import Document, Node
from pangeo_forge_federation.values.json_text import write_json

LONGEST_META = 100_000  # bytes

_WORDS = {
    **dict.fromkeys(NULLS),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Every JSON parser reads fifteen digits exactly, even if all its numbers are floating point.
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)


def meta_json(document: Document) -> str | None:
    """Return the document as JSON text of at most 100,000 bytes; None, and a problem, if it is longer."""
    # only documents with a root are converted
    assert document.root is not None
    with suppress(_TooLong):
        text = write_json(_Converter(document).convert(document.root))
        if utf8_length(text) <= LONGEST_META:
            return text
    document.problems.warning(
        "",
        document.root,
        f"As JSON, this file has more than {LONGEST_META:,} bytes, so it is not stored as a whole (`meta`). "
        "The values read from it, such as title and recipes, are.",
    )
    return None


class _TooLong(Exception):
    pass


class _Converter:
    """Converts nodes to what `json` can write, up to the limit, and reports control characters."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._has_secrets = bool(document.secrets)
        self._path: list[str | int] = []
        # the least that the strings will take as JSON, in bytes
        self._length = 0

    def convert(self, node: Node) -> Any:
        value = node.value
        if isinstance(value, str):
            return self._scalar(node, value)
        return self._mapping(node, value) if isinstance(value, dict) else self._list(value)

    def _mapping(self, node: Node, entries: dict[str, Node]) -> dict[str, Any]:
        converted: dict[str, Any] = {}
        times: dict[str, int] = {}
        for key, child in entries.items():
            unique = name = self._fit_to_publish(node, key)
            # As keys, two e-mail addresses are both `[e-mail]`, but keys in JSON must differ.
            while unique in converted:
                times[name] = times.get(name, 1) + 1
                unique = f"{name} ({times[name]})"
            self._path.append(key)
            converted[unique] = self.convert(child)
            self._path.pop()
        return converted

    def _list(self, items: list[Node]) -> list[Any]:
        converted = []
        for position, child in enumerate(items):
            self._path.append(position)
            converted.append(self.convert(child))
            self._path.pop()
        return converted

    def _scalar(self, node: Node, written: str) -> str | int | float | bool | None:
        if node.style == "":
            if written in _WORDS:
                return _WORDS[written]
            if _NUMBER.fullmatch(written):
                number = float(written) if "." in written else int(written)
                if repr(number) == written:
                    return number
        return self._fit_to_publish(node, written)

    def _fit_to_publish(self, node: Node, written: str) -> str:
        if not written.isprintable():
            text = with_line_feeds(written)
            written = without_controls(text)
            if written != text:
                self._report_controls(node)
        text = self._document.redact(written) if self._has_secrets else written
        # with two quotes, and a comma or colon
        self._length += len(text) + 3
        if self._length > LONGEST_META:
            raise _TooLong
        return text

    def _report_controls(self, node: Node) -> None:
        problems = self._document.problems
        if problems.are_many:
            problems.count_another()
        elif not problems.speak_of(node):
            problems.warning(pointer_to("", *self._path), node, CONTROLS_TAKEN_OUT)
