"""Fetch a federation's files from a folder, `DIR/<owner>/<repository>/...`, instead of from GitHub."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from pangeo_forge_federation.files.yaml_errors import LARGEST_FILE
from pangeo_forge_federation.sync.fetched import NO_FILE, Fetched, FetchedFile, scope_name
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS, is_repository

_OUTSIDE_LINK = "This file is behind a link to a place outside the folder. Such links are not followed."
_BROKEN_LINK = "This file is a broken link."
_LINK_LOOP = "This file is a link to itself."


def fetch_folder(
    folder: Path,
    bakery_database: str,
    organisations: Sequence[str] = (),
    repositories: Sequence[str] = (),
    feedstocks: bool = True,
    bakeries: bool = True,
) -> Fetched:
    """Fetch everything in a folder, or only the given organisations and repositories (owner/name).

    Every feedstock of an owner whose folder exists is covered: those that are missing count as removed. Folders with
    names that GitHub does not allow, such as hidden ones, are ignored. Links to places outside the folder are not
    followed. Raises OSError if a folder cannot be listed.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(folder))
    fetched_at = times.now()
    named = {name.lower() for name in (*organisations, *repositories)}
    found = _repositories(folder)
    owners = {path.name.lower() for path in _owners(folder)}

    def is_wanted(repository: str) -> bool:
        repository = repository.lower()
        return not named or repository in named or repository.split("/")[0] in named

    def covers(repository: str) -> bool:
        owner = repository.lower().split("/")[0]
        return feedstocks and is_wanted(repository) and (owner in owners or repository.lower() in named)

    files = []
    if feedstocks:
        for name, repository in found.items():
            if is_wanted(name) and name != bakery_database.lower():
                files += _fetch_first(folder, repository, META_PATHS)
    database = None
    if bakeries and is_wanted(bakery_database) and (home := found.get(bakery_database.lower())):
        database = next(iter(_fetch_first(folder, home, (BAKERIES_PATH,))), None)
    scope = scope_name(bakeries and is_wanted(bakery_database), feedstocks and not named)
    return Fetched("folder", fetched_at, files, database, covers, scope=scope)


def _repositories(folder: Path) -> dict[str, Path]:
    """Return the folder of each repository by owner/name in lower case: GitHub ignores case."""
    found: dict[str, Path] = {}
    for owner in _owners(folder):
        # entries of scandir have their type without another system call
        with os.scandir(owner) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{owner.name}/{entry.name}"
                hidden = entry.name.startswith(".")
                # links are resolved later, file by file
                if not hidden and is_repository(name) and (entry.is_dir() or entry.is_symlink()):
                    found.setdefault(name.lower(), owner / entry.name)
    return found


def _owners(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.is_symlink() and is_repository(f"{path.name}/any")
    ]


def _fetch_first(root: Path, repository: Path, paths: Sequence[str]) -> list[FetchedFile]:
    """Return the first existing path in a list, or an empty list."""
    for path in paths:
        data = _read_plain(repository, path)
        if data is not None:
            return [FetchedFile(f"{repository.parent.name}/{repository.name}", path, data)]
        if file := _fetch(root, repository, path):
            return [file]
    return []


def _read_plain(repository: Path, path: str) -> bytes | None:
    """Read a plain file without links in its path, with few system calls. Return None in all other cases."""
    at = str(repository)
    try:
        # owners' folders are never links, so only the path below them is checked
        for part in path.split("/"):
            if stat.S_ISLNK(os.lstat(at).st_mode):
                return None
            at = f"{at}/{part}"
        status = os.lstat(at)
        if not stat.S_ISREG(status.st_mode):
            return None
        descriptor = os.open(at, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as opened:
            data = b""
            # one byte above the limit shows that a file is too large. A buffer of a whole MiB for each file would take
            # longer than everything else, but the loop is needed because a file may grow meanwhile.
            while len(data) <= LARGEST_FILE and (piece := opened.read(min(status.st_size, LARGEST_FILE) + 1)):
                data += piece
    except OSError:
        # the slower `_fetch` reports the reason
        return None
    return data[: LARGEST_FILE + 1]


def _fetch(root: Path, repository: Path, path: str) -> FetchedFile | None:
    """Return a file of a repository, or None if it does not exist."""
    name = f"{repository.parent.name}/{repository.name}"
    file = repository / path
    # resolve all links first
    target = Path(os.path.realpath(file))
    if not target.is_relative_to(root):
        return FetchedFile(name, path, None, _OUTSIDE_LINK)
    try:
        # checked first: opening a FIFO would wait for a writer
        if not stat.S_ISREG(target.stat().st_mode):
            return FetchedFile(name, path, None, NO_FILE)
        with target.open("rb") as opened:
            return FetchedFile(name, path, opened.read(LARGEST_FILE + 1))
    except (FileNotFoundError, NotADirectoryError):
        return FetchedFile(name, path, None, _BROKEN_LINK) if file.is_symlink() else None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return FetchedFile(name, path, None, _LINK_LOOP)
        return FetchedFile(name, path, None, f"This file cannot be read: {error.strerror}.", failed=True)
