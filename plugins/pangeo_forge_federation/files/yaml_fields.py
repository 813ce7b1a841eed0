"""Read single values from a document: interpret each one as it was meant, or report a problem at its place.

No message here repeats a value, since messages are published and parts of some files are not.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Set
from typing import TypeVar
from urllib.parse import urlsplit

from pangeo_forge_federation.files.clean_text import (
    CONTROLS_TAKEN_OUT,
    cut_to_bytes,
    has_unseen,
    utf8_length,
    with_line_feeds,
    without_controls,
)
from pangeo_forge_federation.files.file_problems import pointer_to
from pangeo_forge_federation.files.yaml_document import Document, Node
from pangeo_forge_federation.values.redaction import SIGNED_URL, secrets_in
from pangeo_forge_federation.values.signed_urls import signing_parameter

T = TypeVar("T")

# In bytes of UTF-8, as in the database.
ID_BYTES = 500
NAME_BYTES = 500
VERSION_BYTES = 200
URL_BYTES = 4_096
DESCRIPTION_BYTES = 20_000

_HOST_FIRST = re.compile(r"(?:[\w-]+\.)+[^\W\d_]{2,}(?::\d+)?(?:[/?#]|$)")
_DOI = re.compile(r"(?:doi:\s*)?10\.\d{4,9}/", re.IGNORECASE)
_NOT_IN_URLS = re.compile(r'[\s<>"\\`]')


class Value:
    """A value of a document with its pointer, or a missing one (`node` is None)."""

    __slots__ = ("_key", "_parent", "document", "node")

    def __init__(
        self, node: Node | None, document: Document, parent: "Value | None" = None, key: str | int | None = None
    ) -> None:
        self.node = node
        self.document = document
        self._parent = parent
        self._key = key

    @property
    def pointer(self) -> str:
        """The JSON Pointer of this value in its document."""
        if self._parent is None or self._key is None:
            return ""
        return pointer_to(self._parent.pointer, self._key)

    @property
    def place(self) -> Node | None:
        """The node; if the value is missing, the nearest one around it."""
        return self.node or (self._parent.place if self._parent else None)

    def at(self, key: str) -> "Value":
        """Return the entry with this key, or a missing value if there is none or this is not a mapping."""
        entries = self.node.value if self.node else None
        child = entries.get(key) if isinstance(entries, dict) else None
        return Value(child, self.document, self, key)

    def first_of(self, *keys: str) -> "Value":
        """Return the first entry with one of these keys that is not null, or else the entry of the first key."""
        for key in keys:
            entry = self.at(key)
            if not entry.is_null:
                return entry
        return self.at(keys[0])

    def items(self) -> Iterator["Value"]:
        """Yield the items of this list; none if it is not a list."""
        for position, node in enumerate(self.node.items if self.node else ()):
            yield Value(node, self.document, self, position)

    def entries(self) -> Iterator[tuple[str, "Value"]]:
        """Yield the keys and entries of this mapping; none if it is not a mapping."""
        for key, node in self.node.entries.items() if self.node else ():
            yield key, Value(node, self.document, self, key)

    def keys(self) -> Set[str]:
        """Return the keys of this mapping; none if it is not a mapping."""
        return self.node.entries.keys() if self.node else frozenset()

    def has(self, key: str) -> bool:
        """Return whether this is a mapping with this key."""
        return key in self.keys()

    @property
    def is_null(self) -> bool:
        """Whether the value is missing or null."""
        return self.node is None or self.node.is_null

    @property
    def text(self) -> str | None:
        """The string as written; None if the value is null, a list or a mapping."""
        node = self.node
        return node.value if node is not None and isinstance(node.value, str) and not node.is_null else None

    @property
    def style(self) -> str | None:
        """How the string was quoted, as in `Node`; None if the value is not a string."""
        return self.node.style if self.node else None

    @property
    def is_text(self) -> bool:
        return self.text is not None

    @property
    def is_list(self) -> bool:
        return self.node is not None and isinstance(self.node.value, list)

    @property
    def is_mapping(self) -> bool:
        return self.node is not None and isinstance(self.node.value, dict)

    def error(self, message: str) -> None:
        """Report that something was lost or cannot be read."""
        self.document.problems.error(self.pointer, self.place, message)

    def warning(self, message: str) -> None:
        """Report that something was kept, but should be written differently."""
        self.document.problems.warning(self.pointer, self.place, message)

    def expected(self, what: str) -> None:
        """Report that the value does not have the type of `what`."""
        kind = "a list" if self.is_list else "a mapping" if self.is_mapping else "a string"
        self.error(f"This is {kind}; {what} is required here. This was ignored.")


def list_items(value: Value, most: int, what: str, example: str) -> Iterator[Value]:
    """Yield the items of a list, up to a limit. Anything else is read as the only item, with a warning."""
    if value.is_null:
        return
    if not value.is_list:
        if value.is_mapping:
            value.warning(f"A list of {what} is required here. This was read as its only item; write `{example}`.")
        yield value  # if it is a string, the reader of the item reports how to write it
        return
    yield from bounded(value, value.items(), most, what)


def bounded(value: Value, found: Iterable[T], most: int, what: str) -> Iterator[T]:
    """Yield what was found in this value, up to a limit, with an error if there is more."""
    for position, each in enumerate(found):
        if position == most:
            value.error(f"There are more than {most:,} {what}. Those after the first {most:,} were ignored.")
            return
        yield each


def text_as_written(value: Value, what: str) -> str | None:
    """Return the string; None if the value is null, or, with an error, if it is a list or a mapping."""
    text = value.text
    if text is None and not value.is_null:
        value.expected(what)
    return text


def plain_text(value: Value, limit: int) -> str | None:
    """Return text for people: secrets redacted, without control characters, cut to `limit` bytes; "" only if quoted."""
    found = text_as_written(value, "a string")
    if found is None:
        return None
    if not found.isprintable():
        written = with_line_feeds(found)
        found = without_controls(written)
        if found != written:
            value.warning(CONTROLS_TAKEN_OUT)
    text = value.document.redact(found).strip()
    if not text:
        return "" if value.style in ("'", '"') else None
    cut = cut_to_bytes(text, limit)
    if cut != text:
        value.warning(f"This string is longer than {limit:,} bytes and was cut. Shorten it.")
    return cut


def short_text(value: Value, limit: int = NAME_BYTES) -> str | None:
    """Return the same as `plain_text`, but None for an empty string."""
    return plain_text(value, limit) or None


def checked_text(value: Value, normal_form: Callable[[str], str | None], what: str, example: str) -> str | None:
    """Return a short string in its normal form; None, with an error, if it is not `what`."""
    text = short_text(value)
    if text is None:
        return None
    found = normal_form(text)
    if found is None:
        value.error(f"This is not {what}; it was ignored. Write it like `{example}`.")
    return found


def identifier(value: Value, what: str) -> str | None:
    """Return an id exactly as written; None, with an error, if it is invalid. A corrected id might be another's."""
    if value.is_null:
        value.error(f"This {what} has no id, so runs could not refer to it. It was ignored. Write `id: some-name`.")
        return None
    written = text_as_written(value, "a string")
    if written is None:
        return None
    if reason := why_no_identifier(written, value):
        value.error(f"This id {reason}; the {what} was ignored.")
        return None
    return written


def why_no_identifier(written: str, value: Value) -> str | None:
    """Return why this cannot be an id, which becomes part of a path, as the end of a sentence; None if it can."""
    if not written.strip():
        return "is empty"
    if has_unseen(written):
        return "contains a line end, a control character or another invisible character"
    if utf8_length(written) > ID_BYTES:
        return f"is longer than {ID_BYTES} bytes"
    if written != written.strip() or written != written.strip("/"):
        return "starts or ends with a space or a slash"
    if "\\" in written:
        return "contains a backslash"
    if not {".", ".."}.isdisjoint(written.split("/")):
        return "contains `.` or `..` between slashes, which paths interpret"
    return why_not_published(written, value)


def why_not_published(written: str, value: Value) -> str | None:
    """Return the end of a sentence that names the first secret in this text of the value's document, or None."""
    for kind in secrets_in(written) if value.document.secrets else ():
        if kind is SIGNED_URL:
            return f"contains the parameter `{signing_parameter(written)}` of a signed URL; remove the query string"
        return f"contains {kind.name}, which is not published"
    return None


def url(value: Value) -> str | None:
    """Return an http or https URL as written that is safe to link; None, with a problem, for anything else."""
    written = (text_as_written(value, "a URL") or "").strip()
    if not written:
        return None
    if _HOST_FIRST.match(written[:URL_BYTES]):
        value.warning("This URL has no scheme, so it was ignored. Start it with `https://`.")
        return None
    if reason := _why_no_url(written, value):
        value.error(f"This URL {reason}. It was ignored.")
        return None
    return written


def is_web_address(text: str) -> bool:
    """Return whether the text looks like an http or https URL and nothing else."""
    return text.lower().startswith(("http://", "https://")) and not any(letter.isspace() for letter in text)


def _why_no_url(written: str, value: Value) -> str | None:
    if utf8_length(written) > URL_BYTES:
        return f"is longer than {URL_BYTES:,} bytes"
    if _DOI.match(written):
        return "is a DOI; write it as `https://doi.org/10...`"
    if has_unseen(written) or _NOT_IN_URLS.search(written):
        return "contains a character that is not allowed in a URL; write a single URL, with `%20` for a space"
    try:
        parts = urlsplit(written)
        host = parts.hostname
        _ = parts.port  # raises if it is not a number
    except ValueError:
        return "is not valid"
    if parts.scheme.lower() not in ("http", "https"):
        return "does not start with `https://` or `http://`"
    if not host:
        return "has no host"
    if "@" in parts.netloc:
        return "has a user name or password before its `@`, which is not published; remove it"
    return why_not_published(written, value)
