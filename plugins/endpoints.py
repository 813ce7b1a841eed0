"""Every route of the registry: GETs from the canned queries, and the handlers that are named here."""

from datasette import hookimpl
from federation.health import GET_HEALTH
from federation.openapi import GET_OPENAPI
from federation.registry import registry_of
from federation.routes import path_regex, respond, table_of
from federation.writing import POST_RECIPE_RUNS

# beside the GETs of the canned queries
OPERATIONS = {
    ("/recipe_runs", "POST"): POST_RECIPE_RUNS,
    ("/openapi.json", "GET"): GET_OPENAPI,
    ("/health", "GET"): GET_HEALTH,
}


def view_of(handlers):
    async def view(datasette, request, send):
        await respond(handlers, registry_of(datasette), request, send)

    return view


@hookimpl
def register_routes(datasette):
    registry = registry_of(datasette)
    registry.operations = OPERATIONS
    table = table_of(registry.queries, OPERATIONS)
    return [(path_regex(path), view_of(handlers)) for path, handlers in table.items()]


@hookimpl
def skip_csrf(datasette, scope):
    # these are authorized by a token in a header, which no other site can make a browser send
    return any(scope["path"].rstrip("/").startswith(path) for path, method in OPERATIONS if method != "GET")
