"""Compose a YAML file into PyYAML's nodes, within limits: with libyaml, or event by event if libyaml cannot.

Neither resolves types, so every scalar stays as written: `1.10`, `no`, `012`.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

from pangeo_forge_federation.files.clean_text import utf8_length
from pangeo_forge_federation.files.yaml_errors import DEEPEST_LEVEL, UnreadableYaml, too_deep, unreadable_yaml_of

MOST_VALUES = 200_000  # with aliases expanded; a list of 10,000 recipes with four keys each has 90,000
MOST_TEXT_BYTES = 2 * 1_048_576  # with aliases expanded; without aliases, a file of 1 MiB cannot contain as much

# Possibly an alias, or a tag that is just `!`: PyYAML's nodes have neither.
_NEEDS_CLOSER_LOOK = re.compile(r"\*[\w-]|!(?:\s|$)")


class Anchored:
    """A value with an anchor.

    name        the anchor
    node        PyYAML's node
    values      the number of values in it, with aliases expanded
    text_bytes  the length of all strings in it, with aliases expanded
    height      the number of levels of lists and mappings in it
    """

    __slots__ = ("height", "name", "node", "text_bytes", "values")

    def __init__(self, name: str, node: yaml.Node) -> None:
        self.name = name
        self.node = node
        self.values = self.text_bytes = self.height = 0

    @property
    def start_mark(self) -> Any:
        return self.node.start_mark


class Alias:
    """An alias, with its own place; `anchored` is None if no complete value above it has that anchor."""

    __slots__ = ("anchored", "start_mark")

    def __init__(self, anchored: Anchored | None, start_mark: yaml.Mark) -> None:
        self.anchored = anchored
        self.start_mark = start_mark


ComposedNode = yaml.Node | Anchored | Alias


@dataclass
class Composed:
    """A file as nodes.

    root               of the first document, None if there is none; if there is an error, everything before it
    second_document    where a second document starts
    error              why the file cannot be read
    """

    root: ComposedNode | None = None
    second_document: Any = None
    error: UnreadableYaml | None = None


class _TooManyValues(Exception):
    pass


# PyYAML's wheels include libyaml. Without it, PyYAML's parser in Python reads the same, but slowly.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The type stubs declare marks, tags and anchors as optional, but events from the parser have them.
Event = Any


class _Loader(_SafeLoader):
    """Composes without types."""

    def descend_resolver(self, parent, index):
        pass

    def ascend_resolver(self):
        pass

    def resolve(self, kind, value, implicit):
        return None


class _BoundedLoader(_Loader):
    """Composes without types, and stops at too many values before they fill the memory."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = 0

    def descend_resolver(self, parent, index):
        """Count a value; called once for each."""
        self._values += 1
        if self._values > MOST_VALUES:
            raise _TooManyValues


def compose(text: str) -> Composed:
    """Compose a text. If libyaml refuses it, compose it event by event, which can continue or place the error."""
    if not _NEEDS_CLOSER_LOOK.search(text):
        # no text has more than two values per character
        loader = _BoundedLoader if 2 * len(text) > MOST_VALUES else _Loader
        with suppress(Exception):  # the parser raises more than YAMLError: ValueError, RecursionError, OverflowError
            return Composed(yaml.compose(text, loader))
    return _CloseComposer().compose(text)


@dataclass
class _Open:
    """A list or mapping whose end has not been reached. Until then, keys and values of a mapping are one flat list."""

    node: yaml.CollectionNode
    anchored: Anchored | None
    values_before: int
    text_before: int
    height: int = 1


class _CloseComposer:
    """Composes event by event, gives each alias its own place, and stops at the value that exceeds a limit.

    Unlike PyYAML's composer, it accepts an anchor that is defined again, as YAML does, and continues after an alias
    without an anchor.
    """

    def __init__(self) -> None:
        self._composed = Composed()
        self._open: list[_Open] = []
        self._anchors: dict[str, Anchored] = {}
        self._values = 0
        self._text_bytes = 0

    def compose(self, text: str) -> Composed:
        composed = self._composed
        try:
            for event in _events(text):
                if isinstance(event, yaml.ScalarEvent):
                    self._attach(self._scalar(event))
                elif isinstance(event, yaml.CollectionStartEvent):
                    self._start(event)
                elif isinstance(event, yaml.CollectionEndEvent):
                    self._end()
                elif isinstance(event, yaml.AliasEvent):
                    self._attach(self._alias(event))
                elif isinstance(event, yaml.DocumentStartEvent) and composed.root is not None:
                    composed.second_document = event.start_mark
                    break
        except UnreadableYaml as error:
            composed.error = error
            while self._open:
                self._end()
        return composed

    def _alias(self, event: Event) -> Alias:
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            self._count(1, 0, event)
        else:
            self._count(anchored.values, anchored.text_bytes, event)
            self._check_depth(anchored.height, event)
        return Alias(anchored, event.start_mark)

    def _scalar(self, event: Event) -> ComposedNode:
        text_bytes = utf8_length(event.value)
        self._count(1, text_bytes, event)
        node = yaml.ScalarNode(event.tag, event.value, event.start_mark, event.end_mark, event.style)
        if event.anchor is None:
            return node
        anchored = self._anchors[event.anchor] = Anchored(event.anchor, node)
        anchored.values, anchored.text_bytes = 1, text_bytes
        return anchored

    def _start(self, event: Event) -> None:
        self._count(1, 0, event)
        self._check_depth(1, event)
        kind = yaml.SequenceNode if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingNode
        node = kind(event.tag, [], event.start_mark)
        anchored = None if event.anchor is None else Anchored(event.anchor, node)
        self._anchors.pop(event.anchor, None)  # defined at its end, since no value can contain itself
        self._attach(anchored or node)
        self._open.append(_Open(node, anchored, self._values - 1, self._text_bytes))

    def _end(self) -> None:
        ended = self._open.pop()
        node, anchored = ended.node, ended.anchored
        if isinstance(node, yaml.MappingNode):
            # after an error, the last key may have no value
            node.value = list(zip(node.value[::2], node.value[1::2], strict=False))
        if self._open:
            self._open[-1].height = max(self._open[-1].height, ended.height + 1)
        if anchored:
            anchored.values = self._values - ended.values_before
            anchored.text_bytes = self._text_bytes - ended.text_before
            anchored.height = ended.height
            self._anchors[anchored.name] = anchored

    def _attach(self, node: ComposedNode) -> None:
        if not self._open:
            self._composed.root = node
            return
        around = self._open[-1]
        around.node.value.append(node)
        if isinstance(node, Alias) and node.anchored:
            around.height = max(around.height, node.anchored.height + 1)

    def _count(self, values: int, text_bytes: int, event: Event) -> None:
        self._values += values
        self._text_bytes += text_bytes
        if self._values > MOST_VALUES or self._text_bytes > MOST_TEXT_BYTES:
            raise UnreadableYaml(
                f"This file has more than {MOST_VALUES:,} values or 2 MiB of text once aliases (`*`) are "
                "expanded. It was not read. Shorten it.",
                event.start_mark.line + 1,
                event.start_mark.column + 1,
            )

    def _check_depth(self, height: int, event: Event) -> None:
        if len(self._open) + height > DEEPEST_LEVEL:
            raise too_deep(event.start_mark)


def _events(text: str) -> Iterator[Event]:
    """Yield the parser's events.

    Raises:
        UnreadableYaml: The parser raised an exception of any type.
    """
    try:
        yield from yaml.parse(text, _Loader)
    except Exception as error:
        raise unreadable_yaml_of(error) from error
