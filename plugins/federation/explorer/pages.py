"""Which data each template gets, and the pages that have an address of their own."""

import asyncio
import logging
import sqlite3
from datetime import date, timedelta
from typing import Any

from datasette import NotFound, Response
from datasette.utils import tilde_decode
from datasette.utils.asgi import BadRequest

from federation.errors import ProblemDetails
from federation.explorer import records
from federation.explorer.cells import cell
from federation.explorer.frame import frame
from federation.explorer.home import home
from federation.explorer.links import Links
from federation.explorer.lists import endpoint_urls, shown_columns, unknown_columns
from federation.explorer.nearest import nearest
from federation.explorer.queries import Queries, read
from federation.explorer.search import search
from federation.explorer.statistics import statistics
from federation.explorer.tallies import asked_for, count, tallies
from federation.explorer.token_use import last_token_use
from federation.get_snapshots import record_of
from federation.registry import registry_of
from federation.snapshots import list_snapshots

logger = logging.getLogger(__name__)

ERROR_TEMPLATES = ("404.html", "error.html")
RECORD_TEMPLATES = {
    "feedstocks": "feedstock.html",
    "recipe_runs": "recipe_run.html",
    "datasets": "dataset.html",
    "bakeries": "bakery.html",
}


async def variables(
    datasette: Any, request: Any, template: str | None, table: str | None, columns: list[str] | None
) -> dict[str, Any]:
    """The variables of a template, beside Datasette's."""
    try:
        found: dict[str, Any] = {"frame": await frame(datasette, request)}
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
    if table is not None and template and template.startswith("table"):
        found: dict[str, Any] = {
            "shown_columns": shown_columns(table, columns, request.args),
            "unknown_columns": unknown_columns(table, columns, request.args),
            "endpoint": endpoint_urls(registry_of(datasette), links, table, request.args),
        }
        if asked_for(table, request.args):
            counted = await read(datasette, lambda queries: queries.rows("recipe_runs_by_status"))
            found |= {"tallies": tallies(counted, request, links), "known_count": count(counted, request.args)}
        return found
    return {}


async def record_page(datasette: Any, request: Any) -> Response:
    """A record's page, at the address of its row. Datasette's row page counts all that refers to it first."""
    table, key = request.url_vars["table"], tilde_decode(request.url_vars["key"])
    links = Links(datasette.urls)
    if table == "bakeries" and "day" in request.args:
        # what the bars of its strip lead to
        day = day_of(request.args["day"])
        filters = {"bakery_id": key, "run_date__gte": day, "run_date__lt": day + timedelta(days=1)}
        return Response.redirect(links.table("recipe_run_summaries", **filters))

    def page_of(queries: Queries) -> dict[str, Any] | None:
        match table:
            case "feedstocks":
                return records.feedstock(queries, key)
            case "recipe_runs":
                return records.recipe_run(queries, number(key))
            case "datasets":
                return records.dataset(queries, number(key), links)
            case _:
                return records.bakery(queries, key)

    page = await read(datasette, page_of)
    if page is None:
        raise NotFound(f"There is nothing in {table} with the id {key}")
    if table == "bakeries":
        page["token_used_on"] = await last_token_use(datasette, page["bakery"]["id"])
    return Response.html(await datasette.render_template(RECORD_TEMPLATES[table], {"page": page}, request=request))


def day_of(text: str) -> date:
    """Raises BadRequest."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"day={text} is no day: write it as 2026-11-24") from error


def number(key: str) -> int:
    """A key as an integer, written as the registry writes it. Raises NotFound."""
    if not key.isascii() or not key.isdigit() or key.startswith("0") or int(key) >= 2**63:
        raise NotFound(f"There is no record with the id {key}")
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


async def snapshots_page(datasette: Any, request: Any) -> Response:
    there = await asyncio.to_thread(list_snapshots, registry_of(datasette).data)
    context = {"snapshots": [record_of(each, "") for each in there]}
    return Response.html(await datasette.render_template("snapshots.html", context, request=request))


def table_cell(datasette: Any, row: Any, column: str, value: Any, table: str | None) -> Any:
    return cell(Links(datasette.urls), row, column, value, table)
