"""Fetch without a token: listings of the REST API and raw files, both asked for only if they changed.

GitHub gives 60 requests an hour to who has no token: a listing is one for 100 repositories, a repository that is
named singly is one. Raw files are not counted. https://docs.github.com/rest/repos/repos has the answers.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pangeo_forge_federation.sync.fetched import FetchedFile
from pangeo_forge_federation.sync.github import PAGE_SIZE, Fetching, Repository, first_file, missing, repository_of
from pangeo_forge_federation.sync.transport import CONNECTIONS, FetchEnds, GitHubError
from pangeo_forge_federation.values.json_text import write_json
from pangeo_forge_federation.values.repositories import is_repository

# Bytes of what is kept of an answer, as the table has it.
KEPT_BYTES = 100_000


def fetch_rest(fetching: Fetching) -> None:
    """Fetch what the scope covers. Raises FetchEnds; other faults are noted and the rest is fetched."""
    scope = fetching.scope
    if scope.feedstocks:
        for organisation in scope.organisations:
            try:
                _fetch_organisation(fetching, organisation)
                fetching.faults.setdefault(organisation, None)
            except FetchEnds:
                raise
            except GitHubError as error:
                fetching.faults[organisation] = str(error)
    _fetch_singles(fetching, [name for name in fetching.singles() if name.lower() not in fetching.seen])
    _fetch_singles(fetching, missing(fetching))


def _fetch_organisation(fetching: Fetching, organisation: str) -> None:
    count = page = 0
    goes_on = True
    while goes_on:
        page += 1
        url = f"{fetching.urls.api}/orgs/{organisation}/repos"
        key = f"{url}?per_page={PAGE_SIZE}&sort=created&direction=asc&page={page}"
        listed = _ask(fetching, key)
        if listed is None:
            raise GitHubError(f"GitHub has no organisation named {organisation}")
        rows, goes_on = listed
        repositories = [Repository(*row) for row in rows]
        _fetch_files(fetching, repositories)
        count += len(repositories)
        fetching.progress.step(f"{organisation}: repositories", count, None)


def _fetch_singles(fetching: Fetching, names: Sequence[str]) -> None:
    for number, name in enumerate(names, start=1):
        try:
            found = _ask(fetching, f"{fetching.urls.api}/repos/{name}")
            if found:
                _fetch_files(fetching, [Repository(*row) for row in found[0]])
                fetching.faults.setdefault(name, None)
            else:
                fetching.note_unknown(name)
        except FetchEnds:
            raise
        except GitHubError as error:
            fetching.faults[name] = str(error)
        fetching.progress.step("single repositories", number, len(names))


def _fetch_files(fetching: Fetching, repositories: Sequence[Repository]) -> None:
    """The files of many repositories, several at a time, taken in their order."""
    new = [each for each in repositories if is_repository(each.name) and fetching.see(each)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for repository, found in zip(new, pool.map(lambda each: _first_or_error(fetching, each), new), strict=True):
            if isinstance(found, FetchEnds):
                pool.shutdown(cancel_futures=True)
                raise found
            if isinstance(found, GitHubError):
                fetching.note_failed(repository, found)
            else:
                fetching.take(repository, found)


def _first_or_error(fetching: Fetching, repository: Repository) -> FetchedFile | GitHubError | None:
    try:
        return first_file(fetching, repository, fetching.wanted_paths(repository.name))
    except GitHubError as error:
        return error


def _ask(fetching: Fetching, url: str) -> tuple[list[list[Any]], bool] | None:
    """What is kept of an answer; None for 404. Raises GitHubError.

    It is [number, owner/name, archived] of each repository, and whether there are more.
    """
    etag, kept = fetching.known.answers.get(url, (None, ""))
    answer = fetching.transport.get(url, etag=etag)
    if answer.status == 304:
        return json.loads(kept)
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise GitHubError(f"GitHub answered {answer.status} to a listing")
    body = answer.json()
    repositories = [repository_of(each) for each in (body if isinstance(body, list) else [body])]
    link = answer.headers.get("Link")
    goes_on = 'rel="next"' in link if link is not None else len(repositories) >= PAGE_SIZE
    told = ([[each.github_id, each.name, each.archived] for each in repositories], goes_on)
    text = write_json(told)
    if (etag := answer.headers.get("ETag")) and len(text.encode()) <= KEPT_BYTES:
        fetching.answers[url] = (etag, text)
    return told
