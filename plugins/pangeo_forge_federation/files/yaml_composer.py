"""Puts a YAML document together as a tree of nodes, from the parser's events, within bounds.

PyYAML's own constructors would read `1.10` as 1.1, `no` as false, `012` as ten and the null id as "None", would forget
the places, and would follow aliases without end. Here each scalar stays its text, and the number of values, the depth
and what aliases expand to are bounded while the events come in, so that a bomb is a fault at once.

The bounds on time hold with libyaml's parser, which PyYAML's wheels bring; its parser in Python reads the same, slowly.
"""

from collections.abc import Iterator
from typing import NamedTuple

import yaml

from pangeo_forge_federation.files.clean_text import utf8_length
from pangeo_forge_federation.files.file_problems import Problems, pointer_to
from pangeo_forge_federation.files.yaml_errors import UnreadableYaml, unreadable_yaml_of

MOST_VALUES = 200_000  # after aliases; a list of 10,000 recipes with four keys each has 90,000
MOST_TEXT_BYTES = 2 * 1_048_576  # after aliases
DEEPEST_LEVEL = 100

NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_CORE = "tag:yaml.org,2002:"
_TAGS_OF_TEXT = frozenset({"!", _CORE + "str"})
# Scalars stay as they are written, so these say nothing new.
_TAGS_OF_PLAIN_SCALARS = frozenset(_CORE + name for name in ("null", "bool", "int", "float", "timestamp", "value"))
_TAGS_OF_COLLECTIONS = frozenset(_CORE + name for name in ("map", "seq", "omap", "pairs", "set"))
_BINARY = _CORE + "binary"
_MERGE = _CORE + "merge"
_SET = _CORE + "set"

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Node:
    """A value of the file.

    value    a text as written, a list of nodes, or a dict of nodes by the text of their key (repeated keys: the last)
    style    of a text: "" as it stands, or how it was quoted: ' " | >; None for lists and mappings
    line     counts from 1, as does column
    """

    __slots__ = ("column", "line", "style", "value")

    def __init__(self, value: "str | list[Node] | dict[str, Node]", style: str | None, line: int, column: int) -> None:
        self.value = value
        self.style = style
        self.line = line
        self.column = column

    @property
    def entries(self) -> "dict[str, Node]":
        """The nodes of a mapping; none of anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The nodes of a list; none of anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def is_null(self) -> bool:
        """Nothing, `~` or `null`, and not in quotes."""
        return self.style == "" and self.value in NULLS


class _Anchor(NamedTuple):
    node: Node
    values: int
    text_bytes: int
    height: int


class _Frame:
    """A list or mapping whose end has not been reached."""

    def __init__(
        self,
        node: Node,
        nodes: list[Node] | dict[str, Node],
        anchor: str | None,
        is_set: bool,
        values_before: int,
        text_before: int,
    ) -> None:
        self.node = node
        # the node's value
        self.nodes = nodes
        self.anchor = anchor
        self.is_set = is_set
        self.values_before = values_before
        self.text_before = text_before
        self.height = 1
        self.key_node: Node | None = None
        self.key: str | None = None
        self.key_is_merge = False
        self.merged: list[Node] = []


class Composer:
    """Reads one file, without recursion (the file decides how deep it nests); what is odd goes to `problems`."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._frames: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._root: Node | None = None
        self._values = 0
        self._text_bytes = 0

    def compose(self, text: str) -> Node:
        """The root of the first document in this text. Raises UnreadableYaml where there is none to be read."""
        for event in _events(text):
            # isinstance would take longer, and there are no classes below these
            if type(event) is yaml.ScalarEvent:
                self._scalar(event)
            elif type(event) is yaml.MappingStartEvent:
                self._start(event, {})
            elif type(event) is yaml.SequenceStartEvent:
                self._start(event, [])
            elif type(event) is yaml.MappingEndEvent or type(event) is yaml.SequenceEndEvent:
                self._end()
            elif type(event) is yaml.AliasEvent:
                self._alias(event)
            elif type(event) is yaml.DocumentStartEvent and self._root is not None:
                self._second_document(event)
                break
        if self._root is None:
            raise UnreadableYaml("This file is empty.")
        return self._root

    def _second_document(self, event: yaml.Event) -> None:
        place = _node_at(event, "", "")
        self._problems.error(
            "",
            place,
            "A second document begins here (a line of `---`). Only the first one is read; put all into one document.",
        )

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        value, tag = event.value, event.tag
        node = _node_at(event, value, event.style or "")
        text_bytes = utf8_length(value)
        self._count(1, text_bytes, node)
        if tag is not None:
            self._apply_tag(node, tag)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(node, 1, text_bytes, 0)
        self._attach(node, 0, is_merge_key=value == "<<" and not event.style and (tag is None or tag == _MERGE))

    def _apply_tag(self, node: Node, tag: str) -> None:
        if tag in _TAGS_OF_TEXT:
            node.style = node.style or "'"
        elif tag == _BINARY:
            self._report(node, "Binary data is not kept here; it was read as empty. Link to it instead.")
            node.value, node.style = "", ""
        elif tag not in _TAGS_OF_PLAIN_SCALARS and tag != _MERGE:
            self._report_unknown_tag(node)
            node.style = node.style or "'"

    def _start(self, event: yaml.CollectionStartEvent, value: list[Node] | dict[str, Node]) -> None:
        tag = event.tag
        node = _node_at(event, value, None)
        self._count(1, 0, node)
        if len(self._frames) >= DEEPEST_LEVEL:
            self._refuse_depth(node)
        if tag is not None and tag != "!" and tag not in _TAGS_OF_COLLECTIONS:
            self._report_unknown_tag(node)
        if event.anchor is not None:
            self._anchors.pop(event.anchor, None)  # until its end the name stands for nothing: no value holds itself
        is_set = tag == _SET and isinstance(value, dict)
        self._frames.append(_Frame(node, value, event.anchor, is_set, self._values - 1, self._text_bytes))

    def _end(self) -> None:
        frame = self._frames.pop()
        node = frame.node
        if frame.merged:
            self._merge(frame)
        if frame.is_set:
            node.value = [Node(key, "'", node.line, node.column) for key in node.entries]
        if frame.anchor is not None:
            values, text_bytes = self._values - frame.values_before, self._text_bytes - frame.text_before
            self._anchors[frame.anchor] = _Anchor(node, values, text_bytes, frame.height)
        self._attach(node, frame.height)

    def _alias(self, event: yaml.AliasEvent) -> None:
        place = _node_at(event, "", "")
        anchor = self._anchors.get(event.anchor or "")
        if anchor is None:
            self._count(1, 0, place)
            self._report(
                place,
                "A `*` at the start of a value repeats what is marked with `&` and the same name, but nothing above "
                "is, or this stands within it. It was read as empty; a text that begins with `*` goes into quotes.",
            )
            self._attach(place, 0)
            return
        self._count(anchor.values, anchor.text_bytes, place)
        if len(self._frames) + anchor.height > DEEPEST_LEVEL:
            self._refuse_depth(place)
        self._attach(anchor.node, anchor.height)

    def _attach(self, node: Node, height: int, is_merge_key: bool = False) -> None:
        """Give a finished value to the list or mapping that it stands in."""
        if not self._frames:
            self._root = node
            return
        frame = self._frames[-1]
        if frame.height <= height:
            frame.height = height + 1
        nodes = frame.nodes
        if isinstance(nodes, list):
            nodes.append(node)
        elif frame.key_node is None:
            frame.key_node = node
            frame.key = self._key_text(node)
            frame.key_is_merge = is_merge_key
        else:
            if frame.key_is_merge:
                frame.merged.append(node)
            elif frame.key is not None:
                if frame.key in nodes:
                    self._report_repeated_key(frame.key_node)
                nodes[frame.key] = node
            frame.key_node = frame.key = None

    def _key_text(self, node: Node) -> str | None:
        if isinstance(node.value, str):
            return node.value
        self._report(
            node,
            "A list or mapping stands where the name of a key belongs; this entry was left out. A text that begins "
            "with `{` or `[`, such as `{{ name }}`, goes into quotes.",
        )
        return None

    def _merge(self, frame: _Frame) -> None:
        """YAML's merge key: entries of other mappings, where the mapping has none of that name itself."""
        entries = frame.node.entries
        for merged in frame.merged:
            for source in merged.value if isinstance(merged.value, list) else [merged]:
                if isinstance(source.value, dict):
                    for key, node in source.value.items():
                        entries.setdefault(key, node)
                else:
                    self._report(
                        source, "`<<` takes in the entries of a mapping, but this is none; it was left out.", "<<"
                    )

    def _count(self, values: int, text_bytes: int, place: Node) -> None:
        self._values += values
        self._text_bytes += text_bytes
        if self._values > MOST_VALUES or self._text_bytes > MOST_TEXT_BYTES:
            raise UnreadableYaml(
                f"This file holds more than {MOST_VALUES:,} values or 2 MiB of text once what `*` repeats is "
                "written out. Nothing of it was read; write it shorter.",
                place.line,
                place.column,
            )

    def _refuse_depth(self, place: Node) -> None:
        raise UnreadableYaml(
            f"Lists and mappings stand in each other more than {DEEPEST_LEVEL} levels deep here. Nothing of the file "
            "was read; write it flatter.",
            place.line,
            place.column,
        )

    def _report_unknown_tag(self, place: Node) -> None:
        if self._problems.are_many:
            self._problems.count_another()
            return
        message = "The type that stands after `!` is not known here and was ignored; leave it out."
        self._problems.warning(self._pointer(), place, message)

    def _report_repeated_key(self, key_node: Node) -> None:
        self._report(
            key_node,
            "This key stands twice in the same mapping. The last one counts and the one before it is lost; "
            "keep one, or make its value a list.",
        )

    def _report(self, place: Node, message: str, *keys: str) -> None:
        if self._problems.are_many:
            self._problems.count_another()
        else:
            self._problems.error(self._pointer(*keys), place, message)

    def _pointer(self, *keys: str) -> str:
        """The pointer of the value that is being read, as far as its keys are known."""
        pointer = ""
        for frame in self._frames:
            if isinstance(frame.nodes, list):
                pointer = pointer_to(pointer, len(frame.nodes))
            elif frame.key is not None:
                pointer = pointer_to(pointer, frame.key)
        return pointer_to(pointer, *keys)


def _node_at(event: yaml.Event, value: str | list[Node] | dict[str, Node], style: str | None) -> Node:
    mark = event.start_mark
    assert mark is not None, "the parser gives every event one"
    return Node(value, style, mark.line + 1, mark.column + 1)


def _events(text: str) -> Iterator[yaml.Event]:
    """The parser's events; its errors, of whatever type, as a fault of the file."""
    loader = None
    try:
        loader = _Loader(text)
        while (event := loader.get_event()) is not None and type(event) is not yaml.StreamEndEvent:
            yield event
    except Exception as error:  # the parser raises more than YAMLError: ValueError, RecursionError, OverflowError
        raise unreadable_yaml_of(error) from error
    finally:
        if loader is not None:
            loader.dispose()
