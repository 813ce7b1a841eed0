"""Writing files that must survive a power cut, or be complete whenever another process reads them."""

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Wait until a file, or the list of files in a folder, is on disk.

    Raises:
        OSError: it cannot be opened or written.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read. Other processes read either the old or the new contents.

    Raises:
        OSError: it cannot be written.
    """
    written = path.with_name(f"{path.name}.new")
    with open(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        # a file left by a killed process may have another mode
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    written.replace(path)
