"""Errors of pages: what Datasette raises, as the problem that it is."""

import logging
import sqlite3
from typing import Any

from datasette.utils.asgi import Base400, Response
from datasette.views.base import DatasetteError

from federation.errors import CONTENT_TYPE, KIND_OF_STATUS, KINDS, ProblemDetails, problem_body
from federation.registry import registry_of

logger = logging.getLogger(__name__)


async def answer_exception(datasette: Any, request: Any, exception: Exception) -> Response:
    """The response to an exception below a page: problem details for JSON and the registry's paths, else a page."""
    problem = problem_of(exception)
    if problem.status == 500:
        # a traceback as text, and never with the local variables, among which a token may be
        logger.error("%s %s failed", request.method, request.path, exc_info=exception)
    if wants_json(datasette, request.path):
        return Response(problem_body(problem), status=problem.status, content_type=CONTENT_TYPE)
    template = datasette.jinja_env.select_template([f"{problem.status}.html", "error.html"])
    context = {
        "ok": False,
        "error": problem.detail,
        "status": problem.status,
        "title": problem.title,
        "urls": datasette.urls,
        "app_css_hash": datasette.app_css_hash(),
        "menu_links": list,
    }
    return Response.html(await template.render_async(context), status=problem.status)


def problem_of(exception: Exception) -> ProblemDetails:
    """An exception as a problem. Of what nobody expected, nothing is said."""
    if isinstance(exception, ProblemDetails):
        return exception
    if isinstance(exception, sqlite3.DataError):
        return ProblemDetails("bad-request", "a value of this query is larger than a query may make")
    status, detail = 500, "the cause is in the server's log"
    if isinstance(exception, DatasetteError):
        status, detail = exception.status, exception.message
    elif isinstance(exception, Base400):
        status, detail = exception.status, str(exception)
    kind = KIND_OF_STATUS.get(status, "bad-request")
    problem = ProblemDetails(kind, detail or KINDS[kind][1])
    return problem


def wants_json(datasette: Any, path: str) -> bool:
    """Whether a path answers JSON: it ends in .json, or its first part is that of an endpoint."""
    first = path.strip("/").partition("/")[0]
    endpoints = {
        each.strip("/").partition("/")[0] for query in registry_of(datasette).queries.values() for each in query.paths
    }
    return path.endswith(".json") or first in endpoints
