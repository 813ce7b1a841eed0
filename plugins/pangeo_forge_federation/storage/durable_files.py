"""Files that must survive a power cut, or be whole whenever somebody reads them."""

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner alone. Who reads it meanwhile has the old one or the new one. Raises OSError."""
    written = path.with_name(f"{path.name}.new")
    with open(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        # one that a killed process left may have another mode
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    written.replace(path)
