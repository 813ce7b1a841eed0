"""Fetch a federation's files from GitHub: with a token over GraphQL, else over the REST listing and raw files.

A feedstock is removed only if GitHub returns 404 for that very repository or file. A repository that is missing from
a listing is therefore requested by its name, and a file that is null in GraphQL by its raw URL. Any other failure is
reported as an error, and the last good version is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from pangeo_forge_federation.command_line.progress import Progress
from pangeo_forge_federation.files.yaml_errors import LARGEST_FILE
from pangeo_forge_federation.sync.fetched import Fetched, FetchedFile, blob_sha, scope_name
from pangeo_forge_federation.sync.known import Known
from pangeo_forge_federation.sync.transport import FetchEnds, GitHubError, Transport
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS

# Repositories in one page of a listing.
PAGE_SIZE = 100


@dataclass(frozen=True)
class Scope:
    """What one sync covers."""

    organisations: tuple[str, ...]
    # owner/name
    repositories: tuple[str, ...]
    bakery_database: str
    # whether bakeries.yaml and meta.yaml files are fetched
    bakeries: bool = True
    feedstocks: bool = True
    # whether this is the whole configuration: repositories that were transferred elsewhere are then followed
    whole: bool = True
    # whether all configured organisations and repositories are among those above
    configured: bool = True

    @property
    def name(self) -> str:
        """The scope as stored in `sync_runs`."""
        database = self.bakery_database
        named = database.lower() in {each.lower() for each in self.repositories}
        covered = self.whole or named or self.of_owner(database)
        return scope_name(self.bakeries and covered, self.feedstocks and self.configured)

    def of_owner(self, repository: str) -> bool:
        """Return whether a repository belongs to one of the organisations."""
        return repository.split("/")[0].lower() in {each.lower() for each in self.organisations}


@dataclass(frozen=True)
class Urls:
    """Base URLs of GitHub, without a slash at the end."""

    api: str
    graphql: str
    raw: str


@dataclass(frozen=True)
class Repository:
    """A repository as returned by GitHub."""

    github_id: int
    name: str
    archived: bool
    # of its default branch; None if unknown, or if there is none
    commit: str | None = None
    committed_at: str | None = None


@dataclass
class Fetching:
    """A fetch in progress: its input, and its results so far."""

    transport: Transport
    urls: Urls
    scope: Scope
    known: Known
    progress: Progress
    files: list[FetchedFile] = field(default_factory=list)
    bakeries: FetchedFile | None = None
    # repositories in lower case: those that GitHub returned, those that are gone or have no such file, and those whose
    # state could not be determined
    seen: dict[str, Repository] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    # owner or owner/name: an error message, None if there was no error
    errors: dict[str, str | None] = field(default_factory=dict)
    responses: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_bakery_database(self, repository: str) -> bool:
        """Return whether this is the repository of bakeries.yaml."""
        return repository.lower() == self.scope.bakery_database.lower()

    def wanted_paths(self, repository: str) -> tuple[str, ...]:
        """Return the paths to try in a repository, of which the first existing one counts; empty if out of scope."""
        if self.is_bakery_database(repository):
            return (BAKERIES_PATH,) if self.scope.bakeries else ()
        return META_PATHS if self.scope.feedstocks else ()

    def singles(self) -> list[str]:
        """Return the repositories to request by name: those in the scope, and the bakery database."""
        scope = self.scope
        names = [name for name in scope.repositories if self.wanted_paths(name)]
        # a narrowed scope includes the bakery database only by name or by owner
        is_covered = scope.bakeries and (scope.whole or scope.of_owner(scope.bakery_database))
        if is_covered and not any(map(self.is_bakery_database, names)):
            names.append(scope.bakery_database)
        return names

    def see(self, repository: Repository) -> bool:
        """Add a repository. Return False if it was added before: pages may shift while a listing is read."""
        if repository.name.lower() in self.seen:
            return False
        self.seen[repository.name.lower()] = repository
        return True

    def take(self, repository: Repository, file: FetchedFile | None) -> None:
        """Add the file of a repository; None if it has none."""
        if file is not None:
            file = replace(
                file,
                commit=repository.commit,
                committed_at=repository.committed_at,
                archived=repository.archived,
                github_id=repository.github_id,
            )
            if self.is_bakery_database(repository.name):
                self.bakeries = file
            else:
                self.files.append(file)
        elif self.is_bakery_database(repository.name):
            self.errors[repository.name] = f"There is no {BAKERIES_PATH} in this repository"
        else:
            self.note_gone(repository.name, repository.github_id)

    def note_gone(self, repository: str, github_id: int | None = None) -> None:
        """Mark a feedstock as gone, under its present name and under the one in the registry."""
        self.gone.add(repository.lower())
        if before := self.known.feedstock_of(github_id):
            self.gone.add(before.repository.lower())

    def note_unknown(self, name: str) -> None:
        """Mark a repository as not found. If the registry has never seen it, it is an error: probably a typo."""
        self.gone.add(name.lower())
        is_known = name.lower() in self.known.feedstocks
        self.errors.setdefault(name, None if is_known else "GitHub has no such repository")

    def is_present(self, repository: Repository) -> bool:
        """Return whether the registry has a feedstock that would be removed if this repository had no file."""
        by_name = self.known.feedstocks.get(repository.name.lower())
        by_id = self.known.feedstock_of(repository.github_id)
        return bool((by_name and by_name.present) or (by_id and by_id.present))

    def known_version(self, repository: Repository, path: str) -> tuple[str | None, str | None]:
        """Return the (blob id, ETag) of a file's stored version; (None, None) if the name has changed owners."""
        by_name = self.known.feedstocks.get(repository.name.lower())
        by_id = self.known.feedstock_of(repository.github_id)
        if (by_id and by_id is not by_name) or (by_name and by_name.github_id not in (None, repository.github_id)):
            return None, None
        return self.known.version(repository.name, path)

    def note_failed(self, repository: Repository, error: GitHubError) -> None:
        """Add a file that could not be fetched: a problem is reported, and the last good version is kept."""
        known = [path for path in META_PATHS if self.known.has_file(repository.name, path)]
        path = BAKERIES_PATH if self.is_bakery_database(repository.name) else (known or META_PATHS)[0]
        why = f"This file could not be fetched: {error}."
        self.take(repository, FetchedFile(repository.name, path, None, why, failed=True))

    def raw_file(self, repository: Repository, path: str, blob: str | None = None) -> FetchedFile | None:
        """Fetch a file from its raw URL; None if GitHub returns 404. Raises GitHubError.

        The bytes are checked against `blob`, if given: a truncated file might parse and lose its last entries.
        """
        at = repository.commit if blob and repository.commit else "HEAD"
        sha, etag = self.known_version(repository, path)
        url = f"{self.urls.raw}/{repository.name}/{at}/{quote(path)}"
        response = self.transport.get(url, LARGEST_FILE, None if blob else etag, cut=True)
        if response.status == 404:
            return None
        if response.status == 304:
            return FetchedFile(repository.name, path, None, blob=sha, etag=etag)
        if response.status != 200:
            raise GitHubError(f"GitHub returned {response.status} for {path}")
        if blob and not response.cut and blob_sha(response.body) != blob:
            raise GitHubError(f"GitHub's response for {path} is not the complete file")
        return FetchedFile(repository.name, path, response.body, blob=blob, etag=response.headers.get("ETag"))


Fetcher = Callable[[Fetching], None]


def fetch_with(
    fetcher: Fetcher, urls: Urls, scope: Scope, known: Known, transport: Transport, progress: Progress
) -> Fetched:
    """Fetch everything in a scope. What could not be fetched is in `errors`."""
    fetching = Fetching(transport, urls, scope, known, progress)
    fetched_at = times.now()
    try:
        fetcher(fetching)
        ended = None
    except FetchEnds as error:
        ended = str(error)
    ended = _fetch_displaced(fetching, ended)
    fetching.errors["github.com"] = ended
    files = [file for file in fetching.files if file.repository.lower() not in fetching.unknown]
    return Fetched(
        "github",
        fetched_at,
        files,
        fetching.bakeries,
        lambda repository: repository.lower() in fetching.gone,
        errors=fetching.errors,
        whole=scope.whole and scope.bakeries and scope.feedstocks,
        responses=fetching.responses,
        scope=scope.name,
    )


def missing(fetching: Fetching) -> list[str]:
    """Return the feedstocks in scope that were in no listing, to be requested by name."""
    scope = fetching.scope
    if not scope.feedstocks:
        return []
    found = {repository.github_id for repository in fetching.seen.values()}
    named = {each.lower() for each in scope.repositories}
    return [
        feedstock.repository
        for name, feedstock in fetching.known.feedstocks.items()
        if feedstock.present
        and name not in fetching.seen
        and name not in fetching.gone
        and name not in named
        and feedstock.github_id not in found
        and (scope.of_owner(name) or (scope.whole and feedstock.renamed))
    ]


def _fetch_displaced(fetching: Fetching, ended: str | None) -> str | None:
    """Fetch the repositories whose name now belongs to a different repository, by GitHub's numeric id.

    If one cannot be found out, its old name is skipped, so that its runs are not assigned to the other repository.
    `ended` and the returned value are the reason why no more requests are possible, or None.
    """
    found = {repository.github_id for repository in fetching.seen.values()}
    for name, repository in list(fetching.seen.items()):
        before = fetching.known.feedstocks.get(name)
        if not before or not before.present or before.github_id in (None, *found):
            continue
        if ended:
            fetching.unknown.add(name)
            continue
        try:
            response = fetching.transport.get(f"{fetching.urls.api}/repositories/{before.github_id}", 1_000_000)
            if response.status == 404:
                continue
            if response.status != 200:
                raise GitHubError(f"GitHub returned {response.status} for the repository formerly called {name}")
            moved = repository_of(response.json())
            if moved.name.lower() == name:
                continue
            fetching.see(moved)
            found.add(moved.github_id)
            if file := first_file(fetching, moved, META_PATHS):
                fetching.take(moved, file)
        except FetchEnds as error:
            fetching.unknown.add(name)
            ended = str(error)
        except GitHubError as error:
            fetching.unknown.add(name)
            fetching.errors[repository.name] = str(error)
    return ended


def repository_of(value: Any) -> Repository:
    """Read a repository from the REST API. Raises GitHubError."""
    try:
        return Repository(int(value["id"]), str(value["full_name"]), bool(value.get("archived")))
    except (KeyError, TypeError, ValueError):
        raise GitHubError("GitHub returned a repository in an unknown format") from None


def first_file(fetching: Fetching, repository: Repository, paths: Sequence[str]) -> FetchedFile | None:
    """Fetch the first of these files that exists, from its raw URL. Raises GitHubError."""
    for path in paths:
        if file := fetching.raw_file(repository, path):
            return file
    return None
