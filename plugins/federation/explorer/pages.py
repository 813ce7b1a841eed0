"""Which data each template gets, and the pages that have an address of their own."""

import logging
import sqlite3
from typing import Any

from datasette import NotFound, Response
from datasette.utils import tilde_decode, urlsafe_components

from federation.errors import ProblemDetails
from federation.explorer import records
from federation.explorer.cells import cell
from federation.explorer.frame import frame
from federation.explorer.home import home
from federation.explorer.links import Links
from federation.explorer.lists import endpoint_urls, shown_columns
from federation.explorer.nearest import nearest
from federation.explorer.queries import Queries, read
from federation.explorer.search import search
from federation.explorer.statistics import statistics
from federation.explorer.tallies import asked_for, tallies
from federation.registry import registry_of

logger = logging.getLogger(__name__)

ERROR_TEMPLATES = ("404.html", "error.html")


async def variables(
    datasette: Any, request: Any, template: str | None, table: str | None, columns: list[str] | None
) -> dict[str, Any]:
    """The variables of a template, beside Datasette's."""
    try:
        found = {"frame": await frame(datasette, request)}
        found |= await _variables(datasette, request, template, table, columns)
    except (sqlite3.Error, ProblemDetails):
        # the page that says what went wrong must not go wrong for the same reason
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
    if template and template.startswith("row-federation-"):
        return {"page": await _record(datasette, request, template, links)}
    if table is not None and template and template.startswith("table"):
        return {
            "shown_columns": shown_columns(table, columns, request.args),
            "endpoint": endpoint_urls(registry_of(datasette), links, table, request.args),
            "tallies": tallies(await read(datasette, lambda queries: queries.rows("recipe_runs_by_status")), request)
            if asked_for(table, request.args)
            else [],
        }
    return {}


async def _record(datasette: Any, request: Any, template: str, links: Links) -> dict[str, Any] | None:
    key = urlsafe_components(request.url_vars["pks"])[0]

    def page(queries: Queries) -> dict[str, Any] | None:
        match template:
            case "row-federation-feedstocks.html":
                return records.feedstock(queries, key)
            case "row-federation-recipe_runs.html":
                return records.recipe_run(queries, number(key))
            case "row-federation-datasets.html":
                return records.dataset(queries, number(key), links)
            case "row-federation-bakeries.html":
                return records.bakery(queries, key)
        return None

    return await read(datasette, page)


def number(key: str) -> int:
    """A key as an integer. SQLite would also find `1.0`, which is no address of a record here."""
    if not key.isascii() or not key.isdigit():
        raise NotFound("There is no such record")
    return int(key)


async def home_page(datasette: Any, request: Any) -> Response:
    """The home page, in place of Datasette's, which counts every table first. Its `/.json` stays."""
    await datasette.ensure_permissions(request.actor, ["view-instance"])
    page = await read(datasette, home)
    context = {"page": page, "metadata": datasette.metadata()}
    return Response.html(await datasette.render_template("index.html", context, request=request))


async def maintainer_page(datasette: Any, request: Any) -> Response:
    """A person's page. Datasette has none: the table of maintainers has a row for each of their feedstocks."""
    github = tilde_decode(request.url_vars["github"])
    page = await read(datasette, lambda queries: records.maintainer(queries, github))
    if page is None:
        raise NotFound(f"Nobody who is called {github} on GitHub maintains a feedstock")
    return Response.html(await datasette.render_template("maintainer.html", {"page": page}, request=request))


async def search_page(datasette: Any, request: Any) -> Response:
    words = request.args.get("q") or ""
    page = await read(datasette, lambda queries: search(queries, words))
    return Response.html(await datasette.render_template("search.html", {"page": page}, request=request))


async def statistics_page(datasette: Any, request: Any) -> Response:
    page = await read(datasette, statistics)
    return Response.html(await datasette.render_template("statistics.html", {"page": page}, request=request))


def table_cell(datasette: Any, row: Any, column: str, value: Any, table: str | None) -> Any:
    return cell(Links(datasette.urls), row, column, value, table)
