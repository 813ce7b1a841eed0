"""Read a YAML document as a tree of nodes with their places in the file.

PyYAML's own constructors would read `1.10` as 1.1, `no` as false and `012` as ten, lose the places, and expand aliases
without a limit.
"""

from typing import Any, cast

import yaml

from pangeo_forge_federation.files.file_problems import Problems, pointer_to
from pangeo_forge_federation.files.yaml_errors import DEEPEST_LEVEL, UnreadableYaml, too_deep
from pangeo_forge_federation.files.yaml_loaders import Alias, Anchored, ComposedNode, compose

NULLS = frozenset({"", "~", "null", "Null", "NULL"})

_CORE = "tag:yaml.org,2002:"
_TAGS_OF_STRINGS = frozenset({"!", _CORE + "str"})
# Scalars stay as written, so these tags change nothing.
_TAGS_OF_PLAIN_SCALARS = frozenset(_CORE + name for name in ("null", "bool", "int", "float", "timestamp", "value"))
_TAGS_OF_COLLECTIONS = frozenset({"!", *(_CORE + name for name in ("map", "seq", "omap", "pairs", "set"))})
_BINARY = _CORE + "binary"
_MERGE = _CORE + "merge"
_SET = _CORE + "set"


class Node:
    """A value of the file.

    value    a string as written, a list of nodes, or a dict of nodes by key (of repeated keys, the last)
    style    of a string: "" if plain, or how it was quoted: ' " | >; None for lists and mappings
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
        """The nodes of a mapping by key; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The nodes of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def is_null(self) -> bool:
        """Whether this is `~`, `null` or nothing, without quotes."""
        return self.style == "" and self.value in NULLS


def read_nodes(text: str, problems: Problems) -> tuple[Node, list[str]]:
    """Return the root of the first document, and all its keys and strings. Adds a problem for whatever is unusual.

    Raises:
        UnreadableYaml: There is no document, it is not valid YAML, or it exceeds a limit.
    """
    composed = compose(text)
    walk = _Walk(problems)
    root = walk.read(composed.root, 0) if composed.root else None
    if composed.error:
        raise composed.error
    if root is None:
        raise UnreadableYaml("This file is empty.")
    if composed.second_document:
        problems.error(
            "",
            _placed(composed.second_document, ""),
            "A second document starts here (a line of `---`). Only the first one is read. Put everything into one "
            "document.",
        )
    return root, walk.texts


class _Walk:
    """A single walk over PyYAML's nodes, in the order of the file."""

    def __init__(self, problems: Problems) -> None:
        self.texts: list[str] = []
        self._problems = problems
        self._path: list[str | int] = []
        # the values that aliases can repeat
        self._anchored: dict[Anchored, Node] = {}

    def read(self, node: ComposedNode, level: int) -> Node:
        """Convert one of PyYAML's nodes; `level` is the number of lists and mappings around it."""
        if isinstance(node, yaml.ScalarNode):
            self.texts.append(node.value)
            mark = node.start_mark
            read = Node(node.value, node.style or "", mark.line + 1, mark.column + 1)
            if node.tag is not None:
                self._apply_tag(read, node.tag)
            return read
        if isinstance(node, Anchored):
            read = self._anchored[node] = self.read(node.node, level)
            return read
        if isinstance(node, Alias):
            return self._anchored[node.anchored] if node.anchored else self._unknown_alias(node)
        return self._collection(cast("yaml.CollectionNode", node), level + 1)

    def _apply_tag(self, read: Node, tag: str) -> None:
        if tag in _TAGS_OF_STRINGS:
            read.style = read.style or "'"
        elif tag == _BINARY:
            self._report(read, "Binary data is not stored; it was read as empty. Link to it instead.")
            read.value, read.style = "", ""
        elif tag not in _TAGS_OF_PLAIN_SCALARS and tag != _MERGE:
            self._report_unknown_tag(read)
            read.style = read.style or "'"

    def _collection(self, node: yaml.CollectionNode, level: int) -> Node:
        if level > DEEPEST_LEVEL:
            raise too_deep(node.start_mark)
        read = _placed(node.start_mark, None)
        if node.tag is not None and node.tag not in _TAGS_OF_COLLECTIONS:
            self._report_unknown_tag(read)
        if isinstance(node, yaml.SequenceNode):
            read.value = self._list(node, level)
            return read
        entries = self._mapping(cast("yaml.MappingNode", node), level)
        read.value = [Node(key, "'", read.line, read.column) for key in entries] if node.tag == _SET else entries
        return read

    def _list(self, node: yaml.SequenceNode, level: int) -> list[Node]:
        items: list[Node] = []
        # PyYAML's nodes are removed as they are read, so that a large file is not in memory twice
        left = node.value
        left.reverse()
        while left:
            self._path.append(len(items))
            items.append(self.read(left.pop(), level))
            self._path.pop()
        return items

    def _mapping(self, node: yaml.MappingNode, level: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        left = node.value
        left.reverse()
        while left:
            key_node, value_node = left.pop()
            name = self._name(key_node, level)
            if name is None:
                self.read(value_node, level)
                continue
            self._path.append(name)
            value = self.read(value_node, level)
            if name == "<<" and _is_merge_key(key_node):
                merged.append(value)
            else:
                if name in entries:
                    self._report_repeated_key(key_node)
                entries[name] = value
            self._path.pop()
        for each in merged:
            self._merge(each, entries)
        return entries

    def _name(self, key_node: ComposedNode, level: int) -> str | None:
        """Return the text of a key; None, with a problem, if it is a list or a mapping."""
        if isinstance(key_node, yaml.ScalarNode) and not key_node.tag:
            self.texts.append(key_node.value)
            return key_node.value
        key = self.read(key_node, level)
        if isinstance(key.value, str):
            return key.value
        self._report(
            key,
            "A list or mapping is used as a key here; the entry was ignored. Quote values that start "
            "with `{` or `[`, such as `{{ name }}`.",
        )
        return None

    def _merge(self, merged: Node, entries: dict[str, Node]) -> None:
        """Add the entries of other mappings, except for keys that the mapping itself has."""
        for source in merged.value if isinstance(merged.value, list) else [merged]:
            if isinstance(source.value, dict):
                for key, node in source.value.items():
                    entries.setdefault(key, node)
            else:
                self._report(
                    source, "`<<` includes the entries of a mapping, but this is not a mapping. It was ignored.", "<<"
                )

    def _unknown_alias(self, alias: Alias) -> Node:
        read = _placed(alias.start_mark, "")
        self._report(
            read,
            "A `*` at the start of a value refers to a value marked with `&` and the same name, but nothing above "
            "has that mark, or this is inside it. It was read as empty. Quote values that start with `*`.",
        )
        return read

    def _report_unknown_tag(self, place: Node) -> None:
        if self._problems.are_many:
            self._problems.count_another()
            return
        message = "The type after `!` is not supported and was ignored. Remove it."
        self._problems.warning(pointer_to("", *self._path), place, message)

    def _report_repeated_key(self, key_node: ComposedNode) -> None:
        self._report(
            _placed(key_node.start_mark, ""),
            "This key is repeated in the same mapping. Only the last value is used; "
            "keep one, or make its value a list.",
        )

    def _report(self, place: Node, message: str, *keys: str) -> None:
        if self._problems.are_many:
            self._problems.count_another()
        else:
            self._problems.error(pointer_to("", *self._path, *keys), place, message)


def _placed(mark: Any, style: str | None) -> Node:
    return Node("", style, mark.line + 1, mark.column + 1)


def _is_merge_key(node: ComposedNode) -> bool:
    """Whether a key `<<` is neither quoted nor made a string by a tag."""
    inner = node.node if isinstance(node, Anchored) else node
    return isinstance(inner, yaml.ScalarNode) and not inner.style and inner.tag in (None, _MERGE)
