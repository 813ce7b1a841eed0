"""Reports each secret in a file, whatever key it is under, as a problem with its place and what to do about it."""

from pangeo_forge_federation.files.file_problems import Problems, pointer_to
from pangeo_forge_federation.files.yaml_document import Node
from pangeo_forge_federation.values.redaction import secrets_in


def report_secrets(root: Node, problems: Problems) -> None:
    """Add a problem for each kind of secret in each text and key of the file, except for e-mail addresses.

    Those are replaced without a problem, since an address cannot be revoked.
    """
    _Search(problems).search(root)


class _Search:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._path: list[str | int] = []
        # what YAML repeats with `*` is in the file once
        self._searched: set[int] = set()

    def search(self, node: Node) -> None:
        if id(node) in self._searched:
            return
        self._searched.add(id(node))
        if isinstance(node.value, str):
            self._report("This text", node.value, node)
        for position, child in enumerate(node.items):
            self._path.append(position)
            self.search(child)
            self._path.pop()
        for key, child in node.entries.items():
            self._path.append(key)
            self._report("This key", key, child)
            self.search(child)
            self._path.pop()

    def _report(self, what: str, text: str, place: Node) -> None:
        for kind in secrets_in(text, e_mail_addresses=False):
            if self._problems.are_many:
                self._problems.count_another()
            else:
                self._problems.error(
                    pointer_to("", *self._path),
                    place,
                    f"{what} holds {kind.name}. It is not published here, but whoever can read the repository has it: "
                    f"{kind.remedy}, and take it out of the file.",
                )
