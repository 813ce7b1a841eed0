"""Why a file cannot be read at all, in words for the person who wrote it."""

import re

import yaml

LARGEST_FILE = 1_048_576  # bytes

_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_UTF8_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# What YAML 1.1 lets stand in a file (section 5.1, `c-printable`), turned round.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Thousands of these cost libyaml seconds, a long one multiplies itself with each tag; no metadata needs any.
_TAG_DIRECTIVE = re.compile("(?:^|[\n\r\x85\u2028\u2029])%TAG")

# What the parsers say (libyaml and PyYAML's own differ in words) and what it mostly means; the first that fits.
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
    ("exceeded maximum nesting depth", "Lists and mappings are nested too deeply here. Reduce the nesting."),
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

# For these the place where the thing began helps more than the place where the parser gave up.
_BEGINNINGS = ("while scanning a simple key", "while scanning a quoted scalar", "while parsing a flow")


class UnreadableYaml(Exception):
    """A file that cannot be read, with the place to look at (counted from 1) where there is one."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def decoded(data: bytes) -> str:
    """The file's text, without a byte order mark. Raises UnreadableYaml for what no YAML reader should see."""
    if len(data) > LARGEST_FILE:
        raise UnreadableYaml(f"This file has {len(data):,} bytes; files up to 1 MiB are read.")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            raise UnreadableYaml(f"This file is in {encoding}; save it as UTF-8.", 1, 1)
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
    """What a parser's error means. Its own words are not repeated: some parsers quote the file in them."""
    said = f"{getattr(error, 'context', None) or ''} {getattr(error, 'problem', None) or ''}"
    meaning = next((meaning for part, meaning in _MEANINGS if part in said), _OTHER_MEANING)
    message = f"This is not YAML. {meaning} The file was not read."
    mark = None
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark
        if error.context_mark and (error.context or "").startswith(_BEGINNINGS):
            mark = error.context_mark
    return UnreadableYaml(message, mark.line + 1, mark.column + 1) if mark else UnreadableYaml(message)


def _place_after(text: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows this text."""
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1
