"""Every route of the registry: GETs from the canned queries, and the handlers that are named here."""

import re

from datasette import hookimpl
from federation.addresses import path_regex
from federation.explorer.badge import GET_BADGE
from federation.explorer.feeds import FEEDS
from federation.health import GET_HEALTH
from federation.openapi import GET_OPENAPI
from federation.registry import registry_of
from federation.routes import respond, table_of
from federation.webhooks import POST_GITHUB_WEBHOOK
from federation.writing import (
    PATCH_DATASET,
    PATCH_RECIPE_RUN,
    PATCH_RECIPE_RUN_BY_EXTERNAL_ID,
    POST_DATASETS,
    POST_RECIPE_RUNS,
)

# beside the GETs of the canned queries
OPERATIONS = {
    ("/recipe_runs", "POST"): POST_RECIPE_RUNS,
    ("/recipe_runs", "PATCH"): PATCH_RECIPE_RUN_BY_EXTERNAL_ID,
    ("/recipe_runs/{recipe_run_id}", "PATCH"): PATCH_RECIPE_RUN,
    ("/datasets", "POST"): POST_DATASETS,
    ("/datasets/{dataset_id}", "PATCH"): PATCH_DATASET,
    ("/webhooks/github", "POST"): POST_GITHUB_WEBHOOK,
    ("/openapi.json", "GET"): GET_OPENAPI,
    ("/health", "GET"): GET_HEALTH,
    ("/feedstocks/{feedstock_id}/badge.svg", "GET"): GET_BADGE,
    **FEEDS,
}


def view_of(handlers):
    async def view(datasette, request, send):
        await respond(handlers, registry_of(datasette), request, send)

    return view


@hookimpl
def register_routes(datasette):
    registry = registry_of(datasette)
    registry.operations = OPERATIONS
    registry.hot_reads.also(path for path, method in OPERATIONS if method == "GET")
    table = table_of(registry.queries, OPERATIONS)
    return [(path_regex(path), view_of(handlers)) for path, handlers in table.items()]


@hookimpl
def skip_csrf(datasette, scope):
    # these are authorized by a token or a signature in a header, which no other site can make a browser send
    path = re.sub("/+", "/", scope["path"])
    return any(path.startswith(each) for each, method in OPERATIONS if method != "GET")
