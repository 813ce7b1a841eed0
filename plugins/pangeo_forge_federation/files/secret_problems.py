"""Report each secret in a file, under any key, as a problem with its place and what to do about it."""

from collections.abc import Iterator

from pangeo_forge_federation.files.file_problems import pointer_to
from pangeo_forge_federation.files.yaml_document import Document, Node
from pangeo_forge_federation.values.redaction import E_MAIL_ADDRESS, secrets_in


def report_secrets(document: Document) -> None:
    """Add a problem for each kind of secret in each string and key of the file, except for e-mail addresses.

    Those are replaced without a problem, since an address cannot be revoked.
    """
    problems = document.problems
    if document.root is None or all(kind is E_MAIL_ADDRESS for kind in document.secrets):
        return
    for what, text, place, path in _texts(document.root, [], set()):
        for kind in secrets_in(text, e_mail_addresses=False):
            if problems.are_many:
                problems.count_another()
            else:
                problems.error(
                    pointer_to("", *path),
                    place,
                    f"{what} contains {kind.name}. It is not published here, but anyone who can read the repository "
                    f"can read it: {kind.remedy}, and remove it from the file.",
                )


def _texts(node: Node, path: list[str | int], seen: set[int]) -> Iterator[tuple[str, str, Node, list[str | int]]]:
    """Yield (what it is, text, place, path) of each string and key; what an alias repeats is yielded once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node.value, str):
        yield "This string", node.value, node, path
    for position, child in enumerate(node.items):
        yield from _texts(child, [*path, position], seen)
    for key, child in node.entries.items():
        yield "This key", key, child, [*path, key]
        yield from _texts(child, [*path, key], seen)
