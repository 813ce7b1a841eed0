"""A small GitHub on a real socket: GraphQL that evaluates the queries it is sent, the REST API, and raw files.

It cuts texts at 512,000 bytes and gives binary ones as null, as GitHub does. Faults are put into `faults`: a function
that takes a request and gives a response in place of the usual one, or None.
"""

import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from graphql import GraphQLError, build_schema, graphql_sync
from pangeo_forge_federation.sync.fetched import blob_sha
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

TEXT_BYTES = 512_000
# a feedstock in which nothing is wrong
META = "title: {}\nrecipes:\n  - id: daily\n    object: recipe:daily\nlicense: CC0-1.0\n"
COMMIT_TIME = "2026-11-20T12:00:00Z"
SCHEMA = build_schema("""
type Query { organization(login: String!): Organization repository(owner: String!, name: String!): Repository }
enum RepositoryOrderField { CREATED_AT PUSHED_AT NAME }
enum OrderDirection { ASC DESC }
input RepositoryOrder { field: RepositoryOrderField! direction: OrderDirection! }
type Organization { repositories(first: Int, after: String, orderBy: RepositoryOrder): RepositoryConnection! }
type RepositoryConnection { totalCount: Int! pageInfo: PageInfo! nodes: [Repository] }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Ref { name: String! target: GitObject }
interface GitObject { oid: String! }
type Commit implements GitObject { oid: String! committedDate: String! }
type Tree implements GitObject { oid: String! }
type Blob implements GitObject {
  oid: String! text: String byteSize: Int! isTruncated: Boolean! isBinary: Boolean
}
type Repository {
  databaseId: Int nameWithOwner: String! isArchived: Boolean! defaultBranchRef: Ref
  object(expression: String): GitObject
}
""")


@dataclass
class FakeRepository:
    github_id: int
    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    archived: bool = False

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()

    def graphql(self, fake: "FakeGitHub") -> dict:
        return {
            "databaseId": self.github_id,
            "nameWithOwner": self.name,
            "isArchived": self.archived,
            "defaultBranchRef": {
                "name": "main",
                "target": {"__typename": "Commit", "oid": self.commit, "committedDate": COMMIT_TIME},
            },
            "object": lambda info, expression: fake.blob(self, expression.removeprefix("HEAD:")),
        }


class FakeGitHub:
    def __init__(self, server: HTTPServer):
        self.server = server
        self.repositories: list[FakeRepository] = []
        self.moved: dict[str, int] = {}
        self.requests: list[tuple[str, str, int]] = []
        self.faults: list[Callable[[Request], Response | None]] = []
        # objects that GraphQL gives as null, without a word
        self.nulls: set[str] = set()
        self._lock = threading.Lock()
        server.expect_request("/graphql", method="POST").respond_with_handler(self._handle(self._graphql))
        server.expect_request(re.compile("/api/.*"), method="GET").respond_with_handler(self._handle(self._rest))
        server.expect_request(re.compile("/raw/.*"), method="GET").respond_with_handler(self._handle(self._raw))

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GITHUB_API_URL": self.server.url_for("/api"),
            "GITHUB_GRAPHQL_URL": self.server.url_for("/graphql"),
            "GITHUB_RAW_URL": self.server.url_for("/raw"),
            "FEDERATION_GITHUB_WAIT_SECONDS": "0.01",
        }

    def add(self, name: str, meta: str | bytes | None = None, path: str = "feedstock/meta.yaml") -> FakeRepository:
        github_id = 1 + max((each.github_id for each in self.repositories), default=100)
        repository = FakeRepository(github_id, name)
        if meta is not None:
            repository.files[path] = meta.encode() if isinstance(meta, str) else meta
        self.repositories.append(repository)
        return repository

    def rename(self, repository: FakeRepository, name: str) -> None:
        self.moved[repository.name.lower()] = repository.github_id
        repository.name = name

    def find(self, name: str) -> FakeRepository | None:
        for each in self.repositories:
            if each.name.lower() == name.lower():
                return each
        moved = self.moved.get(name.lower())
        return next((each for each in self.repositories if each.github_id == moved), None)

    def count(self, prefix: str) -> int:
        return sum(path.startswith(prefix) for _, path, _ in self.requests)

    def statuses(self) -> set[int]:
        return {status for _, _, status in self.requests}

    def blob(self, repository: FakeRepository, path: str) -> dict | None:
        if repository.name in self.nulls:
            return None
        data = repository.files.get(path)
        if data is None:
            folder = any(each.startswith(path + "/") for each in repository.files)
            return {"__typename": "Tree", "oid": "0" * 40} if folder else None
        binary = b"\x00" in data
        text = None if binary else data[:TEXT_BYTES].decode("utf-8", "replace")
        return {
            "__typename": "Blob",
            "oid": blob_sha(data),
            "text": text,
            "byteSize": len(data),
            "isTruncated": len(data) > TEXT_BYTES,
            "isBinary": binary,
        }

    def _handle(self, answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def handler(request: Request) -> Response:
            with self._lock:
                response = next((each for fault in self.faults if (each := fault(request))), None) or answer(request)
                self.requests.append((request.method, request.path, response.status_code))
            return response

        return handler

    def _graphql(self, request: Request) -> Response:
        asked = request.get_json()
        root = {"organization": self._organization, "repository": self._repository}
        result = graphql_sync(SCHEMA, asked["query"], root, variable_values=asked["variables"])
        body: dict = {"data": result.data}
        if result.errors:
            body["errors"] = [
                {"type": error.extensions.get("type"), "path": error.path, "message": error.message}
                if error.extensions
                else {"message": error.message, "path": error.path}
                for error in result.errors
            ]
        return Response(json.dumps(body), content_type="application/json")

    def _organization(self, info, login: str) -> dict:
        of_owner = [each for each in self.repositories if each.name.lower().startswith(f"{login.lower()}/")]
        if not of_owner:
            raise GraphQLError(f"Could not resolve to an Organization: {login}", extensions={"type": "NOT_FOUND"})

        def repositories(info, first=30, after=None, orderBy=None):
            start = int(after or 0)
            return {
                "totalCount": len(of_owner),
                "pageInfo": {"hasNextPage": start + first < len(of_owner), "endCursor": str(start + first)},
                "nodes": [each.graphql(self) for each in of_owner[start : start + first]],
            }

        return {"repositories": repositories}

    def _repository(self, info, owner: str, name: str) -> dict:
        found = self.find(f"{owner}/{name}")
        if found is None:
            raise GraphQLError(f"Could not resolve to a Repository {owner}/{name}", extensions={"type": "NOT_FOUND"})
        return found.graphql(self)

    def _rest(self, request: Request) -> Response:
        kind, _, rest = request.path.removeprefix("/api/").partition("/")
        headers = {}
        if kind == "orgs":
            owner = rest.split("/")[0].lower()
            of_owner = [each for each in self.repositories if each.name.lower().startswith(f"{owner}/")]
            if not of_owner:
                return Response("{}", 404)
            size, page = int(request.args.get("per_page", 30)), int(request.args.get("page", 1))
            body = [_told(each) for each in of_owner[(page - 1) * size : page * size]]
            if page * size < len(of_owner):
                headers["Link"] = f'<{request.base_url}?page={page + 1}>; rel="next"'
        else:
            by_number = [each for each in self.repositories if str(each.github_id) == rest]
            found = (by_number or [None])[0] if kind == "repositories" else self.find(rest)
            if found is None:
                return Response("{}", 404)
            body = _told(found)
        return _with_etag(request, json.dumps(body).encode(), headers)

    def _raw(self, request: Request) -> Response:
        owner, name, _, path = request.path.removeprefix("/raw/").split("/", 3)
        found = self.find(f"{owner}/{name}")
        if found is None or path not in found.files:
            return Response("404: Not Found", 404)
        return _with_etag(request, found.files[path], {})


def small_federation(httpserver: HTTPServer) -> FakeGitHub:
    """A GitHub with a bakery, and a feedstock of each owner that metadata.yml names."""
    fake = FakeGitHub(httpserver)
    fake.add("pangeo-forge/bakery-database", "example.bakery.gcp:\n  region: gcp.europe\n", "bakeries.yaml")
    fake.add("pangeo-forge/ice-feedstock", META.format("Ice"))
    fake.add("leap-stc/snow-feedstock", META.format("Snow"))
    fake.add("carbonplan/ocean-sink-data-feedstock", META.format("Ocean"))
    return fake


def _told(repository: FakeRepository) -> dict:
    return {"id": repository.github_id, "full_name": repository.name, "archived": repository.archived}


def _with_etag(request: Request, body: bytes, headers: dict[str, str]) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    if request.headers.get("If-None-Match") == etag:
        return Response(status=304, headers={"ETag": etag, **headers})
    return Response(body, headers={"ETag": etag, **headers})


def limited(status: int = 403, **headers: str) -> Response:
    body = '{"message": "You have exceeded a secondary rate limit. Try again later."}'
    return Response(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def rude_server(answer: bytes, endless: bytes = b"", reset: bool = False) -> Iterator[str]:
    """The URL of a server that sends these bytes to everybody, then others without end, then hangs up."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                continue
            with connection:
                try:
                    connection.settimeout(2)
                    connection.recv(65536)
                    connection.sendall(answer)
                    while endless and not stop.is_set():
                        connection.sendall(endless)
                    if reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        thread.join()
        listening.close()
