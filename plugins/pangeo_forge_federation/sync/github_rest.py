"""Fetch without a token, with conditional requests: repositories from the REST API, and raw files.

Without a token, GitHub allows 60 requests an hour: a page of 100 repositories is one request, and so is each single
repository. Raw files do not count. https://docs.github.com/rest/repos/repos documents the responses.
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

# Maximum bytes of a stored response, as checked by the table.
KEPT_BYTES = 100_000


def fetch_rest(fetching: Fetching) -> None:
    """Fetch everything in the scope. Raises FetchEnds; after any other error the fetch continues."""
    scope = fetching.scope
    if scope.feedstocks:
        for organisation in scope.organisations:
            try:
                _fetch_organisation(fetching, organisation)
                fetching.errors.setdefault(organisation, None)
            except FetchEnds:
                raise
            except GitHubError as error:
                fetching.errors[organisation] = str(error)
    _fetch_singles(fetching, [name for name in fetching.singles() if name.lower() not in fetching.seen])
    _fetch_singles(fetching, missing(fetching))


def _fetch_organisation(fetching: Fetching, organisation: str) -> None:
    count = page = 0
    has_next = True
    while has_next:
        page += 1
        url = f"{fetching.urls.api}/orgs/{organisation}/repos"
        key = f"{url}?per_page={PAGE_SIZE}&sort=created&direction=asc&page={page}"
        listing = _request(fetching, key)
        if listing is None:
            raise GitHubError(f"GitHub has no organisation named {organisation}")
        rows, has_next = listing
        repositories = [Repository(*row) for row in rows]
        _fetch_files(fetching, repositories)
        count += len(repositories)
        fetching.progress.step(f"{organisation}: repositories", count, None)


def _fetch_singles(fetching: Fetching, names: Sequence[str]) -> None:
    for number, name in enumerate(names, start=1):
        try:
            found = _request(fetching, f"{fetching.urls.api}/repos/{name}")
            if found:
                _fetch_files(fetching, [Repository(*row) for row in found[0]])
                fetching.errors.setdefault(name, None)
            else:
                fetching.note_unknown(name)
        except FetchEnds:
            raise
        except GitHubError as error:
            fetching.errors[name] = str(error)
        fetching.progress.step("single repositories", number, len(names))


def _fetch_files(fetching: Fetching, repositories: Sequence[Repository]) -> None:
    """Fetch the files of many repositories concurrently, and add them in order."""
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


def _request(fetching: Fetching, url: str) -> tuple[list[list[Any]], bool] | None:
    """Fetch repositories; None for 404. Raises GitHubError.

    Returns ([[numeric id, owner/name, archived], ...], whether there is another page).
    """
    etag, kept = fetching.known.responses.get(url, (None, ""))
    response = fetching.transport.get(url, etag=etag)
    if response.status == 304:
        return json.loads(kept)
    if response.status == 404:
        return None
    if response.status != 200:
        raise GitHubError(f"GitHub returned {response.status} for a list of repositories")
    body = response.json()
    repositories = [repository_of(each) for each in (body if isinstance(body, list) else [body])]
    link = response.headers.get("Link")
    has_next = 'rel="next"' in link if link is not None else len(repositories) >= PAGE_SIZE
    found = ([[each.github_id, each.name, each.archived] for each in repositories], has_next)
    text = write_json(found)
    if (etag := response.headers.get("ETag")) and len(text.encode()) <= KEPT_BYTES:
        fetching.responses[url] = (etag, text)
    return found
