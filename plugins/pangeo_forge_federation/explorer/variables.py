"""The variables that Datasette's templates get in addition to their own."""

import logging
import sqlite3
from typing import Any

from pangeo_forge_federation.api.services import services_of
from pangeo_forge_federation.explorer.frame import frame
from pangeo_forge_federation.explorer.links import Links
from pangeo_forge_federation.explorer.lists import endpoint_urls, invalid_filters, shown_columns
from pangeo_forge_federation.explorer.nearest import nearest
from pangeo_forge_federation.explorer.queries import read
from pangeo_forge_federation.explorer.tallies import count, covers, tallies
from pangeo_forge_federation.problems import ProblemDetails

logger = logging.getLogger("federation.explorer.variables")

ERROR_TEMPLATES = ("404.html", "error.html")


async def variables(
    datasette: Any, request: Any, template: str | None, table: str | None, columns: list[str] | None
) -> dict[str, Any]:
    """Return the additional variables of a template."""
    try:
        found: dict[str, Any] = {"frame": await frame(datasette, request)}
        found |= await _variables(datasette, request, template, table, columns)
    except (sqlite3.Error, ProblemDetails):
        # an error page must not fail for the same reason as the page it replaces
        if template not in ERROR_TEMPLATES:
            raise
        logger.exception("%s has no frame", template)
        found = {"frame": None}
    return found


async def _variables(
    datasette: Any, request: Any, template: str | None, table: str | None, columns: list[str] | None
) -> dict[str, Any]:
    links = Links(datasette.urls)
    if template in ERROR_TEMPLATES and request is not None:
        return {"nearest": await read(datasette, lambda queries: nearest(queries, request.path, links))}
    if table is not None and template and template.startswith("table"):
        found: dict[str, Any] = {
            "shown_columns": shown_columns(table, columns, request.args),
            "invalid_filters": invalid_filters(table, columns, request.args),
            "endpoint": endpoint_urls(services_of(datasette), links, table, request.args),
        }
        if covers(table, request.args):
            counted = await read(datasette, lambda queries: queries.rows("recipe_runs_by_status"))
            found |= {"tallies": tallies(counted, request, links), "known_count": count(counted, request.args)}
        return found
    return {}
