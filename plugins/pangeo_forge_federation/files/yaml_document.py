"""Bytes of a YAML file in, a tree out that knows where each value stands and how it was written.

Anybody can put a file into a repository. So its size is bounded here, what it holds in `yaml_composer`, and nothing is
raised, whatever the bytes: a file that cannot be read is a document without a root, and a problem that says why.
"""

from dataclasses import dataclass

from pangeo_forge_federation.files.file_problems import Problem, Problems, pointer_to
from pangeo_forge_federation.files.yaml_composer import Composer, Node
from pangeo_forge_federation.files.yaml_errors import UnreadableYaml, decoded

__all__ = ["Document", "Node", "Problem", "Problems", "pointer_to", "read_document"]


@dataclass
class Document:
    """The file's first document. `root` is a mapping's node, or None where the file is not understood."""

    root: Node | None
    problems: Problems


def read_document(data: bytes, what_belongs_here: str) -> Document:
    """The document that these bytes hold, which must be a mapping.

    `what_belongs_here` is the sentence that ends each message about the file as a whole.
    """
    problems = Problems()
    try:
        root = Composer(problems).compose(decoded(data))
        if not isinstance(root.value, dict):
            raise UnreadableYaml(f"This file holds {_named(root)}, not a mapping.", root.line, root.column)
    except UnreadableYaml as fault:
        problems.error("", fault, f"{fault.message} {what_belongs_here}")
        root = None
    return Document(root, problems)


def _named(root: Node) -> str:
    if not isinstance(root.value, str):
        return "a list"
    if root.is_null:
        return "nothing"
    if root.value.startswith("version https://git-lfs"):
        return "a pointer of Git LFS (keep the file itself in Git)"
    if root.style == "" and "/" in root.value and not any(letter.isspace() for letter in root.value):
        return "nothing but a path, as GitHub gives for a symbolic link (put the file itself here)"
    return "a single text"
