"""Which parser this is: a text that is another one whenever what the files are read with is.

A sync leaves a file alone whose version it knows. What another parser read of it may be wrong or too little, so the
version counts as known only together with the parser (`sync/source_files.py`, `sync/known.py`).
"""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

# Beside this package they decide what is read: of YAML, and of the licences that there are.
LIBRARIES = ("PyYAML", "license-expression")


def version_of(sources: Path, libraries: Iterable[str]) -> str:
    """32 hexadecimal digits, of the modules in a folder and the versions of libraries."""
    digest = hashlib.sha256()
    for name in libraries:
        digest.update(f"{name} {version(name)}\0".encode())
    for module in sorted(sources.glob("*.py")):
        content = module.read_bytes()
        digest.update(f"{module.name} {len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


# Once: the modules of a process that runs do not change with their files.
PARSER_VERSION = version_of(Path(__file__).parent, LIBRARIES)
