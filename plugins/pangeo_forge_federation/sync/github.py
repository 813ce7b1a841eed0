"""Fetch a federation's files from GitHub: with a token over GraphQL, else over the REST listing and raw files.

Nothing is taken away but what GitHub itself says is gone, of the one repository or file that was asked for. A
repository that a listing does not have is asked for by its name; a file that GraphQL gives as null is asked for by
its raw address. Any other failure is reported, and the last good version is kept.
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

# Repositories of a listing that one request gives, and single ones.
PAGE_SIZE = 100


@dataclass(frozen=True)
class Scope:
    """What one sync covers."""

    organisations: tuple[str, ...]
    # owner/name
    repositories: tuple[str, ...]
    bakery_database: str
    # whether bakeries and feedstocks are asked for
    bakeries: bool = True
    feedstocks: bool = True
    # whether this is all that is configured: then what was transferred out of it is followed
    whole: bool = True
    # whether all organisations and repositories that are configured are among those above
    configured: bool = True

    @property
    def name(self) -> str:
        """As `sync_runs` keeps it."""
        database = self.bakery_database
        named = database.lower() in {each.lower() for each in self.repositories}
        asked = self.whole or named or self.of_owner(database)
        return scope_name(self.bakeries and asked, self.feedstocks and self.configured)

    def of_owner(self, repository: str) -> bool:
        """Whether a repository is of an organisation that is covered."""
        return repository.split("/")[0].lower() in {each.lower() for each in self.organisations}


@dataclass(frozen=True)
class Urls:
    """Where GitHub is."""

    api: str
    graphql: str
    raw: str


@dataclass(frozen=True)
class Repository:
    """A repository as GitHub tells of it."""

    github_id: int
    name: str
    archived: bool
    # of its default branch; None where that is not told, or there is none
    commit: str | None = None
    committed_at: str | None = None


@dataclass
class Fetching:
    """One fetch under way: what it may ask, and what it has been told so far."""

    transport: Transport
    urls: Urls
    scope: Scope
    known: Known
    progress: Progress
    files: list[FetchedFile] = field(default_factory=list)
    bakeries: FetchedFile | None = None
    # repositories in small letters: those that GitHub told of, those that it says are gone or without the file, and
    # those that nothing can be said of
    seen: dict[str, Repository] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    # owner or owner/name: what went wrong, None where it went well
    faults: dict[str, str | None] = field(default_factory=dict)
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_bakery_database(self, repository: str) -> bool:
        """Whether this is the repository that holds bakeries.yaml."""
        return repository.lower() == self.scope.bakery_database.lower()

    def wanted_paths(self, repository: str) -> tuple[str, ...]:
        """The paths that are looked for in a repository, the first that is there counts; none: it is not asked for."""
        if self.is_bakery_database(repository):
            return (BAKERIES_PATH,) if self.scope.bakeries else ()
        return META_PATHS if self.scope.feedstocks else ()

    def singles(self) -> list[str]:
        """Repositories that are asked for by their names: those that are named, and the bakery database."""
        scope = self.scope
        names = [name for name in scope.repositories if self.wanted_paths(name)]
        # named options cover just what they name
        is_covered = scope.bakeries and (scope.whole or scope.of_owner(scope.bakery_database))
        if is_covered and not any(map(self.is_bakery_database, names)):
            names.append(scope.bakery_database)
        return names

    def see(self, repository: Repository) -> bool:
        """Note a repository. False for one that was seen already: a listing may move while it is read."""
        if repository.name.lower() in self.seen:
            return False
        self.seen[repository.name.lower()] = repository
        return True

    def take(self, repository: Repository, file: FetchedFile | None) -> None:
        """What was found of a repository's file; None where it has none."""
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
            self.faults[repository.name] = f"GitHub has no {BAKERIES_PATH} in it"
        else:
            self.note_gone(repository.name, repository.github_id)

    def note_gone(self, repository: str, github_id: int | None = None) -> None:
        """GitHub says that this has no feedstock any more, whatever name the registry knows it by."""
        self.gone.add(repository.lower())
        if before := self.known.feedstock_of(github_id):
            self.gone.add(before.repository.lower())

    def note_unknown(self, name: str) -> None:
        """GitHub knows no repository of this name: a typing error, likely, where the registry has never seen it."""
        self.gone.add(name.lower())
        is_known = name.lower() in self.known.feedstocks
        self.faults.setdefault(name, None if is_known else "GitHub knows no such repository")

    def is_present(self, repository: Repository) -> bool:
        """Whether the registry has a feedstock that would be lost if this had no file."""
        by_name = self.known.feedstocks.get(repository.name.lower())
        by_id = self.known.feedstock_of(repository.github_id)
        return bool((by_name and by_name.present) or (by_id and by_id.present))

    def known_version(self, repository: Repository, path: str) -> tuple[str | None, str | None]:
        """(blob's id, ETag) of a file as it was looked at last; (None, None) where the name was another's then."""
        by_name = self.known.feedstocks.get(repository.name.lower())
        by_id = self.known.feedstock_of(repository.github_id)
        if (by_id and by_id is not by_name) or (by_name and by_name.github_id not in (None, repository.github_id)):
            return None, None
        return self.known.version(repository.name, path)

    def note_failed(self, repository: Repository, error: GitHubError) -> None:
        """The file of a repository could not be had: a problem, and the last good version stays."""
        known = [path for path in META_PATHS if self.known.has_file(repository.name, path)]
        path = BAKERIES_PATH if self.is_bakery_database(repository.name) else (known or META_PATHS)[0]
        why = f"This file could not be fetched: {error}."
        self.take(repository, FetchedFile(repository.name, path, None, why, failed=True))

    def raw_file(self, repository: Repository, path: str, blob: str | None = None) -> FetchedFile | None:
        """A file by its raw address; None where GitHub says that there is none. Raises GitHubError.

        With the blob's id the bytes are held against it: an answer that was cut short parses, and loses what followed.
        """
        at = repository.commit if blob and repository.commit else "HEAD"
        sha, etag = self.known_version(repository, path)
        url = f"{self.urls.raw}/{repository.name}/{at}/{quote(path)}"
        answer = self.transport.get(url, LARGEST_FILE, None if blob else etag, cut=True)
        if answer.status == 404:
            return None
        if answer.status == 304:
            return FetchedFile(repository.name, path, None, blob=sha, etag=etag)
        if answer.status != 200:
            raise GitHubError(f"GitHub answered {answer.status} for {path}")
        if blob and not answer.cut and blob_sha(answer.body) != blob:
            raise GitHubError(f"GitHub's answer for {path} is not the whole file")
        return FetchedFile(repository.name, path, answer.body, blob=blob, etag=answer.headers.get("ETag"))


Fetcher = Callable[[Fetching], None]


def fetch_with(
    fetcher: Fetcher, urls: Urls, scope: Scope, known: Known, transport: Transport, progress: Progress
) -> Fetched:
    """All that GitHub tells of what a sync covers. What could not be had is among the faults."""
    fetching = Fetching(transport, urls, scope, known, progress)
    fetched_at = times.now()
    try:
        fetcher(fetching)
        ended = None
    except FetchEnds as error:
        ended = str(error)
    ended = _ask_for_displaced(fetching, ended)
    fetching.faults["github.com"] = ended
    files = [file for file in fetching.files if file.repository.lower() not in fetching.unknown]
    return Fetched(
        "github",
        fetched_at,
        files,
        fetching.bakeries,
        lambda repository: repository.lower() in fetching.gone,
        faults=fetching.faults,
        whole=scope.whole and scope.bakeries and scope.feedstocks,
        answers=fetching.answers,
        scope=scope.name,
    )


def missing(fetching: Fetching) -> list[str]:
    """Feedstocks of what this sync covers that no listing had: each is asked for by its name."""
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


def _ask_for_displaced(fetching: Fetching, ended: str | None) -> str | None:
    """A name that another repository has now: what became of the one that had it? It is asked for by its number.

    If that is not told, nothing is said of the name, so that the runs of one are not given to the other. `ended` and
    what is returned say why nothing more can be asked.
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
            answer = fetching.transport.get(f"{fetching.urls.api}/repositories/{before.github_id}", 1_000_000)
            if answer.status == 404:
                continue
            if answer.status != 200:
                raise GitHubError(f"GitHub answered {answer.status} for the repository that was {name}")
            moved = repository_of(answer.json())
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
            fetching.faults[repository.name] = str(error)
    return ended


def repository_of(value: Any) -> Repository:
    """A repository as the REST API tells of it. Raises GitHubError."""
    try:
        return Repository(int(value["id"]), str(value["full_name"]), bool(value.get("archived")))
    except (KeyError, TypeError, ValueError):
        raise GitHubError("GitHub told of a repository in a form that is not known here") from None


def first_file(fetching: Fetching, repository: Repository, paths: Sequence[str]) -> FetchedFile | None:
    """The first of several files that is there, by its raw address. Raises GitHubError."""
    for path in paths:
        if file := fetching.raw_file(repository, path):
            return file
    return None
