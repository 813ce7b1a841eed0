"""A parsed file as JSON text, for `feedstocks.meta`: everything that the file says, fit to publish.

What JSON can say the same way becomes JSON's: `true`, null, 12, 0.5. All else stays the text that the author wrote:
dates, `.nan`, `0777`, `1_000`, `12:30`, `no`, and `1.10`, which is mostly a version and not 1.1.
"""

import json
import re

from pangeo_forge_federation.files.clean_text import CONTROLS_TAKEN_OUT, utf8_length, with_line_feeds, without_controls
from pangeo_forge_federation.files.file_problems import Problems, pointer_to
from pangeo_forge_federation.files.yaml_document import Node
from pangeo_forge_federation.values.redaction import redact

LONGEST_META = 100_000  # bytes

_BOOLEANS = {"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"}
# Fifteen digits are exact in every reader of JSON, also where all numbers are floating point.
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}", re.ASCII)


class _TooLong(Exception):
    pass


def meta_json(root: Node, problems: Problems) -> str | None:
    """The mapping as JSON text of at most 100,000 bytes; longer, it is a problem and None."""
    try:
        return _Writer(problems).text_of(root)
    except _TooLong:
        problems.warning(
            "",
            root,
            f"Written as JSON this file has more than {LONGEST_META:,} bytes, so it is not kept as a whole (`meta`). "
            "What is read from it, such as title and recipes, is.",
        )
        return None


class _Writer:
    """Writes piece by piece and stops at the bound, so that a file of a megabyte costs no more than a small one."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._pieces: list[str] = []
        self._length = 0
        self._path: list[str | int] = []

    def text_of(self, root: Node) -> str:
        self._write(root)
        return "".join(self._pieces)

    def _write(self, node: Node) -> None:
        if isinstance(node.value, dict):
            self._mapping(node, node.value)
        elif isinstance(node.value, list):
            self._list(node.value)
        else:
            self._put(self._scalar(node, node.value))

    def _mapping(self, node: Node, entries: dict[str, Node]) -> None:
        self._put("{")
        written: dict[str, int] = {}
        for key, child in entries.items():
            name = self._fit_to_publish(node, key)
            times = written.get(name, 0) + 1
            written[name] = times
            # Two addresses are the same `[e-mail]` as keys, but JSON's keys should differ.
            unique = name if times == 1 else f"{name} ({times})"
            self._put(("" if len(written) == 1 and times == 1 else ",") + _quoted(unique) + ":")
            self._path.append(key)
            self._write(child)
            self._path.pop()
        self._put("}")

    def _list(self, items: list[Node]) -> None:
        self._put("[")
        for position, child in enumerate(items):
            if position:
                self._put(",")
            self._path.append(position)
            self._write(child)
            self._path.pop()
        self._put("]")

    def _scalar(self, node: Node, written: str) -> str:
        if node.is_null:
            return "null"
        if node.style == "":
            if written in _BOOLEANS:
                return _BOOLEANS[written]
            if _NUMBER.fullmatch(written) and ("." not in written or repr(float(written)) == written):
                return written
        return _quoted(self._fit_to_publish(node, written))

    def _fit_to_publish(self, node: Node, written: str) -> str:
        text = with_line_feeds(written)
        clean = without_controls(text)
        if clean != text:
            self._report_controls(node)
        return redact(clean)

    def _report_controls(self, node: Node) -> None:
        if self._problems.are_many:
            self._problems.count_another()
        elif not self._problems.speak_of(node):
            self._problems.warning(pointer_to("", *self._path), node, CONTROLS_TAKEN_OUT)

    def _put(self, piece: str) -> None:
        self._length += utf8_length(piece)
        if self._length > LONGEST_META:
            raise _TooLong
        self._pieces.append(piece)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
