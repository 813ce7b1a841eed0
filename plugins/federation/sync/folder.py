"""Fetch a federation's files from a folder, `DIR/<owner>/<repository>/...`, instead of from GitHub."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from federation import times
from federation.sync.fetched import BAKERIES_PATH, META_PATHS, Fetched, FetchedFile

# One byte more than a file may have tells that it has too many, without reading on.
MAX_FILE_BYTES = 1024 * 1024


def fetch_folder(
    folder: Path,
    bakery_database: str,
    organisations: Sequence[str] = (),
    repositories: Sequence[str] = (),
    feedstocks: bool = True,
    bakeries: bool = True,
) -> Fetched:
    """What lies under a folder: all of it, or just the organisations and repositories (owner/name) that are named.

    Of each owner whose folder is there every feedstock is covered, so that one that is gone is gone. Nothing is read
    through a link that leads out of the folder. Raises NotADirectoryError.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder")
    fetched_at = times.now()
    named = {name.lower() for name in (*organisations, *repositories)}
    owners = {path.name.lower() for path in _folders(folder)}

    def asked_for(repository: str) -> bool:
        repository = repository.lower()
        return not named or repository in named or repository.split("/")[0] in named

    def covers(repository: str) -> bool:
        owner = repository.lower().split("/")[0]
        return feedstocks and asked_for(repository) and (owner in owners or repository.lower() in named)

    found = []
    if feedstocks:
        for owner in _folders(folder):
            for repository in _folders(owner):
                if asked_for(f"{owner.name}/{repository.name}"):
                    found += _fetch_first(folder, repository, META_PATHS)
    database = None
    if bakeries and asked_for(bakery_database):
        database = next(iter(_fetch_first(folder, folder / bakery_database, (BAKERIES_PATH,))), None)
    return Fetched("folder", fetched_at, found, database, covers)


def _folders(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
            yield path


def _fetch_first(root: Path, repository: Path, paths: Sequence[str]) -> list[FetchedFile]:
    """The first of several paths that is there, in a list; an empty one when there is none."""
    name = f"{repository.parent.name}/{repository.name}"
    for path in paths:
        file = repository / path
        if os.path.lexists(file):
            data, unreadable = _read(root, file)
            return [FetchedFile(name, path, data, unreadable)]
    return []


def _read(root: Path, file: Path) -> tuple[bytes | None, str | None]:
    """(bytes, None) or (None, why not)."""
    try:
        resolved = file.resolve(strict=True)
        if not resolved.is_relative_to(root):
            return None, "This file is a link that leads out of the folder, which is not followed."
        if not stat.S_ISREG(resolved.stat().st_mode):
            return None, "A folder or something else stands where this file should be."
        with resolved.open("rb") as opened:
            return opened.read(MAX_FILE_BYTES + 1), None
    except (OSError, RuntimeError) as error:
        # RuntimeError: a link that leads to itself
        reason = error.strerror if isinstance(error, OSError) else "it is a link that leads to itself"
        return None, f"This file cannot be read: {reason}."
