"""Explain to the author of a file why it cannot be read."""

import re
from typing import Any

import yaml

LARGEST_FILE = 1_048_576  # bytes
DEEPEST_LEVEL = 100  # of lists and mappings

_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Everything but what YAML 1.1 allows in a file (section 5.1, `c-printable`).
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Thousands of these take libyaml seconds, and every tag repeats a long one; no metadata needs any.
_TAG_DIRECTIVE = re.compile("(?:^|[\n\r\x85\u2028\u2029])%TAG")

# Parts of the parsers' messages (those of libyaml and of PyYAML differ) with what they usually mean; the first match
# counts.
_MEANINGS = (
    (
        "mapping values are not allowed",
        "This value contains a colon followed by a space. Quote the value: `title: 'One: two'`.",
    ),
    (
        "could not find expected ':'",
        "This line is neither `key: value` nor part of the string above it. Text below `>` or `|` must be indented "
        "further than its key.",
    ),
    ("found unexpected end of stream", "A quoted string starts here and never ends. Close it with the same quote."),
    ("found unexpected document indicator", "A quoted string starts here and does not end before `---` or `...`."),
    (
        "that cannot start any token",
        "A value cannot start like this. Indent with spaces, not tabs, and quote values that start with `@`, `%` or a "
        "backtick.",
    ),
    (
        "alphabetic or numeric character",
        "Quote values that start with `*` or `&`: without quotes, YAML reads them as references to other values.",
    ),
    ("unknown escape character", "A backslash has a special meaning inside double quotes. Use single quotes."),
    ("escape", "This escape sequence is not valid in YAML. Write the character itself."),
    ("while parsing a flow", "A `[` or `{` starts here and is not closed correctly. Check the commas and brackets."),
    (
        "while parsing a block",
        "This line does not match the lines around it. Entries of a mapping or list must "
        "start in the same column, and a quote inside quotes is doubled: `'it''s'`.",
    ),
    ("tag", "This value starts with `!`, which names a type that is not supported. Quote the value."),
    ("block scalar", "Text after `>` or `|` starts on the next line, indented further than its key."),
    ("directive", "A line that starts with `%` is a YAML directive. Quote the value."),
    ("document start", "This is outside the document, which ended above. Indent it or remove it."),
)
_OTHER_MEANING = "From here on the file is not valid YAML."

# For these, the place where the string or bracket starts is more helpful than the place where the parser stopped.
_BEGINNINGS = ("while scanning a simple key", "while scanning a quoted scalar", "while parsing a flow")


class UnreadableYaml(Exception):
    """A file cannot be read.

    Attributes:
        message: For the author of the file.
        line, column: Where to look, counted from 1; None if unknown.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def decoded(data: bytes) -> str:
    """Return the text of a file without its byte order mark.

    Raises:
        UnreadableYaml: The file is too large, empty or not UTF-8, or contains characters or directives that are not
            read.
    """
    if len(data) > LARGEST_FILE:
        raise UnreadableYaml(f"This file has {len(data):,} bytes. The limit is 1 MiB.")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            raise UnreadableYaml(f"This file is encoded in {encoding}. Save it as UTF-8.", 1, 1)
    data = data.removeprefix(_UTF8_BYTE_ORDER_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = (
            f"This file is not UTF-8: the byte 0x{data[error.start]:02X} does not start a character. Save it as UTF-8."
        )
        raise UnreadableYaml(message, *_place_after(before)) from None
    if not text.strip():
        raise UnreadableYaml("This file is empty.")
    if unprintable := _NOT_PRINTABLE.search(text):
        code = ord(unprintable.group())
        kind = "is binary or UTF-16, not text in UTF-8" if code == 0 else "contains a control character"
        message = f"This file {kind} (U+{code:04X} is here), which YAML does not allow."
        raise UnreadableYaml(message, *_place_after(text[: unprintable.start()]))
    if "%TAG" in text and (directive := _TAG_DIRECTIVE.search(text)):
        message = "A line of this file starts with `%TAG`, which is not supported. Remove it."
        raise UnreadableYaml(message, *_place_after(text[: directive.end() - len("%TAG")]))
    return text


def unreadable_yaml_of(error: Exception) -> UnreadableYaml:
    """Return what a parser's error means, with its place. Its own message may quote the file, so it is not repeated."""
    parts = f"{getattr(error, 'context', None) or ''} {getattr(error, 'problem', None) or ''}"
    meaning = next((meaning for part, meaning in _MEANINGS if part in parts), _OTHER_MEANING)
    message = f"This is not YAML. {meaning} The file was not read."
    mark = None
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        if mark and "exceeded maximum nesting depth" in parts:
            return too_deep(mark)
        if error.context_mark and (error.context or "").startswith(_BEGINNINGS):
            mark = error.context_mark
    return UnreadableYaml(message, mark.line + 1, mark.column + 1) if mark else UnreadableYaml(message)


def too_deep(mark: Any) -> UnreadableYaml:
    """Return the error for lists and mappings that are nested too deeply, at this place."""
    return UnreadableYaml(
        f"Lists and mappings are nested more than {DEEPEST_LEVEL} levels deep here. The file was not read. Reduce "
        "the nesting.",
        mark.line + 1,
        mark.column + 1,
    )


def _place_after(text: str) -> tuple[int, int]:
    """Return line and column, from 1, of what follows this text."""
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1
