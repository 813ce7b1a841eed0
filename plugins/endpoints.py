"""Every route of the registry: GETs from the canned queries, and the handlers that are named here."""

from datasette import hookimpl
from federation.health import get_health
from federation.registry import registry_of
from federation.routes import path_regex, respond, table_of
from federation.writing import post_recipe_runs

# (path, method): handler, beside the GETs of the canned queries
HANDLERS = {
    ("/recipe_runs", "POST"): post_recipe_runs,
    ("/health", "GET"): get_health,
}


def view_of(handlers):
    async def view(datasette, request, send):
        await respond(handlers, registry_of(datasette), request, send)

    return view


@hookimpl
def register_routes(datasette):
    table = table_of(registry_of(datasette).queries, HANDLERS)
    return [(path_regex(path), view_of(handlers)) for path, handlers in table.items()]


@hookimpl
def skip_csrf(datasette, scope):
    # these are authorized by a token in a header, which no other site can make a browser send
    return any(scope["path"].rstrip("/").startswith(path) for path, method in HANDLERS if method != "GET")
