"""From a request to its handler: one table of (path, method), from which HEAD, OPTIONS, 405 and `Allow` follow.

All paths of the registry are in one table because two plugins that register the same path shadow each other, in an
order that differs by machine.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from pangeo_forge_federation.access.actors import actor_of
from pangeo_forge_federation.api.canned_queries import BadQuery, CannedQuery
from pangeo_forge_federation.api.response_cache import KEEP
from pangeo_forge_federation.api.services import Services
from pangeo_forge_federation.problems import ProblemDetails, unauthorized
from pangeo_forge_federation.records.actor import Actor
from pangeo_forge_federation.records.models import Record
from pangeo_forge_federation.request_notes import note_of_request
from pangeo_forge_federation.values.printable import printable
from pangeo_forge_federation.web.addresses import Address, address_of, base_of
from pangeo_forge_federation.web.query_strings import read_parameters
from pangeo_forge_federation.web.replies import JSON, PREFLIGHT, Reply, finish, problem_reply, send_reply

logger = logging.getLogger("federation.routes")

WRITE_METHODS = ("POST", "PATCH")


@dataclass(frozen=True)
class Call:
    """One request, as a handler needs it."""

    services: Services
    method: str
    # parameters of the path, percent-encoded
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    actor: Actor | None
    address: Address
    receive: Callable[[], Awaitable[dict]]
    # those that were sent several times: of each only the last is among the headers
    repeated_headers: frozenset[str] = frozenset()
    # Datasette's actor, by which its permissions go
    visitor: Mapping[str, Any] | None = None

    async def read(self, query: CannedQuery, address: Address | None = None) -> Reply:
        """The reply of a canned query, as asked for in the URL or in `address`. Raises ProblemDetails."""
        await self.services.permissions.require(self.visitor, query.name)
        return await self.services.reads.answer(query, self.parameters, address or self.address)


Handler = Callable[[Call], Awaitable[Reply]]
Table = dict[str, dict[str, Handler]]


@dataclass(frozen=True)
class Operation:
    """A handler that is no canned query, with what the OpenAPI document says of it."""

    name: str
    title: str
    handler: Handler
    description: str = ""
    tag: str = "Registry"
    # the record that is answered
    record: type[Record] | None = None
    # the model of the body, and whether an array of them is taken too; without a body, whether an array is answered
    body: type[BaseModel] | None = None
    many: bool = False
    # types of a body that is another's, and is no record of ours
    payload_types: tuple[str, ...] = ()
    # parameters of the query string, with what they mean, and those of them that must be there
    query_parameters: Mapping[str, str] = field(default_factory=dict)
    required_parameters: tuple[str, ...] = ()
    # statuses of success
    statuses: tuple[int, ...] = (200,)
    # statuses of problems, beside those that every operation may answer
    problems: tuple[int, ...] = ()
    # what it answers where that is no record
    content_type: str = JSON


def read_handler(query_name: str) -> Handler:
    """The handler of a canned query's GET."""

    async def read(call: Call) -> Reply:
        return await call.read(call.services.queries[query_name])

    return read


def table_of(queries: Mapping[str, CannedQuery], operations: Mapping[tuple[str, str], Operation]) -> Table:
    """Path -> method -> handler: the canned queries' GETs and what else there is."""
    table: Table = {}
    for name, query in queries.items():
        for path in query.paths:
            table.setdefault(path, {})["GET"] = read_handler(name)
    for (path, method), operation in operations.items():
        if method in table.setdefault(path, {}):
            raise BadQuery(f"{method} {path} is a canned query's and {operation.name}'s")
        table[path][method] = operation.handler
    return table


def allowed_methods(handlers: Mapping[str, Handler]) -> list[str]:
    """What `Allow` says of a path (RFC 9110, 10.2.1)."""
    methods = set(handlers) | {"OPTIONS"}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)


async def respond(
    handlers: Mapping[str, Handler], services: Services, request: Any, send: Callable[[dict], Awaitable[None]]
) -> None:
    """Answer a request to one path. `request` is Datasette's."""
    method = request.method
    headers = request.headers
    try:
        reply = await _reply(handlers, services, request)
    except ProblemDetails as problem:
        reply = problem_reply(problem)
    except Exception:
        # the cause is for the log alone
        logger.exception("%s %s failed", method, request.path)
        reply = problem_reply(ProblemDetails("internal", "The cause is in the server's log."))
    _note_use(services, request, method, reply.status)
    if reply.headers.get("Location", "").startswith("/"):
        reply.headers["Location"] = _address(request, services.settings.public_url).base + reply.headers["Location"]
    if keep := request.scope.get(KEEP):
        keep(reply)
    if reply.application is not None:
        await reply.application(request.scope, request.receive, send)
        return
    await send_reply(finish(reply, method, headers), send)


async def _reply(handlers: Mapping[str, Handler], services: Services, request: Any) -> Reply:
    method = request.method
    if services.is_replica:
        handlers = {each: handler for each, handler in handlers.items() if each not in WRITE_METHODS}
    allow = ", ".join(allowed_methods(handlers))
    if method == "OPTIONS":
        headers = {"Allow": allow, "Access-Control-Allow-Methods": allow, **PREFLIGHT}
        return Reply(status=204, content_type=None, headers=headers)
    handler = handlers.get("GET" if method == "HEAD" else method)
    if handler is None and services.is_replica and method in WRITE_METHODS:
        detail = f"This is a read replica: {primary_hint('write', services.settings.primary_url)}."
        raise ProblemDetails("method-not-allowed", detail, headers={"Allow": allow})
    if handler is None:
        detail = f"{method} is not available at {request.path}. Allowed: {allow}."
        raise ProblemDetails("method-not-allowed", detail, headers={"Allow": allow})
    if request.actor is None and "authorization" in request.headers:
        raise unauthorized("This token is unknown, expired or revoked.")
    actor = actor_of(request.actor)
    # everybody may read, and nobody is counted for it
    limits = services.rate_limit.count(actor.token_id) if actor and method in WRITE_METHODS else {}
    call = Call(
        services=services,
        method=method,
        parameters=request.url_vars,
        headers=request.headers,
        actor=actor,
        address=_address(request, services.settings.public_url),
        receive=request.receive,
        repeated_headers=repeated_headers(request.scope["headers"]),
        visitor=request.actor,
    )
    try:
        reply = await handler(call)
    except ProblemDetails as problem:
        problem.headers |= limits
        raise
    reply.headers |= limits
    return reply


def primary_hint(what: str, primary_url: str | None) -> str:
    """Where a read replica sends those whom it cannot serve."""
    return f"{what} to {primary_url or 'the primary'}"


def repeated_headers(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[str]:
    """The names, in small letters, of headers that were sent more than once."""
    counted = Counter(name.decode("latin-1").lower() for name, _ in headers)
    return frozenset(name for name, count in counted.items() if count > 1)


def _note_use(services: Services, request: Any, method: str, status: int) -> None:
    """Write a use of a token down, after the fact."""
    actor = actor_of(request.actor)
    if actor is None:
        return
    note_of_request().token_id = actor.token_id
    services.audit.note_use(actor.token_id)
    if method in WRITE_METHODS:
        client = (request.scope.get("client") or [None])[0]
        services.audit.append(actor.token_id, client, method, request.full_path, status)


def _address(request: Any, public_url: str | None) -> Address:
    return address_of(public_url or base_of(request.scheme, request.host), request.path, request.query_string)


def refuse_parameters(call: Call) -> None:
    """Nothing is silently ignored. Raises ProblemDetails (400)."""
    for name, _ in read_parameters(call.address.query_string):
        raise ProblemDetails(
            "bad-parameter", "This endpoint does not accept query parameters.", parameter=printable(name)
        )
