"""Read the bytes of a YAML file as a tree that keeps where each value is and how it was written.

Anyone can put a file in a repository, so size and contents are limited, and no bytes raise an exception: a file that
cannot be read becomes a document without a root, and a problem that explains why.
"""

from dataclasses import dataclass
from functools import cached_property

from pangeo_forge_federation.files.clean_text import with_line_feeds, without_controls
from pangeo_forge_federation.files.file_problems import Problem, Problems, pointer_to
from pangeo_forge_federation.files.yaml_composer import Node, read_nodes
from pangeo_forge_federation.files.yaml_errors import UnreadableYaml, decoded
from pangeo_forge_federation.values.e_mail_addresses import has_e_mail_address
from pangeo_forge_federation.values.redaction import E_MAIL_ADDRESS, Kind, redact, secrets_in

__all__ = ["Document", "Node", "Problem", "Problems", "pointer_to", "read_document"]


@dataclass
class Document:
    """The first document of a file.

    root        the node of a mapping; None if the file cannot be read
    problems    the problems of the file
    texts       all keys and strings
    """

    root: Node | None
    problems: Problems
    texts: list[str]

    @cached_property
    def secrets(self) -> list[Kind]:
        """The kinds of secrets in all texts, e-mail addresses among them, with and without control characters.

        Nearly every file has none, which a single search finds much sooner than one in each text.
        """
        written = "\n".join(self.texts)
        clean = without_controls(with_line_feeds(written))
        found = secrets_in(written, e_mail_addresses=False)
        if clean != written:
            found += secrets_in(clean, e_mail_addresses=False)
        # a file may be full of addresses, and the first one is enough
        if E_MAIL_ADDRESS.is_possible_in(clean) and has_e_mail_address(clean):
            found.append(E_MAIL_ADDRESS)
        return found

    def redact(self, text: str) -> str:
        """Redact a text of this document, from which control characters may have been removed."""
        return redact(text) if self.secrets else text


def read_document(data: bytes, what_belongs_here: str) -> Document:
    """Read the document in these bytes, which must be a mapping.

    `what_belongs_here` is a sentence that is added to each message about the file as a whole.
    """
    problems = Problems()
    try:
        root, texts = read_nodes(decoded(data), problems)
        if not isinstance(root.value, dict):
            raise UnreadableYaml(f"This file contains {_named(root)}, not a mapping.", root.line, root.column)
    except UnreadableYaml as error:
        problems.error("", error, f"{error.message} {what_belongs_here}")
        return Document(None, problems, [])
    return Document(root, problems, texts)


def _named(root: Node) -> str:
    if not isinstance(root.value, str):
        return "a list"
    if root.is_null:
        return "nothing"
    if root.value.startswith("version https://git-lfs"):
        return "a Git LFS pointer (store the file itself in Git)"
    if root.style == "" and "/" in root.value and not any(letter.isspace() for letter in root.value):
        return "only a path, which is what GitHub returns for a symbolic link (put the file itself here)"
    return "a single string"
