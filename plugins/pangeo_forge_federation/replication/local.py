"""What Litestream keeps beside a database about how far it has read it."""

import re
import shutil
from pathlib import Path

from pangeo_forge_federation.storage.database import database_path

_FILE = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.ltx", re.ASCII)


def kept_folder(data: Path, name: str) -> Path:
    """Where Litestream keeps what it has read of a database."""
    path = database_path(data, name)
    return path.with_name(f".{path.name}-litestream")


def kept_files(data: Path, name: str) -> dict[int, int]:
    """Transaction -> size in bytes of each file that was read from the database and is still kept here."""
    found = {}
    for path in kept_folder(data, name).glob("ltx/0/*.ltx"):
        if match := _FILE.fullmatch(path.name):
            found[int(match[2], 16)] = path.stat().st_size
    return found


def forget(data: Path, name: str) -> None:
    """Have Litestream begin anew with a whole copy: for a database that it has not written itself."""
    shutil.rmtree(kept_folder(data, name), ignore_errors=True)
