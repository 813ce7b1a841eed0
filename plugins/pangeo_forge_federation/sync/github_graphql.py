"""Fetch over GraphQL: 100 repositories per request, each with the id and text of its file.

Listings are sorted by the creation date of repositories, which no push changes. Single repositories are requested by
alias, some of them together with pages of listings. https://docs.github.com/graphql documents the schema.
"""

from collections.abc import Sequence
from typing import Any

from pangeo_forge_federation.sync.fetched import NO_FILE, FetchedFile, blob_sha
from pangeo_forge_federation.sync.github import PAGE_SIZE, Fetching, Repository, first_file, missing
from pangeo_forge_federation.sync.transport import FetchEnds, GitHubError, GitHubResponse
from pangeo_forge_federation.values import times
from pangeo_forge_federation.values.repositories import BAKERIES_PATH, META_PATHS, is_repository

# The page size after GitHub failed on a full page: it aborts queries that take longer than 10 seconds.
SMALL_PAGE_SIZE = 20
# Maximum number of single repositories in the request of a page, and in a separate request.
SINGLES_WITH_A_PAGE = 20
SINGLES_PER_REQUEST = 50

_PAGE = """
  organization(login: $login) {
    repositories(first: $first, after: $after, orderBy: {field: CREATED_AT, direction: ASC}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { ...feedstock }
    }
  }"""
_REPOSITORY = """
  databaseId
  nameWithOwner
  isArchived
  defaultBranchRef { target { oid ... on Commit { committedDate } } }"""
_BLOB = "{ __typename oid ... on Blob { text byteSize isTruncated isBinary } }"
_TYPES = {"first": "Int!", "after": "String"}
_ALIASES = {META_PATHS[0]: "yaml", META_PATHS[1]: "yml", BAKERIES_PATH: "bakeries"}


def _fragment(name: str, paths: Sequence[str]) -> str:
    files = "".join(f'\n  {_ALIASES[path]}: object(expression: "HEAD:{path}") {_BLOB}' for path in paths)
    return f"\nfragment {name} on Repository {{{_REPOSITORY}{files}\n}}"


_FRAGMENTS = {"feedstock": _fragment("feedstock", META_PATHS), "database": _fragment("database", (BAKERIES_PATH,))}


def fetch_graphql(fetching: Fetching) -> None:
    """Fetch everything in the scope. Raises FetchEnds; after any other error the fetch continues."""
    scope = fetching.scope
    singles = fetching.singles()
    if scope.feedstocks:
        for organisation in scope.organisations:
            try:
                _fetch_organisation(fetching, organisation, singles)
                fetching.errors.setdefault(organisation, None)
            except FetchEnds:
                raise
            except GitHubError as error:
                fetching.errors[organisation] = str(error)
    _fetch_singles(fetching, singles)
    _fetch_singles(fetching, missing(fetching))


def _fetch_organisation(fetching: Fetching, organisation: str, singles: list[str]) -> None:
    after, count, size = None, 0, PAGE_SIZE
    while True:
        extra = [singles.pop(0) for _ in range(min(len(singles), SINGLES_WITH_A_PAGE))]
        try:
            data, errors = _request(fetching, extra, organisation, after, size)
        except FetchEnds:
            raise
        except GitHubError:
            singles[:0] = extra
            if size == SMALL_PAGE_SIZE:
                raise
            size = SMALL_PAGE_SIZE
            continue
        _take_singles(fetching, extra, data, errors)
        owner = data.get("organization")
        if owner is None:
            if _is_not_found(errors, ("organization",)):
                raise GitHubError(f"GitHub has no organisation named {organisation}")
            raise GitHubError(f"GitHub did not list the repositories of {organisation}{_first_message(errors)}")
        page = owner.get("repositories") or {}
        nodes = page.get("nodes") or []
        for index, node in enumerate(nodes):
            if node is not None:
                _take(fetching, node, errors, ("organization", "repositories", "nodes", index))
        if any(node is None for node in nodes) or not page:
            fetching.errors[organisation] = "GitHub's list of repositories is incomplete" + _first_message(errors)
        count += len(nodes)
        fetching.progress.step(f"{organisation}: repositories", count, page.get("totalCount"))
        info = page.get("pageInfo") or {}
        if not info.get("hasNextPage"):
            return
        if not info.get("endCursor") or info["endCursor"] == after:
            raise GitHubError(f"GitHub's list of the repositories of {organisation} is incomplete")
        after = info["endCursor"]


def _fetch_singles(fetching: Fetching, names: Sequence[str]) -> None:
    for start in range(0, len(names), SINGLES_PER_REQUEST):
        batch = names[start : start + SINGLES_PER_REQUEST]
        try:
            data, errors = _request(fetching, batch)
        except FetchEnds:
            raise
        except GitHubError as error:
            fetching.errors |= dict.fromkeys(batch, str(error))
            continue
        _take_singles(fetching, batch, data, errors)
        fetching.progress.step("single repositories", start + len(batch), len(names))


def _take_singles(fetching: Fetching, names: Sequence[str], data: dict, errors: list[dict]) -> None:
    for index, name in enumerate(names):
        node = data.get(f"r{index}")
        if node is not None:
            _take(fetching, node, errors, (f"r{index}",))
            fetching.errors.setdefault(name, None)
        elif _is_not_found(errors, (f"r{index}",)):
            fetching.note_unknown(name)
        else:
            fetching.errors[name] = "GitHub did not return this repository" + _first_message(errors)


def _take(fetching: Fetching, node: dict[str, Any], errors: list[dict], path: tuple) -> None:
    """Add one repository with its file."""
    repository = _repository_of(node)
    if not is_repository(repository.name) or not fetching.see(repository):
        return
    paths = fetching.wanted_paths(repository.name)
    try:
        file = _file_of(fetching, repository, node, errors, path)
        # null is no proof that the file is gone
        if file is None and (fetching.is_present(repository) or fetching.is_bakery_database(repository.name)):
            file = first_file(fetching, repository, paths)
    except FetchEnds:
        raise
    except GitHubError as error:
        fetching.note_failed(repository, error)
        return
    fetching.take(repository, file)


def _file_of(
    fetching: Fetching, repository: Repository, node: dict[str, Any], errors: list[dict], path: tuple
) -> FetchedFile | None:
    """Return the first existing file of a repository. Raises GitHubError if that is unknown."""
    name = repository.name
    for file_path in fetching.wanted_paths(name):
        blob = node.get(_ALIASES[file_path])
        if blob is None:
            if errors_at(errors, (*path, _ALIASES[file_path])):
                raise GitHubError("GitHub did not return it" + _first_message(errors))
            continue
        if blob.get("__typename") != "Blob":
            return FetchedFile(name, file_path, None, NO_FILE)
        oid = blob["oid"]
        if oid == fetching.known_version(repository, file_path)[0]:
            return FetchedFile(name, file_path, None, blob=oid)
        text = blob.get("text")
        if text is not None and not blob.get("isTruncated"):
            data = text.encode("utf-8", "surrogatepass")
            # the text of a file that is not UTF-8 has other bytes
            if blob_sha(data) == oid:
                return FetchedFile(name, file_path, data, blob=oid)
        file = fetching.raw_file(repository, file_path, oid)
        if file is None:
            raise GitHubError(f"GitHub lists {file_path} but returns 404 for it")
        return file
    return None


def _repository_of(node: dict[str, Any]) -> Repository:
    target = (node.get("defaultBranchRef") or {}).get("target") or {}
    committed = target.get("committedDate")
    return Repository(
        node["databaseId"],
        node["nameWithOwner"],
        bool(node.get("isArchived")),
        target.get("oid"),
        _time(committed) if committed else None,
    )


def _time(text: str) -> str | None:
    try:
        return times.parse(text)
    except ValueError:
        return None


def _request(
    fetching: Fetching,
    names: Sequence[str],
    organisation: str | None = None,
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> tuple[dict[str, Any], list[dict]]:
    """Request a page of an organisation, single repositories, or both. Return (data, errors). Raises GitHubError."""
    variables: dict[str, Any] = {}
    fields = []
    used = set()
    if organisation:
        variables |= {"login": organisation, "first": size, "after": after}
        fields.append(_PAGE)
        used.add("feedstock")
    for index, name in enumerate(names):
        variables[f"owner{index}"], variables[f"name{index}"] = name.split("/")
        fragment = "database" if fetching.is_bakery_database(name) else "feedstock"
        used.add(fragment)
        fields.append(f"\n  r{index}: repository(owner: $owner{index}, name: $name{index}) {{ ...{fragment} }}")
    declared = ", ".join(f"${name}: {_TYPES.get(name, 'String!')}" for name in variables)
    query = f"query ({declared}) {{{''.join(fields)}\n}}" + "".join(_FRAGMENTS[name] for name in sorted(used))
    response = fetching.transport.post(fetching.urls.graphql, {"query": query, "variables": variables}, _is_limit)
    if response.status != 200:
        raise GitHubError(f"GitHub returned {response.status} for a query")
    body = response.json()
    if not isinstance(body, dict):
        raise GitHubError("GitHub returned the result of a query in an unknown format")
    errors = body.get("errors") or []
    data = body.get("data")
    if data is None:
        raise GitHubError("GitHub did not return the result of a query" + _first_message(errors))
    return data, errors


def _is_limit(response: GitHubResponse) -> bool:
    """Return whether this is a rate limit of GraphQL, which may have status 200."""
    if response.status != 200 or (b"ate limit" not in response.body and b"RATE_LIMITED" not in response.body):
        return False
    body = response.json()
    errors = (body.get("errors") or []) if isinstance(body, dict) else []
    return any(
        error.get("type") == "RATE_LIMITED" or "rate limit" in str(error.get("message")).lower() for error in errors
    )


def errors_at(errors: list[dict], path: tuple) -> list[dict]:
    """Return the errors at or below a path in the response."""
    return [error for error in errors if tuple(error.get("path") or ())[: len(path)] == path]


def _is_not_found(errors: list[dict], path: tuple) -> bool:
    return any(error.get("type") == "NOT_FOUND" for error in errors_at(errors, path))


def _first_message(errors: list[dict]) -> str:
    return f": {str(errors[0].get('message'))[:200]}" if errors else ""
