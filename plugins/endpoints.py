"""Every route of the registry: GETs from the canned queries, and the handlers listed here."""

import re

from datasette import hookimpl
from pangeo_forge_federation.api.badge import GET_BADGE
from pangeo_forge_federation.api.feeds import FEEDS
from pangeo_forge_federation.api.health import GET_HEALTH
from pangeo_forge_federation.api.metrics import GET_METRICS
from pangeo_forge_federation.api.openapi import GET_OPENAPI
from pangeo_forge_federation.api.routes import respond, table_of
from pangeo_forge_federation.api.snapshots import GET_SNAPSHOT, GET_SNAPSHOTS
from pangeo_forge_federation.api.webhooks import POST_GITHUB_WEBHOOK
from pangeo_forge_federation.api.writes import (
    PATCH_DATASET,
    PATCH_RECIPE_RUN,
    PATCH_RECIPE_RUN_BY_EXTERNAL_ID,
    POST_DATASETS,
    POST_RECIPE_RUNS,
)
from pangeo_forge_federation.request_notes import note_of_request
from pangeo_forge_federation.services import ensure_services
from pangeo_forge_federation.web.addresses import path_regex

# in addition to the GETs of the canned queries
OPERATIONS = {
    ("/recipe_runs", "POST"): POST_RECIPE_RUNS,
    ("/recipe_runs", "PATCH"): PATCH_RECIPE_RUN_BY_EXTERNAL_ID,
    ("/recipe_runs/{recipe_run_id}", "PATCH"): PATCH_RECIPE_RUN,
    ("/datasets", "POST"): POST_DATASETS,
    ("/datasets/{dataset_id}", "PATCH"): PATCH_DATASET,
    ("/webhooks/github", "POST"): POST_GITHUB_WEBHOOK,
    ("/openapi.json", "GET"): GET_OPENAPI,
    ("/health", "GET"): GET_HEALTH,
    ("/metrics", "GET"): GET_METRICS,
    ("/snapshots", "GET"): GET_SNAPSHOTS,
    ("/snapshots/{snapshot}", "GET"): GET_SNAPSHOT,
    ("/feedstocks/{feedstock_id}/badge.svg", "GET"): GET_BADGE,
    **FEEDS,
}

# the responses of these can change without a commit
NOT_FROM_DATABASE = ("/health", "/metrics", "/snapshots", "/snapshots/{snapshot}")


def view_of(path, handlers):
    async def view(datasette, request, send):
        note_of_request().endpoint = path
        await respond(handlers, ensure_services(datasette), request, send)

    return view


@hookimpl
def register_routes(datasette):
    services = ensure_services(datasette)
    services.operations = OPERATIONS
    services.response_cache.keep_replies_of(
        path for path, method in OPERATIONS if method == "GET" and path not in NOT_FROM_DATABASE
    )
    table = table_of(services.queries, OPERATIONS)
    return [(path_regex(path), view_of(path, handlers)) for path, handlers in table.items()]


@hookimpl
def skip_csrf(scope):
    # these are authorised by a token or signature in a header, which other sites cannot make a browser send
    path = re.sub("/+", "/", scope["path"])
    return any(path.startswith(each) for each, method in OPERATIONS if method != "GET")
