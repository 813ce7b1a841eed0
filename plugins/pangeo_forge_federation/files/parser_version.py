"""Identifies the parser: its version changes whenever the code changes that decides what is read from a file.

A sync skips a file whose version it has read. Another parser may have read something wrong or left something out, so a
file counts as read only together with the version of the parser (`sync/source_files.py`, `sync/known.py`).
"""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

# The libraries and the modules of `values` that decide what is read, beside the modules in this folder: of YAML, which
# licences there are, which ids are valid, what is not published, and how JSON is written.
LIBRARIES = ("PyYAML", "license-expression")
VALUES = ("bakery_ids", "e_mail_addresses", "json_text", "redaction", "signed_urls")


def version_of(package: Path, libraries: Iterable[str]) -> str:
    """Return 32 hexadecimal digits for the modules in a folder of the package and the versions of libraries."""
    digest = hashlib.sha256()
    for name in libraries:
        digest.update(f"{name} {version(name)}\0".encode())
    for module in (*sorted(package.glob("files/*.py")), *(package / "values" / f"{name}.py" for name in VALUES)):
        content = module.read_bytes()
        digest.update(f"{module.name} {len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


# computed once, since the modules of a running process do not change with their files
PARSER_VERSION = version_of(Path(__file__).parent.parent, LIBRARIES)
