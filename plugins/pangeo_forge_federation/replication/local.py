"""Read the files in which Litestream keeps its progress next to a database."""

import re
import shutil
from pathlib import Path

from pangeo_forge_federation.storage.database import database_path

_FILE = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.ltx", re.ASCII)


def kept_folder(data: Path, name: str) -> Path:
    """Return the folder in which Litestream keeps the changes that it has read from a database."""
    path = database_path(data, name)
    return path.with_name(f".{path.name}-litestream")


def kept_files(data: Path, name: str) -> dict[int, int]:
    """Return transaction -> size in bytes of the files that are still kept here."""
    found = {}
    for path in kept_folder(data, name).glob("ltx/0/*.ltx"):
        if match := _FILE.fullmatch(path.name):
            found[int(match[2], 16)] = path.stat().st_size
    return found


def forget(data: Path, name: str) -> None:
    """Make Litestream start over with a whole copy, for a database that it did not write itself."""
    shutil.rmtree(kept_folder(data, name), ignore_errors=True)
