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

_LEADS_OUT = "This file is reached by a link that leads out of the folder, which is not followed."
_LEADS_NOWHERE = "This file is a link that leads nowhere."
_LEADS_TO_ITSELF = "This file is a link that leads to itself."


def fetch_folder(
    folder: Path,
    bakery_database: str,
    organisations: Sequence[str] = (),
    repositories: Sequence[str] = (),
    feedstocks: bool = True,
    bakeries: bool = True,
) -> Fetched:
    """What lies under a folder: all of it, or just the organisations and repositories (owner/name) that are named.

    Of each owner whose folder is there every feedstock is covered, so that one that is gone is gone. Folders whose
    names GitHub would not give, hidden ones among them, are left aside. Nothing is read through a link that leads out
    of the folder. Raises OSError where a folder cannot be listed.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "this is not a folder", str(folder))
    fetched_at = times.now()
    named = {name.lower() for name in (*organisations, *repositories)}
    found = _repositories(folder)
    owners = {path.name.lower() for path in _owners(folder)}

    def asked_for(repository: str) -> bool:
        repository = repository.lower()
        return not named or repository in named or repository.split("/")[0] in named

    def covers(repository: str) -> bool:
        owner = repository.lower().split("/")[0]
        return feedstocks and asked_for(repository) and (owner in owners or repository.lower() in named)

    files = []
    if feedstocks:
        for name, repository in found.items():
            if asked_for(name) and name != bakery_database.lower():
                files += _fetch_first(folder, repository, META_PATHS)
    database = None
    if bakeries and asked_for(bakery_database) and (home := found.get(bakery_database.lower())):
        database = next(iter(_fetch_first(folder, home, (BAKERIES_PATH,))), None)
    scope = scope_name(bakeries and asked_for(bakery_database), feedstocks and not named)
    return Fetched("folder", fetched_at, files, database, covers, scope=scope)


def _repositories(folder: Path) -> dict[str, Path]:
    """The folder of each repository by owner/name in small letters: names that differ in case are one to GitHub."""
    found: dict[str, Path] = {}
    for owner in _owners(folder):
        # what scandir knows of each costs no further question
        with os.scandir(owner) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{owner.name}/{entry.name}"
                hidden = entry.name.startswith(".")
                # a link is looked at as the file that it leads to
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
    """The first of several paths that is there, in a list; an empty one when there is none."""
    for path in paths:
        data = _read_plain(repository, path)
        if data is not None:
            return [FetchedFile(f"{repository.parent.name}/{repository.name}", path, data)]
        if file := _fetch(root, repository, path):
            return [file]
    return []


def _read_plain(repository: Path, path: str) -> bytes | None:
    """The usual case, with as few questions as it takes: a plain file, no link on the way. None for any other."""
    at = str(repository)
    try:
        # of the folder's path only what is below the owner may be a link: those of owners are left aside
        for part in path.split("/"):
            if stat.S_ISLNK(os.lstat(at).st_mode):
                return None
            at = f"{at}/{part}"
        asked = os.lstat(at)
        if not stat.S_ISREG(asked.st_mode):
            return None
        descriptor = os.open(at, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as opened:
            data = b""
            # one byte more than a file may have tells that it has too many, without reading on;
            # a buffer of a whole MiB each time would take longer than the rest; a file may grow meanwhile
            while len(data) <= LARGEST_FILE and (piece := opened.read(min(asked.st_size, LARGEST_FILE) + 1)):
                data += piece
    except OSError:
        # whoever asks more slowly says why
        return None
    return data[: LARGEST_FILE + 1]


def _fetch(root: Path, repository: Path, path: str) -> FetchedFile | None:
    """A file of a repository; None where there is none."""
    name = f"{repository.parent.name}/{repository.name}"
    file = repository / path
    # links are followed to their end before anything is asked about it
    target = Path(os.path.realpath(file))
    if not target.is_relative_to(root):
        return FetchedFile(name, path, None, _LEADS_OUT)
    try:
        # asked first: opening a FIFO would wait for somebody to write
        if not stat.S_ISREG(target.stat().st_mode):
            return FetchedFile(name, path, None, NO_FILE)
        with target.open("rb") as opened:
            return FetchedFile(name, path, opened.read(LARGEST_FILE + 1))
    except (FileNotFoundError, NotADirectoryError):
        return FetchedFile(name, path, None, _LEADS_NOWHERE) if file.is_symlink() else None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return FetchedFile(name, path, None, _LEADS_TO_ITSELF)
        return FetchedFile(name, path, None, f"This file cannot be read: {error.strerror}.", failed=True)
